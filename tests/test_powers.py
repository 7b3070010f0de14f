"""Power readings while somebody measures: who gets them, how fine; the stamps of the driver are not just believed."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.model import Sensor
from jupyter_gpumon.sources.powers import PowerWatch

from .tiny import TinyBackend, device

WITHOUT = {"energy": "unsupported"}


class Recorder:
    """A driver that records power every 20 ms, with stamps in Unix time; ``off`` shifts them."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.off, self.calls, self.entries = clock, 0.0, 0, []

    def run(self, seconds: float, watts: float = 200.0) -> None:
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)
            self.entries.append((self.clock.time() + self.off, watts))

    def __call__(self, uuid: str, since: float) -> list[tuple[float, float]]:
        self.calls += 1
        return [each for each in self.entries[-120:] if each[0] > since]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def backend():
    return TinyBackend(gpus=1)


@pytest.fixture
def powers(backend, clock):
    """Follows one board that has no counter."""
    watch = PowerWatch(backend, clock)
    watch.watch([device(0, absent=WITHOUT)])
    watch.measuring = True
    return watch


def follow(watch: PowerWatch, clock: FakeClock, seconds: float, pass_time=None) -> list:
    """What is told in that time, as (mono, watts)."""
    end, found = clock.mono() + seconds, []
    while clock.mono() < end:
        if watch.due() <= clock.mono():
            watch.poll()
        (pass_time or clock.advance)(0.02)
        if watch.pending:
            found += [each for run in watch.take() for each in zip(run.monos, run.watts, strict=True)]
    return found


def test_nothing_is_read_while_nobody_measures(powers, clock):
    """A sample a second holds the power then."""
    powers.measuring = False
    assert powers.due() == math.inf


@pytest.mark.parametrize(
    ("sensor", "absent", "followed"),
    [
        (None, {}, False),
        (None, WITHOUT, True),
        (None, {**WITHOUT, "power": "unsupported"}, False),
        (Sensor(checked=1.0, agreement=1.0, polled=1.0), {}, False),
        (Sensor(method="instant", agreement=0.57, polled=1.0, checked=1.0), {}, True),
        (Sensor(checked=1.0, agreement=1.0, polled=0.7), {}, True),
        (Sensor(method="none"), WITHOUT, False),
    ],
    ids=["untried", "no counter", "nothing", "trusted", "distrusted", "minds reads", "none"],
)
def test_only_boards_whose_counter_does_not_tell_enough_are_followed(backend, clock, sensor, absent, followed):
    """A trusted counter needs no readings of power beside it."""
    watch = PowerWatch(backend, clock)
    watch.watch([device(0, sensor=sensor, absent=absent)])
    watch.measuring = True
    assert (watch.due() < math.inf) == followed


def test_without_a_record_power_is_read_several_times_per_update(powers, backend, clock):
    """Forty readings a second, each when it was taken."""
    backend.power_of = lambda uuid: round(clock.mono() * 10)
    found = follow(powers, clock, 5.0)
    assert 120 <= len(found) <= 220
    assert all(watts == round(mono * 10) for mono, watts in found)


def test_the_drivers_record_is_told_once_and_on_our_clock(powers, backend, clock):
    """Every entry of 20 ms, each once, at its own time; a few calls a second bring it."""
    recorder = backend.history_of = Recorder(clock)
    recorder.run(1.0)
    found = follow(powers, clock, 4.0, recorder.run)
    monos = [mono for mono, _ in found]
    assert monos == sorted(set(monos))
    assert len(found) >= 200
    assert max(b - a for a, b in pairwise(monos)) == pytest.approx(0.02, abs=1e-4)
    assert clock.mono() - monos[-1] < 0.5
    assert recorder.calls < 4 * 6


def test_a_clock_that_is_set_does_not_shift_what_was_recorded_before(powers, backend, clock):
    """Entries from before the step keep their moment, whatever Unix time says now."""
    recorder = backend.history_of = Recorder(clock)
    recorder.run(1.0)
    found = follow(powers, clock, 1.0, recorder.run)
    clock.step(3.0)
    found += follow(powers, clock, 2.0, recorder.run)
    monos = [mono for mono, _ in found]
    assert monos == sorted(set(monos))
    assert max(b - a for a, b in pairwise(monos)) < 0.3


@pytest.mark.parametrize("off", [-30.0, 5.0])
def test_stamps_that_cannot_be_are_not_believed(powers, backend, clock, off):
    """A record that ends half a minute ago, or in the future, is given up for readings of our own."""
    recorder = backend.history_of = Recorder(clock)
    recorder.off = off
    recorder.run(1.0)
    found = follow(powers, clock, 6.0, recorder.run)
    assert {watts for _, watts in found} == {100.0}
    assert len(found) > 50


def test_a_record_that_is_not_kept_up_is_given_up(powers, backend, clock):
    """It was there, and then nothing new came for seconds."""
    recorder = backend.history_of = Recorder(clock)
    recorder.run(1.0)
    found = follow(powers, clock, 6.0)
    assert {watts for _, watts in found} == {200.0, 100.0}


def test_a_board_that_does_not_answer_has_no_readings(powers, backend, clock):
    """None is not a value."""
    backend.power_of = lambda uuid: None
    assert follow(powers, clock, 2.0) == []


def test_readings_are_gathered_before_they_are_told(powers, clock):
    """Five messages a second, not forty."""
    told = 0
    for _ in range(100):
        if powers.due() <= clock.mono():
            powers.poll()
        clock.advance(0.02)
        if powers.pending:
            told += 1
            powers.take()
    assert 6 <= told <= 10


def test_a_trusted_counter_is_followed_only_to_learn_how_late_it_is(backend, clock):
    """With a record, or a sensor that looks all the time; nothing of it is told."""
    watch = PowerWatch(backend, clock)
    whole = Sensor(checked=1.0, agreement=1.0, polled=1.0, update=0.1, window=0.1, duty=1.0)
    part = Sensor(checked=1.0, agreement=1.0, polled=1.0, update=0.1, window=0.025, duty=0.25)
    watch.watch([device(0, sensor=whole)], lambda uuid: True)
    watch.measuring = True
    values = iter(range(10_000))
    backend.power_of = lambda uuid: 100.0 + next(values) // 4
    assert follow(watch, clock, 2.0) == []
    assert len(watch.learned()["GPU-0"]) > 10
    watch.watch([device(0, sensor=part)], lambda uuid: True)
    assert watch.due() == math.inf
    watch.watch([device(0, sensor=whole)], lambda uuid: False)
    assert watch.due() == math.inf
