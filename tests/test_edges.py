"""The energy tier on simulated boards: edges that are true, narrow, prompt, and within the budget."""

from __future__ import annotations

import math
import random
from bisect import bisect_right

import pytest

from jupyter_gpumon.model import Device, Sensor
from jupyter_gpumon.sources.edges import EdgeWatch

COST = 0.0025
"""Seconds a counter read takes."""


class Boards:
    """Counters of one period and random phases, on a clock that runs while they are read."""

    def __init__(self, gpus: int, period: float, cost: float = COST) -> None:
        self.rng = random.Random(1)
        self.now, self.spent, self.cost, self.period = 100.0, 0.0, cost, period
        self.phases = {f"GPU-{n}": self.rng.uniform(0, period) for n in range(gpus)}
        self.watch = EdgeWatch(self.read, lambda: self.now)
        self.watch.watch([Device(uuid=uuid, index=0, name="H200") for uuid in self.phases])

    def updates(self, uuid: str, mono: float) -> int:
        """How many updates the counter has had; one joule each."""
        return math.floor((mono - self.phases[uuid]) / self.period)

    def read(self, uuid: str) -> float:
        value = self.updates(uuid, self.now + self.cost / 2)
        self.now, self.spent = self.now + self.cost, self.spent + self.cost
        return float(value)

    def run(self, seconds: float) -> list:
        """Follow them as the sampler does, with a busy tick of 60 ms a second."""
        end, tick, edges = self.now + seconds, self.now, []
        while self.now < end:
            if self.now >= tick:
                self.watch.sweep(0.5)
                self.now, tick = self.now + 0.06, tick + 1
            elif self.watch.due() <= self.now:
                self.watch.poll()
            else:
                late = self.rng.expovariate(2000)
                self.now = min(self.watch.due(), tick) + late
            edges += self.watch.take()
        return edges


@pytest.mark.parametrize("period", [0.001, 0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("gpus", [1, 8])
def test_every_edge_is_true(gpus, period):
    """At ``since`` the counter still had an older value, at ``mono`` it had this one, at the latest."""
    boards = Boards(gpus, period)
    boards.run(3)
    boards.watch.measuring = True
    for edge in boards.run(15):
        assert edge.since < edge.mono
        assert boards.updates(edge.uuid, edge.since) < edge.joules <= boards.updates(edge.uuid, edge.mono)


def test_a_read_that_was_interrupted_tells_no_edge():
    """A counter that is updated between the answer and its end has more by then: the edge is not that of an update
    just before. It is read again, and then once more; nothing is told where all three were interrupted."""
    boards = Boards(1, 0.1)
    boards.watch.measuring = True
    boards.run(10)
    rng, read, hurt = random.Random(5), boards.read, []

    def interrupted(uuid: str) -> float:
        value = read(uuid)
        if rng.random() < 0.2:
            boards.now += rng.uniform(0.02, 0.3)
            hurt.append(boards.updates(uuid, boards.now) > value)
        return value

    boards.watch._read = interrupted
    edges = boards.run(60)
    assert sum(hurt) > 50
    assert len(edges) > 100
    for edge in edges:
        assert edge.joules >= boards.updates(edge.uuid, edge.mono - COST)


@pytest.mark.parametrize("gpus", [1, 8, 64])
def test_at_rest_each_counter_is_read_once_a_second(gpus):
    """And not at all between."""
    boards = Boards(gpus, 0.1)
    assert boards.watch.due() == math.inf
    boards.run(10)
    assert boards.spent == pytest.approx(10 * gpus * COST, rel=0.11)


@pytest.mark.parametrize("period", [0.001, 0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("gpus", [1, 8, 64])
def test_measuring_stays_within_its_budget(gpus, period):
    """Less than 360 ms of reads in any second of the search, less than 250 ms a second after it."""
    boards = Boards(gpus, period)
    boards.watch.measuring = True
    for _ in range(15):
        before = boards.spent
        boards.run(1)
        assert boards.spent - before < 0.36 + 0.0025 * gpus
    before = boards.spent
    boards.run(10)
    # The search over 64 boards of a slow counter goes on for minutes, at its own budget.
    assert (boards.spent - before) / 10 < (0.25 if gpus <= 8 else 0.36 + 0.0025 * gpus)


@pytest.mark.parametrize(("gpus", "period"), [(1, 0.02), (1, 0.1), (1, 0.5), (2, 0.1), (8, 0.2), (8, 0.5)])
def test_measuring_catches_updates_between_two_close_reads(gpus, period):
    """Once the phase is known, at least a quarter of a board's updates, or two a second, is known to 25 ms."""
    boards = Boards(gpus, period)
    boards.watch.measuring = True
    boards.run(12)
    edges = boards.run(10)
    for uuid in boards.phases:
        narrow = [edge for edge in edges if edge.uuid == uuid and edge.mono - edge.since < 0.025]
        assert len(narrow) >= min(2.0, 0.25 / period) * 10


def test_the_first_narrow_edges_come_within_seconds():
    """Also on the last of eight boards: a search is short, and boards of one model share what was learned."""
    boards = Boards(8, 0.1)
    boards.watch.measuring = True
    edges = boards.run(4)
    assert {edge.uuid for edge in edges if edge.mono - edge.since < 0.02} == set(boards.phases)


def test_a_counter_that_stands_still_is_not_searched_for_ever():
    """No update, no edge, and few reads."""
    boards = Boards(1, 1e9)
    boards.watch.measuring = True
    boards.run(5)
    before = boards.spent
    assert boards.run(5) == []
    assert boards.spent - before < 0.2


def test_turning_it_off_returns_to_once_a_second():
    """The budget is for cells only."""
    boards = Boards(8, 0.1)
    boards.watch.measuring = True
    boards.run(5)
    boards.watch.measuring = False
    assert boards.watch.due() == math.inf


@pytest.mark.parametrize(
    "sensor",
    [
        Sensor(period=0.1, agreement=1.0, polled=0.72, checked=1.0),
        Sensor(method="instant", period=0.1, agreement=0.57, polled=1.0, checked=1.0),
    ],
    ids=["minds reads", "not used"],
)
def test_a_counter_that_minds_reads_or_is_not_used_is_read_once_a_second(sensor):
    """Also while somebody measures, and whatever the rate of samples; the other board goes on as ever."""
    boards = Boards(2, 0.1)
    boards.watch.watch(
        [Device(uuid="GPU-0", index=0, name="H200", sensor=sensor), Device(uuid="GPU-1", index=1, name="H200")]
    )
    reads, read = {"GPU-0": 0, "GPU-1": 0}, boards.watch._read

    def counted(uuid: str) -> float:
        reads[uuid] += 1
        return read(uuid)

    boards.watch._read = counted
    boards.watch.measuring = True
    boards.run(5)
    reads["GPU-0"] = reads["GPU-1"] = 0
    end = boards.now + 10
    while boards.now < end:
        boards.watch.sweep(0.1)
        boards.run(0.25)
    assert 9 <= reads["GPU-0"] <= 11
    assert reads["GPU-1"] > 100


def test_a_period_that_a_trial_found_makes_the_first_search_short():
    """Two updates are enough, instead of six."""
    sensor = Sensor(period=0.1, agreement=1.0, polled=1.0, checked=1.0)
    known, unknown = Boards(1, 0.1), Boards(1, 0.1)
    known.watch.watch([Device(uuid="GPU-0", index=0, name="H200", sensor=sensor)])
    for boards in (known, unknown):
        boards.watch.measuring = True
        boards.run(0.5)
    assert known.watch._counters["GPU-0"].known
    assert not unknown.watch._counters["GPU-0"].known


def test_updates_that_come_early_and_late_are_all_caught():
    """By reads at equal distances: who waits for the right moment finds one update in ten."""
    sensor = Sensor(period=0.1, jitter=0.003, agreement=1.0, polled=1.0, checked=1.0)
    boards = Boards(2, 0.1)
    times = {
        uuid: [phase + 0.1 * n + boards.rng.uniform(-0.005, 0.005) for n in range(2000)]
        for uuid, phase in boards.phases.items()
    }
    boards.updates = lambda uuid, mono: bisect_right(times[uuid], mono)
    boards.watch.watch([Device(uuid=uuid, index=0, name="H200", sensor=sensor) for uuid in boards.phases])
    boards.watch.measuring = True
    boards.run(2)
    before, edges = boards.spent, boards.run(60)
    assert max(edge.mono - edge.since for edge in edges) < 0.1
    assert sum(edge.mono - edge.since < 0.04 for edge in edges) > 0.9 * 2 * 600
    assert boards.spent - before < 0.25 * 60


def test_a_counter_that_is_left_alone_is_not_swept():
    """Its last value serves meanwhile."""
    boards = Boards(2, 0.1)
    boards.run(1.5)
    boards.watch.leave_alone("GPU-0")
    before = boards.watch._counters["GPU-0"].seen
    boards.run(3)
    assert boards.watch._counters["GPU-0"].seen == before
    assert boards.watch.sweep(0.5).keys() == {"GPU-0", "GPU-1"}
    boards.watch.leave_alone(None)
    boards.run(1.5)
    assert boards.watch._counters["GPU-0"].seen > before
