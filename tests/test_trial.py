"""Trials of simulated boards: period, agreement and polling are found, and no trust is given that is not deserved."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import pytest

from jupyter_gpumon.model import Device
from jupyter_gpumon.sources import Power
from jupyter_gpumon.sources.edges import MOST_READS, EdgeWatch
from jupyter_gpumon.sources.trial import Trial
from jupyter_gpumon.sources.verdict import Bracket, Grid, grid_of, holds, judged, minds_reads, refined, steady

SEEDS = range(12)


@dataclass
class Board:
    """A board whose counter and power sensor are as a test wants them, on a clock that runs while they are read."""

    seed: int = 0
    period: float = 0.1
    jitter: float = 0.0
    """Seconds by which an update is off at most."""
    gain: float = 1.0
    polling: float = 0.0
    """Seconds of power that the counter misses with every read."""
    watts: float = 60.0
    noise: float = 1.0
    cost: float = 0.0025
    now: float = 1000.0
    reads: list[float] = field(default_factory=list)
    lost: float = 0.0
    shown: float = 0.0
    update: int = -1

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.first = self.now - 5 + self.rng.uniform(0, self.period)

    def moment(self, update: int) -> float:
        return self.first + update * self.period + random.Random(update).uniform(-self.jitter, self.jitter)

    def read(self, uuid: str) -> float:
        at = self.now + self.cost * self.rng.uniform(0.3, 1)
        self.now += self.cost
        self.reads.append(at)
        update = math.floor((at - self.first) / self.period) + 1
        while self.moment(update) > at:
            update -= 1
        if update != self.update:
            self.update, self.shown = update, self.lost
        self.lost += self.watts * self.polling
        return round(self.gain * self.watts * (self.moment(update) - 900) - self.shown, 3)

    def power(self) -> Power:
        noise = random.Random(math.floor(self.now / 0.1) + self.seed).uniform(-self.noise, self.noise)
        self.now += 5e-6
        return Power("instant", round(self.watts + noise, 3))


def tried(board: Board, absent: dict[str, str] | None = None) -> Trial:
    """The trial, with a look of 60 ms at other things once a second."""
    edges = EdgeWatch(board.read, lambda: board.now)
    device = Device(uuid="GPU-1", index=0, name="H200", architecture="Hopper", absent=absent or {})
    edges.watch([device])
    trial, tick = Trial(device, lambda: edges.look("GPU-1"), board.power, lambda: board.now), board.now
    while not trial.over:
        if board.now >= tick:
            board.now, tick = board.now + 0.06, tick + 1
        board.now = max(board.now, min(trial.due, tick))
        if board.now >= trial.due:
            trial.poll()
            board.now += board.rng.expovariate(3000)
    return trial


def sensor(**board):
    """What the trial of such a board says."""
    trial = tried(Board(**board))
    assert trial.findings is not None, trial.why
    return judged(trial.device, trial.findings, checked=1.0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("period", [0.02, 0.1, 0.5, 1.0])
def test_a_good_counter_is_trusted_and_its_period_is_known_to_a_percent(period, seed):
    """Agreement and polling are 1 to within 1.2 %: there is no reason not to use it."""
    found = sensor(period=period, seed=seed)
    assert (found.method, found.reason, found.checked) == ("counter", "", 1.0)
    assert found.period == pytest.approx(period, rel=0.01)
    assert found.update == pytest.approx(0.1, rel=0.02)
    assert found.agreement == pytest.approx(1, abs=0.012)
    assert found.polled == pytest.approx(1, abs=0.012)
    assert found.delay is None  # no change of power, so nothing to tell it by


@pytest.mark.parametrize("seed", SEEDS)
def test_a_counter_that_moves_all_the_time_is_trusted_too(seed):
    """Where every read finds a new value, there is no period to speak of; growth can be compared all the same."""
    found = sensor(period=0.001, seed=seed)
    assert found.method == "counter"
    assert found.agreement == pytest.approx(1, abs=0.012)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("jitter", [0.0, 0.002, 0.005, 0.01])
def test_jitter_is_the_scatter_of_updates_and_not_that_of_the_reads(jitter, seed):
    """Evenly off by up to 10 ms is 5.8 ms; reads 10 ms apart must not be taken for that, nor hide 1 ms."""
    assert sensor(jitter=jitter, seed=seed).jitter == pytest.approx(jitter / 3**0.5, rel=0.25, abs=1e-4)


def test_reads_that_come_too_late_do_not_make_up_a_period():
    """A grid that half the brackets miss is none."""
    seen = [Bracket(n * 0.1 - 0.004, n * 0.1 + 0.005) for n in range(20)]
    assert holds(Grid(0.1, 0.0, 0.0), seen)
    assert not holds(Grid(0.097, 0.0, 0.0), seen)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gain", [0.57, 0.87, 1.14])
def test_a_counter_that_does_not_agree_with_power_is_not_used(gain, seed):
    """It says why, in words; energy comes from the power readings."""
    found = sensor(gain=gain, seed=seed)
    assert found.method == "instant"
    assert found.agreement == pytest.approx(gain, rel=0.012)
    assert f"{found.agreement * 100:.0f} % of the power's integral" in found.reason
    assert not minds_reads(found)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("polling", [0.002, 0.005, 0.013])
@pytest.mark.parametrize("period", [0.02, 0.1])
def test_a_counter_that_minds_being_polled_is_found_out_and_read_seldom(period, polling, seed):
    """Fifty-five reads a second that cost 2 ms each are 11 %: the counter is kept, and reads are rare."""
    found = sensor(period=period, polling=polling, seed=seed)
    assert found.method == "counter"
    reads = 1 / (1 / MOST_READS + Board().cost)
    assert found.polled == pytest.approx(1 - reads * polling, abs=0.1)
    assert minds_reads(found)
    assert "at most once in 1 s" in found.reason


def test_while_the_counter_is_left_alone_nobody_reads_it():
    """The longest stretch without a read is the 1.6 s of the trial, and the search before it was dense."""
    board = Board()
    tried(board)
    gaps = [b - a for a, b in zip(board.reads, board.reads[1:], strict=False)]
    assert max(gaps) > 1.6
    assert sorted(gaps)[len(gaps) // 4] < 0.012


def test_a_trial_spends_less_than_a_second_in_reads_of_the_counter():
    """At 2.5 ms a read."""
    board = Board()
    tried(board)
    assert len(board.reads) * board.cost < 1.0
    assert board.now - 1000 < 8


def test_a_counter_that_stands_still_is_said_to():
    """Power is drawn, and it does not grow."""
    found = sensor(period=1e9)
    assert (found.method, found.agreement, found.period) == ("instant", 0.0, None)
    assert found.reason.startswith("the counter stands still")


def test_without_steady_power_there_is_no_verdict():
    """Power that doubles meanwhile can be compared with nothing."""
    board = Board()
    steps = iter([60.0] * 120 + [160.0] * 10_000)
    board.power = lambda: Power("instant", next(steps))
    trial = tried(board)
    assert trial.findings is None
    assert "not steady" in trial.why


def test_a_board_without_a_counter_tells_how_often_its_power_changes():
    """There is nothing else to try, and the counter is not asked for."""
    board = Board()
    trial = tried(board, absent={"energy": "unsupported"})
    found = judged(trial.device, trial.findings, checked=1.0)
    assert (found.method, found.period, found.reason) == ("instant", None, "this board has no energy counter")
    assert not board.reads


def test_a_counter_that_stops_answering_gives_no_verdict():
    """Lost meanwhile: nothing is concluded."""
    board = Board()
    answers = iter([board.read] * 50 + [lambda uuid: None] * 10_000)
    edges_of = lambda uuid: next(answers)(uuid)  # noqa: E731
    edges = EdgeWatch(edges_of, lambda: board.now)
    device = Device(uuid="GPU-1", index=0, name="H200")
    edges.watch([device])
    trial = Trial(device, lambda: edges.look("GPU-1"), board.power, lambda: board.now)
    while not trial.over:
        board.now = max(board.now, trial.due)
        trial.poll()
    assert (trial.findings, trial.why) == (None, "it stopped answering")


def test_a_grid_takes_missing_and_vague_updates():
    """Updates that were not seen, or only roughly, do not shift the others."""
    seen = [Bracket(n * 0.1 - 0.004, n * 0.1 + 0.005) for n in (0, 1, 2, 4, 5, 8, 9, 10)]
    grid = grid_of([*seen, Bracket(1.02, 1.21), Bracket(1.296, 1.305)])
    assert grid.period == pytest.approx(0.1, rel=0.001)
    assert grid.before(0.55) == pytest.approx(0.5, abs=0.001)
    far = refined(grid, [*seen, *(Bracket(n * 0.1 - 0.004, n * 0.1 + 0.005) for n in (15, 25, 50, 51))])
    assert far.period == pytest.approx(0.1, rel=1e-6)


def test_steady_is_one_level_and_not_a_drift():
    """Noise is no change; a slow decay after load is."""
    rng = random.Random(1)
    assert steady([(n * 0.01, 60 + rng.uniform(-3, 3)) for n in range(100)])
    assert not steady([(n * 0.01, 80 - n * 0.1) for n in range(100)])
    assert not steady([(0.0, 60.0)])
    assert steady([])
