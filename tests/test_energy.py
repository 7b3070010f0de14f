"""The ledger against the exact integral of power, over random phases of counter and reads."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_gpumon.energy.ledger import Ledger
from jupyter_gpumon.model import Device, Edge, Energy, Gpu, Hello, PowerRun, Sample
from tests.counters import Counter, Truth, around, edges, every
from tests.test_edges import Boards

GPU = "GPU-1"
IDLE, LOAD = 60.0, 300.0


def cells(seconds: float, how: str, *, trials: int, jitter: float = 0.0, neighbours: bool = False, after: float = 5.0):
    """Cells of this length at constant load on an otherwise idle GPU: what the ledger says, and the truth.

    It is asked so many seconds after the end.
    """
    rng = random.Random(f"{seconds} {how} {jitter}")
    for _ in range(trials):
        start = 9 + rng.random()
        end = start + seconds
        steps = [(0.0, IDLE), (start, LOAD), (end, IDLE)]
        if neighbours:
            steps[1:1] = [(start - 0.45, LOAD), (start - 0.15, IDLE)]
            steps += [(end + 0.15, LOAD), (end + 0.45, IDLE)]
        truth = Truth(steps)
        counter = Counter(truth, rng, jitter=jitter, seconds=end + 8)
        reads = around(counter, end + 5, rng) if how == "pairs" else every(float(how), end + 5, rng)
        ledger = Ledger()
        ledger.take(Hello(devices=(Device(uuid=GPU, index=0, name="H200", power_limit_max=700.0),)))
        for edge in edges(counter, reads, rng):
            if edge.mono < end + after:
                ledger.add(edge)
        assert ledger.settled(GPU, end) or after < 1
        yield ledger.measure(GPU, start, end), truth.between(start, end)


def summary(pairs: list[tuple[Energy, float]]) -> tuple[float, float]:
    """95th percentile of the error in percent, and the share of intervals that hold the truth."""
    off = sorted(abs(energy.joules - true) / true * 100 for energy, true in pairs)
    held = sum(energy.low - 1e-6 <= true <= energy.high + 1e-6 for energy, true in pairs)
    return off[int(0.95 * len(off))], held / len(pairs)


@pytest.mark.parametrize(("seconds", "percent"), [(1, 0.5), (3, 0.2), (10, 0.1)])
@pytest.mark.parametrize("how", ["0.09", "pairs"])
def test_a_cell_of_constant_load_is_measured_well(seconds, percent, how):
    """100 ms counter, reads every 90 ms or around the updates: ten times better than promised, and the truth held."""
    off, held = summary(list(cells(seconds, how, trials=60)))
    assert off <= percent
    assert held >= 0.95


@pytest.mark.parametrize("how", ["0.09", "pairs"])
def test_neighbouring_cells_do_not_leak_in(how):
    """Other cells end 150 ms before and begin 150 ms after: still within a percent, and the truth held."""
    off, held = summary(list(cells(1, how, trials=50, neighbours=True)))
    assert off <= 1
    assert held >= 0.95


def test_jitter_widens_the_interval():
    """Updates that come up to 5 ms early or late: the interval still holds the truth."""
    off, held = summary(list(cells(1, "pairs", trials=50, jitter=0.005)))
    assert off <= 1
    assert held >= 0.95


@pytest.mark.parametrize("seconds", [3, 10])
def test_once_a_second_gives_a_wider_honest_interval(seconds):
    """Without fine reads the period is unknown, and any moment between two reads may have been the update."""
    results = list(cells(seconds, "1.0", trials=50))
    assert summary(results)[1] == 1.0
    fine = list(cells(seconds, "pairs", trials=20))
    assert min(e.high - e.low for e, _ in results) > 5 * max(e.high - e.low for e, _ in fine)


def test_a_cell_too_short_to_resolve_has_only_an_upper_bound():
    """A millisecond of load: at most so many joules, never 0, and the bound holds."""
    for energy, true in cells(0.001, "0.09", trials=50):
        assert energy.joules is None
        assert energy.final
        assert energy.high >= true > 0


def test_the_period_is_found_and_not_guessed():
    """From reads finer than the counter it is known; from reads once a second it is not."""
    rng = random.Random(4)
    counter = Counter(Truth([(0.0, IDLE)]), rng, seconds=40)
    for spacing, known in ((0.09, True), (0.02, True), (1.0, False)):
        ledger = Ledger()
        for edge in edges(counter, every(spacing, 30, rng), rng):
            ledger.add(edge)
        period = ledger.period(GPU)
        assert (period == pytest.approx(0.1, rel=0.03)) if known else (period is None)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.08, 0.12, 0.2, 0.3])
@pytest.mark.parametrize("seconds", [0.005, 0.05, 0.7])
@pytest.mark.parametrize("how", ["0.09", "pairs"])
def test_also_what_is_said_too_early_holds_the_truth(how, seconds, after):
    """However soon after the end it is asked, also for cells shorter than the counter's period: at least 95 %."""
    found = list(cells(seconds, how, trials=25, after=after))
    held = [(e.low is None or e.low <= true + 1e-3) and true <= e.high + 1e-3 for e, true in found]
    assert sum(held) >= 0.95 * len(held)
    assert after > 0 or not any(e.final for e, _ in found)
    assert seconds < 0.5 or all(e.joules for e, _ in found)


@pytest.mark.parametrize(("gpus", "period"), [(1, 0.1), (8, 0.1), (8, 0.2), (2, 0.5)])
def test_the_period_is_found_from_what_the_sampler_reads(gpus, period):
    """Within seconds on every board, however few of its updates a budget for eight lets it see; never another one."""
    boards, ledger = Boards(gpus, period), Ledger()
    boards.run(3)
    boards.watch.measuring = True
    for edge in boards.run(20):
        ledger.add(edge)
        assert ledger.period(edge.uuid) in (None, pytest.approx(period, rel=0.02))
    assert all(ledger.period(uuid) for uuid in boards.phases)


@pytest.mark.parametrize("gpus", [1, 8])
def test_a_period_that_cannot_be_told_is_not_guessed(gpus):
    """A counter of 20 ms, of which slow reads see every fifth update: the right period, or none."""
    boards, ledger = Boards(gpus, 0.02), Ledger()
    boards.watch.measuring = True
    for edge in boards.run(20):
        ledger.add(edge)
        assert ledger.period(edge.uuid) in (None, pytest.approx(0.02, rel=0.05))


def test_asking_twice_gives_the_same():
    """What is final stays so, whatever comes later."""
    ledger, end = Ledger(), 5.05
    for edge in steady(6.0):
        ledger.add(edge)
    first = ledger.measure(GPU, 2.0, end)
    for edge in steady(9.0)[60:]:
        ledger.add(edge)
    assert ledger.measure(GPU, 2.0, end).joules == pytest.approx(first.joules, rel=1e-6)
    assert ledger.measure(GPU, 2.0, end) == ledger.measure(GPU, 2.0, end)


def steady(until: float, watts: float = LOAD, period: float = 0.1, since: float = 0.0, base: float = 0.0) -> list[Edge]:
    """Edges of a counter that is read sharply, at constant power."""
    count = round((until - since) / period)
    times = [since + n * period for n in range(1, count + 1)]
    return [Edge(uuid=GPU, since=t - 0.002, mono=t + 0.002, joules=base + watts * (t - since)) for t in times]


def test_it_is_final_only_with_the_updates_after_the_end():
    """The update after the end closes the window, the one after it tells the power between them."""
    ledger, end = Ledger(), 5.05
    finals = []
    for edge in steady(5.6):
        ledger.add(edge)
        if edge.mono > 5:
            assert ledger.settled(GPU, end) == ledger.measure(GPU, 2.0, end).final
            finals.append(ledger.settled(GPU, end))
    assert finals == [False, False, True, True, True, True, True]


def test_before_it_is_final_it_is_an_estimate_that_holds_the_truth():
    """At the end of a cell its last part has not been counted: it goes on as it was, and less would be possible."""
    ledger = Ledger()
    for edge in steady(5.0):
        ledger.add(edge)
    energy = ledger.measure(GPU, 2.0, 5.05)
    assert not energy.final
    assert energy.joules == pytest.approx(LOAD * 3.05, rel=0.01)
    assert energy.low <= LOAD * 3.05


def test_a_counter_that_begins_anew_gives_no_number_for_that_window():
    """The driver was loaded again in the middle: nobody knows; before and after it goes on."""
    ledger = Ledger()
    for edge in [*steady(10.0, base=1e6), *steady(20.0, since=10.0)]:
        ledger.add(edge)
    assert ledger.measure(GPU, 8.0, 12.0) == Energy()
    for start, end in ((3.0, 6.0), (12.0, 15.0)):
        assert ledger.measure(GPU, start, end).joules == pytest.approx(LOAD * 3, rel=0.01)


def test_what_nobody_watched_has_no_number():
    """Before the first edge, of an unknown device, and backwards in time."""
    ledger = Ledger()
    for edge in steady(10.0, since=5.0):
        ledger.add(edge)
    assert ledger.measure(GPU, 1.0, 8.0).joules is None
    assert ledger.measure("GPU-2", 6.0, 8.0) == Energy()
    assert ledger.measure(GPU, 8.0, 7.0).joules is None
    assert ledger.settled("GPU-2", 7.0)


def test_without_a_counter_power_is_integrated():
    """A device whose counter is absent is measured by its power readings, and says so."""
    ledger = Ledger()
    old = Device(uuid="GPU-old", index=0, name="K80", power_limit_max=300.0, absent={"energy": "unsupported"})
    new = Device(uuid=GPU, index=1, name="H200", power_limit_max=700.0)
    ledger.take(Hello(devices=(old, new)))
    for second in range(12):
        watts = 200.0 if 4 <= second <= 8 else 100.0
        gpus = (Gpu(uuid="GPU-old", power=watts), Gpu(uuid=GPU, power=watts))
        ledger.take(Sample(time=second, mono=float(second), gpus=gpus))
    energy = ledger.measure("GPU-old", 2.0, 10.0)
    assert (energy.method, energy.final) == ("power", True)
    assert energy.joules == pytest.approx(100 * 8 + 100 * 5, rel=5e-3)
    assert energy.low < energy.joules < energy.high
    assert not ledger.settled("GPU-old", 20.0)
    assert ledger.measure(GPU, 2.0, 10.0) == Energy(final=False)
    assert ledger.measure("GPU-old", 2.0, 60.0).joules is None


def test_ten_minutes_are_kept_and_no_more():
    """A day of fine edges stays bounded; the last ten minutes can be measured."""
    ledger = Ledger()
    for edge in steady(2000.0):
        ledger.add(edge)
    account = ledger._accounts[GPU]
    assert len(account.edges) < 8000
    assert ledger.measure(GPU, 1450.0, 1990.0).joules == pytest.approx(LOAD * 540, rel=1e-3)
    assert ledger.measure(GPU, 100.0, 200.0).joules is None


moments = st.floats(0, 30, allow_nan=False)


@settings(max_examples=150)
@given(
    growth=st.lists(st.tuples(st.floats(0, 3), st.floats(1e-3, 2), st.floats(-50, 500)), max_size=30),
    start=moments,
    end=moments,
)
def test_whatever_comes_it_answers_and_never_with_nothing(growth, start, end):
    """Any edges, also nonsense, and any window: no error, no 0 J, and low <= joules <= high."""
    ledger, mono, joules = Ledger(), 0.0, 1000.0
    for pause, width, more in growth:
        mono, joules = mono + pause + width, joules + more
        ledger.add(Edge(uuid=GPU, since=mono - width, mono=mono, joules=joules))
        energy = ledger.measure(GPU, start, end)
        if energy.joules is not None:
            assert energy.low <= energy.joules
            assert energy.high is None or energy.joules <= energy.high
            assert energy.joules > 0


@pytest.mark.parametrize("counter", [True, False], ids=["counter", "power"])
def test_a_window_of_hours_has_its_energy_too(counter):
    """A training cell lasts longer than updates are kept: what it took is put by meanwhile."""
    ledger, joules = Ledger(), 0.0
    absent = {} if counter else {"energy": "unsupported"}
    ledger.take(Hello(devices=(Device(uuid="u", index=0, name="B", power_limit_max=700.0, absent=absent),)))
    start, end = 100.0, 100.0 + 2 * 3600
    for n in range(1, int(10 * (end + 5))):
        mono = n / 10
        joules += 0.1 * (watts := 300.0 if start < mono <= end else 60.0)
        if mono == start:
            ledger.mark(start)
        if counter:
            ledger.add(Edge(uuid="u", since=mono - 0.002, mono=mono, joules=joules))
        else:
            run = PowerRun(uuid="u", kind="instant", monos=(mono,), watts=(watts,))
            ledger.take(Sample(time=mono, mono=mono, powers=(run,)))
        if n % 10 == 0:
            ledger.take(Sample(time=mono, mono=mono, gpus=(Gpu(uuid="u"),)))
    ledger.mark(start, end)
    found = ledger.measure("u", start, end)
    assert found.final
    truth = 300.0 * (end - start)
    if counter:
        assert found.joules == pytest.approx(truth, rel=1e-4)
        assert found.least <= found.low <= truth <= found.high <= found.most
    else:
        assert found.least <= truth <= found.most
    assert ledger.measure("u", end + 1, end + 3).joules == pytest.approx(120.0, rel=0.5) if counter else True


def row_of_cells(rng: random.Random) -> list[tuple[Energy, float]]:
    """Cells of 1.5 s with a quarter of a second between them, in a notebook that is measured from its first second."""
    windows, steps, at = [(0.5, 4.0)], [(0.0, IDLE)], 4.25
    for _ in range(5):
        windows.append((at, at + 1.5))
        steps += [(at, LOAD), (at + 1.5, IDLE)]
        at += 1.5 + rng.uniform(0.2, 0.3)
    truth, ledger, found = Truth(steps), Ledger(), []
    counter = Counter(truth, rng, seconds=at + 2)
    waiting = list(windows)
    for edge in edges(counter, around(counter, at + 1, rng), rng):
        for start, _ in windows:
            if start < edge.mono:
                ledger.mark(start)
        windows = [window for window in windows if window[0] >= edge.mono]
        ledger.add(edge)
        if waiting and edge.mono > waiting[0][1] and ledger.settled(GPU, waiting[0][1]):
            start, end = waiting.pop(0)
            ledger.mark(start, end)
            found.append((ledger.measure(GPU, start, end), truth.between(start, end)))
    return found[1:]


def test_cells_in_a_row_are_not_taken_for_idle():
    """Run All: there is never a second of rest to see what idle is; still each cell is measured well."""
    rng = random.Random("row")
    off, held = summary([pair for _ in range(20) for pair in row_of_cells(rng)])
    assert off <= 1.0
    assert held >= 0.9
