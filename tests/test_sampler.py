"""The sampler on a clock turned by hand: rates, tiers, gaps, events, and a driver that goes away."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.errors import DriverNotLoaded, LibraryMismatch, LibraryNotFound
from jupyter_gpumon.model import Event, Hello, Request, Sample
from jupyter_gpumon.sources.sampler import Sampler

from .tiny import TinyBackend, device, samples, status, upto


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def backend():
    return TinyBackend()


@pytest.fixture
def stream(backend, clock):
    return Sampler(backend).stream(clock)


def events(sample: Sample) -> list[str]:
    return [event.title for event in sample.events]


def test_it_begins_with_a_hello_and_then_samples_once_a_second(stream):
    """The first message says "starting", the next names the devices, and samples are one second apart."""
    assert next(stream).status.state == "starting"
    hello = next(stream)
    assert [d.uuid for d in hello.devices] == ["GPU-0", "GPU-1"]
    assert (hello.status.state, hello.generation, hello.driver) == ("live", 1, "1.0")
    stamps = [sample.mono for sample in samples(stream, 5)]
    assert [b - a for a, b in pairwise(stamps)] == pytest.approx([1.0] * 4)


def test_a_slow_read_does_not_make_the_rate_drift(backend, clock, stream):
    """Reads that take 0.3 s leave the samples one second apart."""
    backend.before = lambda: clock.advance(0.3)
    stamps = [sample.mono for sample in samples(stream, 10)]
    assert stamps[-1] - stamps[0] == pytest.approx(9.0)


def test_missed_samples_are_counted_and_do_not_pile_up(backend, clock, stream):
    """In a read of 2.5 s two samples were due: one comes late and says that the other was left out."""
    samples(stream, 2)
    backend.before = lambda: clock.advance(2.5)
    samples(stream, 1)
    backend.before = lambda: None
    late, after = samples(stream, 2)
    assert (late.missed, after.missed) == (1, 0)
    assert after.mono - late.mono == pytest.approx(0.5)


def test_slow_metrics_are_read_every_15_seconds_and_stay_in_every_sample(backend, stream):
    """The power limit is asked for once in 15 samples; each sample has it all the same."""
    taken = samples(stream, 31)
    assert sum("power_limit" in wanted for wanted in backend.wanted) == 3
    assert all(gpu.power_limit == 700.0 for sample in taken for gpu in sample.gpus)


def test_a_request_changes_the_rate_at_once(backend, clock):
    """Ten samples per second from the moment it is asked for, and the hello says so."""
    sampler = Sampler(backend)
    stream = sampler.stream(clock)
    samples(stream, 2)
    sampler.ask(Request(interval=0.1))
    hello = upto(stream, lambda m: isinstance(m, Hello))
    stamps = [sample.mono for sample in samples(stream, 5)]
    assert hello.interval == 0.1
    assert stamps[-1] - stamps[0] == pytest.approx(0.4)


def test_a_request_beyond_reason_is_bounded(backend, clock):
    """Nobody can make it read a thousand times a second, or never."""
    for asked, given in ((0.0001, 0.05), (1e9, 60.0)):
        sampler = Sampler(backend)
        sampler.ask(Request(interval=asked))
        stream = sampler.stream(clock)
        assert upto(stream, status("live")).interval == given


def test_devices_that_come_and_go_are_told_by_uuid(backend, stream):
    """A device that vanishes keeps its place as gone; a new one with its index is another device."""
    samples(stream, 2)
    backend.present = [device(0), device(7, index=1)]
    hello = upto(stream, lambda m: isinstance(m, Hello))
    titles = events(samples(stream, 1)[0])
    assert [(d.uuid, d.state) for d in hello.devices] == [("GPU-0", "ok"), ("GPU-7", "ok"), ("GPU-1", "gone")]
    assert sorted(titles) == ["gpu1 appeared", "gpu1 is gone"]


def test_a_lost_gpu_is_told_at_once_and_again_when_it_is_back(backend, stream):
    """Not at the next look at the inventory but with the first sample that lacks it."""
    samples(stream, 2)
    backend.present = [device(0), device(1, state="lost", detail="It fell off the bus.")]
    lost = samples(stream, 1)[0]
    backend.present = [device(0), device(1)]
    back = upto(stream, lambda m: isinstance(m, Sample) and m.events)
    assert [(e.kind, e.uuid, e.level) for e in lost.events] == [("lost", "GPU-1", "critical")]
    assert [(e.kind, e.uuid) for e in back.events] == [("back", "GPU-1")]
    assert back.mono - lost.mono < 6


def test_all_lost_and_none_there_are_said(backend, stream):
    """Two ways of having no numbers, each with its own words."""
    samples(stream, 1)
    backend.present = [device(0, state="lost"), device(1, state="lost")]
    assert "fallen off the bus" in upto(stream, status("no-gpus")).status.message
    backend.present = []
    assert "no GPU" in upto(stream, lambda m: isinstance(m, Hello) and "no GPU" in m.status.message).status.message


def test_a_lost_gpu_makes_the_driver_be_opened_anew_after_a_while(clock):
    """Some come back only to a new session."""
    opened = []

    def open_backend():
        opened.append(TinyBackend())
        if len(opened) == 1:
            opened[0].present[1] = device(1, state="lost")
        return opened[-1]

    stream = Sampler(open_backend).stream(clock)
    back = upto(stream, lambda m: isinstance(m, Sample) and m.events)
    assert [e.title for e in back.events] == ["gpu1 is back"]
    assert len(opened) == 2
    assert opened[0].closed == 1


def test_a_driver_that_goes_away_is_said_once_and_opened_again(backend, clock, stream):
    """While it is away the state says why; when it answers again there is a new generation."""
    samples(stream, 2)
    backend.error = DriverNotLoaded("The NVIDIA kernel module is not loaded.")
    away = upto(stream, status("no-driver"))
    quiet = [next(stream) for _ in range(20)]
    backend.error = None
    live = upto(stream, status("live"))
    assert away.status.message == "The NVIDIA kernel module is not loaded."
    assert away.status.since == pytest.approx(clock.time(), abs=120)
    assert [d.uuid for d in away.devices] == ["GPU-0", "GPU-1"]
    assert all(isinstance(message, Sample) and not message.gpus for message in quiet)
    assert live.generation == 2


def test_the_host_goes_on_while_the_driver_is_away(backend, clock):
    """CPU and memory do not depend on a GPU driver."""

    class Reader:
        def read(self):
            from jupyter_gpumon.model import Host

            return Host(cpu=0.5)

        def absent(self):
            return {"cpu_energy": "permission: ask"}

    backend.error = DriverNotLoaded("away")
    stream = Sampler(backend, Reader()).stream(clock)
    away = upto(stream, status("no-driver"))
    assert away.host_absent == {"cpu_energy": "permission: ask"}
    assert next(stream).host.cpu == 0.5


def test_retries_wait_longer_and_longer(clock):
    """1, 2, 4, … up to 30 seconds; a missing library is looked for once a minute."""
    for error, pauses in ((DriverNotLoaded, [1, 2, 4, 8, 16, 30, 30]), (LibraryNotFound, [60, 60])):
        tried = []

        def open_backend(error=error, tried=tried):
            tried.append(clock.mono())
            raise error("no")

        stream = Sampler(open_backend).stream(clock)
        upto(stream, lambda m, tried=tried, pauses=pauses: len(tried) > len(pauses))
        assert [b - a for a, b in pairwise(tried)] == pytest.approx(pauses, abs=0.01)


def test_a_mismatch_ends_the_stream_after_a_while(backend, clock):
    """Only a fresh process can load the new library: it is said, and then left to whoever started this one."""
    backend.error = LibraryMismatch("The driver was upgraded.")
    stream = Sampler(backend, patience=5).stream(clock)
    assert "restart" in upto(stream, status("mismatch")).status.hint
    begun = clock.mono()
    with pytest.raises(LibraryMismatch):
        upto(stream, lambda m: False)
    assert clock.mono() - begun == pytest.approx(5)


def test_a_clock_set_back_is_told_and_leaves_no_hole(clock, stream):
    """An hour back: an event says so, monotonic time and the rate go on."""
    before = samples(stream, 3)[-1]
    clock.step(-3600)
    after = samples(stream, 1)[0]
    assert events(after) == ["The clock was set back by 1 h 0 min"]
    assert after.mono - before.mono == pytest.approx(1.0)
    assert events(samples(stream, 1)[0]) == []


def test_a_suspended_machine_is_told_with_its_gap(clock, stream):
    """Eight hours asleep are one gap from the last sample to the next, not a stepped clock."""
    before = samples(stream, 3)[-1]
    clock.suspend(8 * 3600)
    after = samples(stream, 1)[0]
    (gap,) = after.events
    assert (gap.kind, gap.title) == ("gap", "The machine was asleep for 8 h 0 min")
    assert gap.until - gap.time == pytest.approx(8 * 3600 + 1, abs=1.1)
    assert gap.time == pytest.approx(before.time, abs=0.1)


def test_a_long_outage_is_told_as_a_gap(backend, clock, stream):
    """A driver call of ten seconds leaves a gap of ten seconds, said in the next sample."""
    samples(stream, 2)
    backend.before = lambda: clock.advance(10)
    samples(stream, 1)
    backend.before = lambda: None
    (gap,) = samples(stream, 1)[0].events
    assert (gap.kind, gap.title) == ("gap", "No samples for 10.0 s")


def test_raising_the_rate_is_no_gap(backend, clock):
    """Somebody looks, 4.4 s after a look at the slow rate: the next sample comes at once and tells of no outage."""
    sampler = Sampler(backend, interval=5.0)
    stream = sampler.stream(clock)
    samples(stream, 2)
    clock.advance(4.4)
    sampler.ask(Request(interval=1.0))
    assert [events(sample) for sample in samples(stream, 3)] == [[], [], []]


def test_an_event_flood_rides_in_one_sample(backend, stream):
    """A thousand XIDs make one line, not a thousand."""
    samples(stream, 1)
    backend.told = [Event(kind="xid", time=0, mono=0, title="XID 79", code=79)] * 1000
    assert len(samples(stream, 1)[0].events) == 1000


@pytest.mark.parametrize("gpus", [0, 64])
def test_it_runs_with_no_gpu_and_with_many(gpus, clock):
    """0 and 64 GPUs: samples keep coming."""
    stream = Sampler(TinyBackend(gpus)).stream(clock)
    assert {len(sample.gpus) for sample in samples(stream, 3)} == {gpus}


def test_the_energy_counter_is_read_once_a_second(backend, clock, stream):
    """Each change becomes an edge between the last read with the old value and the first with the new."""
    backend.energy_of = lambda uuid: float(int(clock.mono() / 0.1))
    taken = samples(stream, 4)
    edges = [edge for sample in taken[1:] for edge in sample.edges if edge.uuid == "GPU-0"]
    assert [edge.mono - edge.since for edge in edges] == pytest.approx([1.0] * 3)
    assert taken[-1].gpus[0].energy == edges[-1].joules


def test_a_device_without_a_counter_has_no_edges(backend, stream):
    """None is not a value."""
    backend.energy_of = lambda uuid: None
    assert all(not s.edges and s.gpus[0].energy is None for s in samples(stream, 3))


def test_a_closed_stream_ends_and_lets_go_of_the_driver(backend, clock):
    """Close from anywhere; the backend is closed with it."""
    sampler = Sampler(backend)
    stream = sampler.stream(clock)
    samples(stream, 1)
    sampler.close()
    assert [m for m in stream if isinstance(m, Hello)] == []
    assert backend.closed == 1


def test_while_measuring_a_board_without_a_counter_has_its_power_read(backend, clock):
    """Several times a second, in messages of their own between the samples; not before, and not after."""
    backend.energy_of = lambda uuid: None
    backend.present = [device(0, absent={"energy": "unsupported"}), device(1)]
    sampler = Sampler(backend)
    stream = sampler.stream(clock)
    assert not any(sample.powers for sample in samples(stream, 3))
    sampler.ask(Request(measuring=True))
    end, runs = clock.mono() + 3, []
    while clock.mono() < end:
        message = next(stream)
        runs += message.powers if isinstance(message, Sample) else ()
    assert {(run.uuid, run.kind) for run in runs} == {("GPU-0", "instant")}
    assert sum(len(run.monos) for run in runs) > 60
    monos = [mono for run in runs for mono in run.monos]
    assert monos == sorted(monos)
    sampler.ask(Request(measuring=False))
    samples(stream, 1)
    assert not any(sample.powers for sample in samples(stream, 3))
