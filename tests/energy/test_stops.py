"""A machine that is too busy to read in time: what is said of a cell becomes vaguer, and not wrong."""

from __future__ import annotations

import random

import pytest

from jupyter_gpumon.energy.account import Account
from jupyter_gpumon.energy.curve import Marks
from jupyter_gpumon.energy.ledger import Ledger
from jupyter_gpumon.energy.phase import Timed
from jupyter_gpumon.energy.pulse import listen, place
from jupyter_gpumon.energy.window import SURE
from jupyter_gpumon.model import Edge, Sensor

from .matrix import BOARDS, GPU, LOADS, hello, quantile, row, trial
from .matrix import Trial as Cell
from .rig import Counter, follow, schedule

TRIALS = 60
LATE = 2.5
"""Seconds after a cell's end by which it is asked for."""
STOPS = 0.02
"""Share of the moments at which the thread that reads is not run for 20 to 300 ms: it is late all the time."""


def cells(board, load, seconds, *, gpus=1, batch=0.09):
    """Cells whose windows are told as soon as they begin, while updates come every ``batch`` seconds."""
    rng = random.Random(f"{board.name} {load} {seconds} {gpus} {batch}")
    profile, kind = LOADS[load]
    run = schedule(profile, seconds, count=TRIALS, rng=rng, pause=LATE, **kind)
    counters = {
        GPU if n == 0 else f"{GPU}{n}": Counter(
            run.truth, rng, period=board.period, jitter=board.jitter, delay=board.delay, until=run.until
        )
        for n in range(gpus)
    }
    ledger, sensor = Ledger(), trial(board, rng)
    ledger.take(hello(sensor))
    told = sorted([(start, (start,)) for start, _ in run.cells] + [(end, (start, end)) for start, end in run.cells])
    asked, waiting, flushed = list(run.cells), [], 0.0
    for now, edges in follow(counters, run.until, rng, sensor=sensor, stops=STOPS):
        waiting += edges
        while told and told[0][0] < now:
            ledger.mark(*told.pop(0)[1])
        if now < flushed + batch:
            continue
        for edge in waiting:
            ledger.add(edge)
        waiting, flushed = [], now
        while asked and now > asked[0][1] + LATE:
            window = asked.pop(0)
            yield Cell(ledger.measure(GPU, *window), run.truth.between(*window), 0.0, 0.0)


@pytest.mark.parametrize("board", BOARDS[:3], ids=lambda board: board.name)
@pytest.mark.parametrize(("load", "seconds"), [("constant", 0.1), ("constant", 1.0), ("square 2 Hz", 1.0)])
@pytest.mark.parametrize(("gpus", "batch"), [(1, 0.09), (1, 1.0), (8, 0.09)], ids=["", "once a second", "8 GPUs"])
def test_a_machine_that_stops_now_and_then_makes_it_vague_but_not_wrong(board, load, seconds, gpus, batch):
    """An update is known by reads that may come 300 ms late; those that are interrupted themselves are not used."""
    found = list(cells(board, load, seconds, gpus=gpus, batch=batch))
    told = row(load, seconds, found)
    assert len(found) > 0.9 * TRIALS
    assert told.hard == 100
    assert told.likely >= 95
    assert told.unresolved <= 10
    assert quantile([abs(cell.error) for cell in found if cell.energy.joules is not None], 0.5) < 5


def test_of_a_read_that_took_long_either_update_may_be_the_one_it_shows():
    """An update came while the 100th was read: whether its answer was from before or after it, nobody knows."""
    beats = [0.1 * n for n in range(200)]
    quick = [Edge(uuid=GPU, since=at - 0.002, mono=at + 0.003, joules=6.0 * n) for n, at in enumerate(beats)]
    long = Edge(uuid=GPU, since=beats[98] + 0.05, mono=beats[100] + 0.01, joules=6.0 * 99, took=0.03)
    pulse = listen(quick, 0.1)
    assert pulse
    taken = place([*quick[:99], long, *quick[101:]], pulse)[99]
    assert taken.time == pytest.approx(beats[99], abs=0.005)  # growth tells
    one_side = place([*quick[:99], long], pulse)[99]
    assert one_side.low < beats[99] < one_side.high
    alone = place([long], pulse)[0]
    assert alone.low < beats[99] < beats[100] - 0.005 < alone.high


def test_the_period_of_a_trial_bounds_how_old_a_value_is():
    """Reads half a second apart tell no beats of a counter of 20 ms; but its last update was 20 ms ago at most."""
    account = Account(Marks())
    account.meet("H200", 700.0, Sensor(period=0.02, jitter=0.0, delay=0.0, checked=1.0))
    for n in range(30):
        at = 0.5137 * n
        account.add(Edge(uuid=GPU, since=at - 0.5, mono=at, joules=30.0 * n, took=0.003))
        account.look_for_period(list)
    assert account.period is None
    timed = account.timed(15)
    assert timed.high == 0.5137 * 15
    assert 0.022 < timed.high - timed.low < 0.03


def test_an_update_that_may_be_one_of_two_widens_what_depends_on_it():
    """Its time is near one end of what is possible; it may as well be at the other."""
    either = Timed(1.0, 0.99, 1.1, 5.0)
    assert SURE * either.off >= either.high - either.time
    middle = Timed(1.0, 0.95, 1.05, 5.0)
    assert middle.off == pytest.approx(0.1 / 12**0.5)
