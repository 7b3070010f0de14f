"""The monitor: what it keeps, whom it tells, and that one bad sink hurts nobody."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Edge, Event, Gpu, Hello, Request, Sample, Status
from jupyter_gpumon.monitor import Monitor, Unavailable


class Script:
    """A source that yields what the test puts in."""

    def __init__(self) -> None:
        self.asked = []
        self._messages = queue.Queue()

    def put(self, *messages) -> None:
        for message in messages:
            self._messages.put(message)

    def stream(self, clock):
        while (message := self._messages.get()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message

    def ask(self, request) -> None:
        self.asked.append(request)

    def close(self) -> None:
        self._messages.put(None)


class Ear:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.heard = []

    def write(self, message) -> None:
        self.heard.append(message)


class Broken:
    """A sink that always fails."""

    url = "broken:sink"

    def write(self, message) -> None:
        raise ZeroDivisionError("no")


@pytest.fixture
def source() -> Script:
    return Script()


@pytest.fixture
def monitor(source):
    monitor = Monitor(source, FakeClock())
    yield monitor
    monitor.close()


def sample(mono: float, **more) -> Sample:
    return Sample(time=1_795_300_000.0 + mono, mono=mono, gpus=(Gpu(uuid="GPU-a", power=mono),), **more)


def until(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def test_before_the_first_message_it_says_that_it_is_starting(monitor):
    """Not that there are no GPUs."""
    assert monitor.hello.status.state == "starting"
    assert monitor.latest is None


def test_it_keeps_the_latest_and_the_past(monitor, source):
    """A sample that only carries edges is not the latest."""
    monitor.start()
    source.put(Hello(source="test"), sample(10.0), sample(11.0))
    source.put(Sample(time=1.0, mono=11.1, edges=(Edge(uuid="GPU-a", since=11.0, mono=11.1, joules=5.0),)))
    ear = Ear()
    monitor.add(ear)
    source.put(sample(12.0))
    until(lambda: monitor.latest and monitor.latest.mono == 12.0)
    assert monitor.hello.source == "test"
    assert monitor.history.columns(1_795_300_000.0, metrics=["power"]).gpus["GPU-a"]["power"] == [10.0, 11.0, 12.0]


def test_a_failing_sink_is_logged_once_and_the_others_go_on(monitor, source, caplog):
    """By its name."""
    ear = Ear()
    monitor.add(Broken())
    monitor.add(ear)
    monitor.start()
    source.put(Hello(), sample(1.0), sample(2.0), sample(3.0))
    until(lambda: len(ear.heard) == 4)
    assert [record.getMessage() for record in caplog.records if "broken:sink" in record.getMessage()] == [
        "gpumon: the sink broken:sink failed; the others go on"
    ]


def test_a_removed_sink_hears_nothing_more(monitor, source):
    """What ``add`` returns ends it."""
    ear, other = Ear(), Ear()
    remove = monitor.add(ear)
    monitor.add(other)
    monitor.start()
    source.put(Hello())
    until(lambda: len(other.heard) == 1)
    remove()
    source.put(sample(1.0))
    until(lambda: len(other.heard) == 2)
    assert len(ear.heard) == 1


def test_silence_is_marked_as_a_gap_and_a_steady_rate_is_not(monitor, source):
    """At one sample a second, thirty seconds without one are a gap, with both its ends."""
    ear = Ear()
    monitor.add(ear)
    monitor.start()
    source.put(Hello(interval=1.0), sample(10.0), sample(11.0), sample(41.0), sample(42.0))
    until(lambda: len(ear.heard) == 5)
    gaps = [event for message in ear.heard[1:] for event in message.events]
    assert [(gap.kind, gap.mono, gap.until - gap.time) for gap in gaps] == [("gap", 11.0, 30.0)]


def test_an_idle_rate_is_no_gap(monitor, source):
    """Nobody watches: one sample in ten seconds, then one a second again."""
    ear = Ear()
    monitor.add(ear)
    monitor.start()
    source.put(Hello(interval=1.0), sample(10.0))
    until(lambda: len(ear.heard) == 2)
    monitor.ask(Request(interval=10.0))
    source.put(sample(20.0), sample(30.0))
    until(lambda: len(ear.heard) == 4)
    monitor.ask(Request(interval=1.0))
    source.put(sample(40.0), sample(41.0))
    until(lambda: len(ear.heard) == 6)
    assert [message.events for message in ear.heard[1:]] == [()] * 5


def test_sleep_of_the_machine_is_a_gap_though_the_monotonic_clock_stood_still(monitor, source):
    """An hour of wall time, a second of monotonic time."""
    ear = Ear()
    monitor.add(ear)
    monitor.start()
    late = Sample(time=1_795_300_011.0 + 3600, mono=11.0, gpus=(Gpu(uuid="GPU-a", power=1.0),))
    source.put(Hello(), sample(10.0), late)
    until(lambda: len(ear.heard) == 3)
    (gap,) = ear.heard[2].events
    assert gap.kind == "gap"
    assert "slept" in gap.title


def test_a_note_rides_in_the_next_sample_once(monitor, source):
    """So that there is one type on every pipe."""
    ear = Ear()
    monitor.add(ear)
    monitor.start()
    event = Event(kind="cell", time=1.0, mono=1.0, title="train")
    monitor.note(event)
    source.put(Hello(), sample(1.0), sample(2.0))
    until(lambda: len(ear.heard) == 3)
    assert [message.events for message in ear.heard[1:]] == [(event,), ()]


def test_a_source_that_ends_with_an_error_says_so_on_every_surface(monitor, source, caplog):
    """The devices stay in place; the status tells."""
    ear = Ear()
    monitor.add(ear)
    monitor.start()
    source.put(Hello(source="sim"), SourceError("sim: does not know 'gpu'; it takes gpus."))
    until(lambda: len(ear.heard) == 2)
    assert ear.heard[1].source == "sim"
    assert ear.heard[1].status.state == "disconnected"
    assert "it takes gpus" in ear.heard[1].status.message
    assert "it takes gpus" in caplog.text


def test_unix_times_are_turned_into_monotonic_ones(monitor, source):
    """By the clocks of the latest sample."""
    monitor.start()
    source.put(Hello(), sample(50.0))
    until(lambda: monitor.latest)
    assert monitor.unix_to_mono(1_795_300_040.0) == pytest.approx(40.0)


def ticks(clock: FakeClock, count: int) -> list[Sample]:
    """Samples a second apart, by that clock."""
    samples = []
    for _ in range(count):
        clock.advance(1.0)
        samples.append(Sample(time=clock.time(), mono=clock.mono(), gpus=(Gpu(uuid="GPU-a", power=1.0),)))
    return samples


@pytest.mark.parametrize("jump", [("suspend", 600.0), ("step", 3600.0), ("step", -3600.0), ("step", -5.0)], ids=str)
def test_a_window_before_a_sleep_or_a_clock_step_is_still_found(monitor, source, jump):
    """Every sample's own times go together before and after it, but for times that a clock set back ran over twice."""
    clock = FakeClock()
    name, seconds = jump
    before = ticks(clock, 20)
    getattr(clock, name)(seconds)
    after = ticks(clock, 20)
    monitor.start()
    source.put(Hello(), *before, *after)
    until(lambda: monitor.latest and monitor.latest.mono == clock.mono())
    twice = [sample for sample in before if after[0].time <= sample.time <= after[-1].time]
    assert len(twice) == (5 if jump == ("step", -5.0) else 0)
    for sample in (*before, *after):
        if sample not in twice:
            assert monitor.unix_to_mono(sample.time) == pytest.approx(sample.mono)
    assert monitor.unix_to_mono(clock.time() + 2) == pytest.approx(clock.mono() + 2), "a cell that has just ended"
    assert monitor.unix_to_mono(before[0].time - 30) == pytest.approx(before[0].mono - 30)


def test_a_time_within_a_sleep_is_the_moment_of_falling_asleep(monitor, source):
    """So a window that begins in it counts what came after it alone."""
    clock = FakeClock()
    before = ticks(clock, 3)
    clock.suspend(600.0)
    source.put(Hello(), *before, *ticks(clock, 3))
    monitor.start()
    until(lambda: monitor.latest and monitor.latest.mono == clock.mono())
    assert monitor.unix_to_mono(before[-1].time + 300) == pytest.approx(before[-1].mono)


def test_another_boot_forgets_the_clocks_of_the_one_before(monitor, source):
    """Its monotonic clock begins anew."""
    source.put(Hello(), sample(5000.0), Sample(time=1_795_306_000.0, mono=10.0, gpus=(Gpu(uuid="GPU-a"),)))
    monitor.start()
    until(lambda: monitor.latest and monitor.latest.mono == 10.0)
    assert monitor.unix_to_mono(1_795_300_000.0 + 5000.0) == pytest.approx(-990.0)


def test_a_source_that_cannot_be_opened_still_says_why():
    """The stand-in keeps quiet after that, and ends when it is closed."""
    source, before = (
        Unavailable("wrong:", "There is no source called 'wrong'.", "Correct it."),
        set(threading.enumerate()),
    )
    monitor = Monitor(source)
    monitor.start()
    until(
        lambda: (
            monitor.hello.status
            == Status(
                state="disconnected",
                message="There is no source called 'wrong'.",
                hint="Correct it.",
                since=monitor.hello.status.since,
            )
        )
    )
    monitor.close()
    assert not [each for each in threading.enumerate() if each not in before and each.name == "gpumon-monitor"]
