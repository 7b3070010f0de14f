"""How late a counter is, learned from steps of power by the driver's record of it; and never from a quiet board."""

from __future__ import annotations

import random

import pytest

from jupyter_gpumon.model import Edge
from jupyter_gpumon.sources.delay import DelayWatch
from jupyter_gpumon.sources.powers import updates_of

from .counters import Truth


def work(rng: random.Random, seconds: float) -> Truth:
    """Idle and load in turn, each for 0.2 to 2 s."""
    steps, at, watts = [], 0.0, 60.0
    while at < seconds:
        steps.append((at, watts))
        at, watts = at + rng.uniform(0.2, 2), 60.0 if watts > 60 else rng.uniform(200, 500)
    return Truth(steps)


def learned(seed: int, delay: float, *, truth=None, seconds=20.0, period=0.1, gain=1.0, spacing=0.02, vague=0) -> list:
    """The delays that are told while such a counter is followed; every ``vague``-th update is known badly."""
    rng = random.Random(seed)
    truth = truth or work(rng, seconds)
    watch, told, first = DelayWatch(), [], rng.random() * period
    for until in (n * 1.2 for n in range(1, int(seconds / 1.2))):
        moments = [first + n * period for n in range(int(until / period))]
        seen = [(n, at) for n, at in enumerate(moments) if until - 1.2 <= at + delay < until]
        for n, at in seen:
            width = 0.08 if vague and n % vague == 0 else 0.006
            early = rng.uniform(0.1, 0.9) * width
            since, mono = at + delay - early, at + delay - early + width
            watch.note([Edge(uuid="GPU-1", since=since, mono=mono, joules=gain * truth.energy(at))])
        stamps = [n * spacing for n in range(int((until - 1.2) / spacing), int(until / spacing))]
        readings = [(at, truth.between(at - spacing, at) / spacing + rng.uniform(-1, 1)) for at in stamps]
        found = watch.take("GPU-1", readings, told[-1] if told else None)
        if found is not None:
            told.append(found)
    return told


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("delay", [0.0, 0.03, 0.1])
def test_a_delay_is_found_to_a_few_milliseconds(delay, seed):
    """From some twenty steps, and told two or three times at most, since each time all clients get a hello."""
    told = learned(seed, delay)
    assert 1 <= len(told) <= 3
    assert told[-1] == pytest.approx(delay, abs=0.003)


@pytest.mark.parametrize("seed", range(4))
def test_a_scale_that_is_off_does_not_shift_it(seed):
    """A counter that reads 5 % less than power is not late for that."""
    assert learned(seed, 0.03, gain=0.95)[-1] == pytest.approx(0.03, abs=0.003)


@pytest.mark.parametrize("seed", range(4))
def test_updates_that_are_known_badly_are_left_out(seed):
    """Every second update is known to 80 ms only."""
    assert learned(seed, 0.03, vague=2)[-1] == pytest.approx(0.03, abs=0.004)


@pytest.mark.parametrize("seed", range(4))
def test_a_coarse_sensor_that_looks_all_the_time_does_too(seed):
    """Readings of 100 ms each need more steps, and tell it less well."""
    assert learned(seed, 0.03, spacing=0.1, seconds=60)[-1] == pytest.approx(0.03, abs=0.006)


def test_a_quiet_board_tells_nothing():
    """Any delay would do."""
    assert learned(1, 0.03, truth=Truth([(0.0, 60.0)]), seconds=30) == []


def test_reads_of_a_sensor_become_its_updates():
    """Read every 25 ms, changed every 100 ms; one update that brought the same again does not stretch the next one."""
    reads = [(n * 0.025, 60.0 if n < 4 else 80.0 if n < 8 else 80.0 if n < 12 else 90.0) for n in range(16)]
    found = updates_of(reads, 0.1)
    assert found == [pytest.approx(each) for each in ((0.0875, 80.0), (0.1875, 80.0), (0.2875, 90.0))]
