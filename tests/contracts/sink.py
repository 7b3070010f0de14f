"""What every sink promises that keeps samples, wherever it keeps them.

``for promise in PROMISES: promise(place)``, each with a new ``Place``: ``open(run)`` opens the sink there, and
``read()`` tells the samples that are there, in order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from jupyter_gpumon.metrics import METRICS
from jupyter_gpumon.model import Device, Gpu, Hello, Host, Sample
from jupyter_gpumon.sinks import Sink

DEVICES = (
    Device(uuid="GPU-aa", index=0, name="Tiny"),
    Device(uuid="MIG-bb", index=0, instance=1, name="Tiny 1g", parent="GPU-aa"),
)
HELLO = Hello(hostname="n1", source="sim", simulated=True, devices=DEVICES)


class Place(NamedTuple):
    """Where a sink keeps samples."""

    open: Callable[[str], Sink]
    read: Callable[[], list[Sample]]


def sample(n: int, **more: float) -> Sample:
    """The ``n``-th sample: a board and an instance that knows less, and the host."""
    board = Gpu(
        uuid="GPU-aa", power=100.5 + n, energy=1000.0 + 100 * n, clock_events=() if n % 2 else ("power_cap", "idle")
    )
    return Sample(
        time=1_795_302_000.25 + n,
        mono=1000.125 + n,
        gpus=(board, Gpu(uuid="MIG-bb", memory_used=4096.0 * n)),
        host=Host(cpu=0.25, memory_used=1e9 + n),
        **more,
    )


def what_is_written_is_there_once_it_is_closed(place: Place) -> None:
    """Every sample, with its stamps, its GPUs and what is not known left unknown."""
    written = [sample(n) for n in range(25)]
    write(place, HELLO, *written)
    kept = place.read()
    assert [s.time for s in kept] == [s.time for s in written]
    assert [s.mono - kept[0].mono for s in kept] == [float(n) for n in range(25)]
    for before, after in zip(written, kept, strict=True):
        assert [gpu.uuid for gpu in after.gpus] == [gpu.uuid for gpu in before.gpus]
        for was, now in zip(before.gpus, after.gpus, strict=True):
            values = {name: getattr(now, name) for name in METRICS}
            assert all(value == getattr(was, name) for name, value in values.items() if value is not None)
            assert [now.power, now.energy, now.memory_used] == [was.power, was.energy, was.memory_used]


def writing_never_blocks(place: Place) -> None:
    """Whatever is the matter with the destination, the monitor's thread goes on."""
    sink = place.open("")
    begun = time.monotonic()
    for n in range(3000):
        sink.write(sample(n))
    assert time.monotonic() - begun < 30
    sink.close()


def nothing_is_lost_in_the_ordinary_case(place: Place) -> None:
    """And it says so: its address, nothing dropped, no problem."""
    sink = write(place, HELLO, *(sample(n) for n in range(100)))
    assert sink.dropped == 0
    assert sink.problem == ""
    assert sink.url


def what_was_there_stays(place: Place) -> None:
    """A destination that is opened again is continued."""
    write(place, HELLO, *(sample(n) for n in range(5)))
    write(place, HELLO, *(sample(n) for n in range(5, 9)))
    assert [s.time for s in place.read()] == [sample(n).time for n in range(9)]


def a_run_may_be_called_anything(place: Place) -> None:
    """Its name is a value: never part of a statement, a path or a format."""
    sink = place.open("'; DROP TABLE x; --/../..\"\n,ü%s{0}")
    sink.write(HELLO)
    sink.write(sample(1))
    sink.close()
    assert len(place.read()) == 1


def closing_twice_does_no_harm(place: Place) -> None:
    """``close`` is for whoever is not sure; what comes later is lost, and counted."""
    sink = write(place, HELLO, sample(1))
    sink.close()
    sink.write(sample(2))
    assert len(place.read()) == 1


def threads_may_write_side_by_side(place: Place) -> None:
    """The monitor's thread, and whoever closes."""
    sink = place.open("")
    sink.write(HELLO)
    threads = [
        threading.Thread(target=lambda n=n: [sink.write(sample(n * 20 + k)) for k in range(20)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    sink.close()
    assert len(place.read()) == 80


def write(place: Place, *messages) -> Sink:
    """Write these messages and close; the sink."""
    sink = place.open("")
    for message in messages:
        sink.write(message)
    sink.close()
    return sink


PROMISES: tuple[Callable[[Place], None], ...] = (
    what_is_written_is_there_once_it_is_closed,
    writing_never_blocks,
    nothing_is_lost_in_the_ordinary_case,
    what_was_there_stays,
    a_run_may_be_called_anything,
    closing_twice_does_no_harm,
    threads_may_write_side_by_side,
)
"""All of them, for ``pytest.mark.parametrize("promise", PROMISES)``."""
