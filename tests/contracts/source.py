"""What every source promises, wherever its numbers come from.

``for promise in PROMISES: promise(source)``, each with a source just opened whose GPUs answer.
"""

from __future__ import annotations

import threading
import time
from itertools import islice

from jupyter_gpumon.clock import SystemClock
from jupyter_gpumon.model import Hello, Request, Sample
from jupyter_gpumon.sources import Source
from jupyter_gpumon.wire import decode, encode


def the_first_message_is_a_hello(source: Source) -> None:
    """And it comes at once."""
    begun = time.monotonic()
    assert isinstance(next(iter(source.stream(SystemClock()))), Hello)
    assert time.monotonic() - begun < 5


def samples_follow_the_devices_of_the_hello(source: Source) -> None:
    """Every GPU in a sample was named by the last hello."""
    known: set[str] = set()
    seen = 0
    for message in source.stream(SystemClock()):
        if isinstance(message, Hello):
            known = {device.uuid for device in message.devices}
            continue
        assert {gpu.uuid for gpu in message.gpus} <= known
        seen += bool(message.gpus)
        if seen == 5:
            return


def stamps_only_grow(source: Source) -> None:
    """Monotonic time of whole samples."""
    stamps = [m.mono for m in islice(_samples(source), 8)]
    assert stamps == sorted(set(stamps))


def messages_survive_the_wire(source: Source) -> None:
    """What is yielded can be written and read again."""
    for message in islice(source.stream(SystemClock()), 8):
        assert decode(encode(message)) == message


def a_request_is_taken_or_ignored(source: Source) -> None:
    """Before, while and after it streams, from any thread."""
    source.ask(Request(interval=0.2))
    stream = _samples(source)
    next(stream)
    thread = threading.Thread(target=source.ask, args=(Request(measuring=True, tiers={"slow": 20.0, "x": 1.0}),))
    thread.start()
    next(stream)
    thread.join(5)
    source.close()
    source.ask(Request(measuring=False))


def closing_ends_the_stream(source: Source) -> None:
    """From another thread, within seconds; twice does no harm."""
    stream = _samples(source)
    next(stream)
    timer = threading.Timer(0.3, source.close)
    timer.start()
    begun = time.monotonic()
    for _ in stream:
        assert time.monotonic() - begun < 10
    source.close()
    timer.join()


def _samples(source: Source):
    for message in source.stream(SystemClock()):
        if isinstance(message, Sample) and message.gpus:
            yield message


PROMISES = [
    the_first_message_is_a_hello,
    samples_follow_the_devices_of_the_hello,
    stamps_only_grow,
    messages_survive_the_wire,
    a_request_is_taken_or_ignored,
    closing_ends_the_stream,
]
