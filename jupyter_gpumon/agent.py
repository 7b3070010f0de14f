"""The agent: ``python -m jupyter_gpumon.agent`` owns the driver and writes the stream on its standard output.

It is a process of its own, since a hung driver call cannot be cancelled and an upgraded driver needs a fresh process.
One thread meets the driver; one writes, so that a full pipe stops nobody and a hung driver does not look like a dead
agent; one reads requests and ends the process when its parent ends.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from .clock import SystemClock
from .errors import LibraryMismatch, SourceError, WireError
from .model import Error, Request, Sample
from .sources.host import HostReader
from .sources.known import KnownSensors, cache_file
from .sources.lifeline import BEAT, EXIT_FRESH, EXIT_REFUSED, REOPEN, Watchdog
from .sources.outbox import Outbox
from .sources.sampler import Sampler
from .sources.urls import backend_opener
from .wire import decode, encode_line

PARENT_LOOK = 1.0
"""Seconds between looks at whether the parent still lives."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the parent ends, and return the exit code."""
    asked = _parser().parse_args(arguments)
    if hasattr(signal, "pthread_sigmask"):  # Whoever started us may hold signals back: that is not for us.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        sampler = Sampler(
            backend_opener(asked.backend),
            HostReader(Path(os.environ.get("GPUMON_ROOT") or "/")),
            interval=asked.interval,
            source=asked.name or asked.backend,
            patience=asked.patience,
            reopen=asked.reopen,
            software=asked.software,
            known=KnownSensors(cache_file()),
        )
        return _run(sampler, asked.stall)
    except SourceError as e:
        _put_out(encode_line(Error(message=str(e))))
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jupyter_gpumon.agent", description="Write GPU samples as JSON Lines."
    )
    parser.add_argument("--backend", default="nvidia", help="nvidia, or sim:gpus=8&script=training")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between samples")
    parser.add_argument("--name", default="", help="what the stream calls its source")
    parser.add_argument("--stall", type=float, default=5.0, help="seconds after which a driver call counts as hung")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds to stay after a driver upgrade")
    parser.add_argument(
        "--reopen", type=float, default=REOPEN, help="seconds to wait for a lost GPU before another try"
    )
    parser.add_argument("--software", default="", help="version of jupyter-gpumon, to save looking it up")
    return parser


def _run(sampler: Sampler, stall: float) -> int:
    outbox = Outbox()
    writer = threading.Thread(target=write, args=(outbox, sampler, stall), daemon=True, name="gpumon-writer")
    writer.start()
    threading.Thread(target=obey, args=(sampler,), daemon=True, name="gpumon-requests").start()
    try:
        for message in sampler.stream(SystemClock()):
            outbox.put(message)
    except LibraryMismatch:
        return EXIT_FRESH
    finally:
        outbox.close()
        writer.join(2.0)
    return 0


def write(outbox: Outbox, sampler: Sampler, stall: float) -> None:
    """Write what there is; between, show that the agent lives and say when the driver hangs."""
    clock, watchdog = SystemClock(), Watchdog(sampler, stall)
    while not outbox.done:
        message = outbox.get(BEAT)
        hello = watchdog.look(clock)
        beat = Sample(time=clock.time(), mono=clock.mono())
        for line in (hello, message) if message or hello else (beat,):
            if line is not None:
                _put_out(encode_line(line))


def obey(sampler: Sampler) -> None:
    """Take requests from standard input; end the process when the parent ends, whatever the driver is doing."""
    parent, buffer = os.getppid(), b""
    while os.getppid() == parent:
        if os.name == "posix" and not select.select([0], [], [], PARENT_LOOK)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, buffer = (buffer + chunk).split(b"\n")
        for line in filter(None, lines):
            _take(line, sampler)
    # Not sys.exit: the driver's thread may never come back.
    os._exit(0)


def _take(line: bytes, sampler: Sampler) -> None:
    try:
        request = decode(line)
    except WireError as e:
        sys.stderr.write(f"Not a request: {e}\n")
        return
    if isinstance(request, Request):
        sampler.ask(request)


def _put_out(line: bytes) -> None:
    """Write the line whole; a reader that went away ends the process."""
    try:
        while line:
            line = line[os.write(1, line) :]
    except OSError:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
