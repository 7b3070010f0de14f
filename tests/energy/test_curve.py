"""The curve under the ledger: its parts add up to the counter, exactly, and what is certain is certain."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_gpumon.energy.ledger import RESET, Ledger
from jupyter_gpumon.model import Device, Edge, Gpu, Hello, Sample, Sensor

from .rig import Counter, Truth, follow

GPU = "GPU-1"
LIMIT = 700.0
UNTIL = 24.0

powers = st.lists(st.tuples(st.floats(0.01, 2.0), st.floats(60, 700)), min_size=1, max_size=25)
windows = st.lists(st.tuples(st.floats(11, 20), st.sampled_from((0.003, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0))), max_size=12)


def watched(steps, seed, *, jitter=0.0, delay=0.0):
    """A truth of random steps after ten idle seconds, its edges as the agent brings them, and a ledger that met it."""
    rng = random.Random(seed)
    truth = Truth([(10.0, 60.0, 60.0), *((seconds, watts, watts) for seconds, watts in steps)])
    counter = Counter(truth, rng, period=rng.choice((0.02, 0.1)), jitter=jitter, delay=delay, until=UNTIL)
    sensor = Sensor(period=counter.period, jitter=jitter, delay=delay, checked=1.0)
    ledger = Ledger()
    ledger.take(Hello(devices=(Device(uuid=GPU, index=0, name="H200", power_limit_max=LIMIT, sensor=sensor),)))
    return truth, counter, ledger, list(follow({GPU: counter}, UNTIL, rng, sensor=sensor))


@settings(max_examples=20)
@given(powers, windows, st.integers(0, 1 << 30), st.sampled_from(((0.0, 0.0), (0.005, 0.03))))
def test_parts_add_up_to_the_counter_exactly(steps, cells, seed, kind):
    """Any power, any windows, nested and overlapping, asked for as they end: nothing is lost, nothing counted twice."""
    _truth, _counter, ledger, heard = watched(steps, seed, jitter=kind[0], delay=kind[1])
    pending = sorted((start + seconds, start) for start, seconds in cells)
    told = {}
    for now, edges in heard:
        for edge in edges:
            ledger.add(edge)
        for end, start in pending:
            if start < now and (start, end) not in told:
                ledger.mark(start)
            if end < now and not told.get((start, end), (None, False))[1]:
                energy = ledger.measure(GPU, start, end)
                told[start, end] = (energy.joules, energy.final)
    cuts = sorted({10.5, 22.5, *(moment for window in told for moment in window)})
    parts = ledger.parts(GPU, cuts)
    assert all(part >= 0 for part in parts)
    first, last = ledger.at(GPU, [cuts[0], cuts[-1]])
    assert sum(parts) == last - first
    for (start, end), (joules, final) in told.items():
        between = parts[cuts.index(start) : cuts.index(end)]
        assert joules is None or not final or sum(between) == joules
    shown = [edge.joules for _, edges in heard for edge in edges]
    ends = [one.span.joules[n] for one in ledger._accounts[GPU]._solved for n in (0, -1)]
    assert all(min(abs(end - joules) for joules in shown) < 1e-3 for end in ends)


@settings(max_examples=20)
@given(powers, windows, st.integers(0, 1 << 30), st.sampled_from(((0.0, 0.0), (0.005, 0.03))))
def test_certain_intervals_hold_the_truth_whatever_the_load_does(steps, cells, seed, kind):
    """Not isolated, not steady, not marked in time: it holds as soon as it is asked for, and when it is final."""
    truth, _counter, ledger, heard = watched(steps, seed, jitter=kind[0], delay=kind[1])
    for now, edges in heard:
        for edge in edges:
            ledger.add(edge)
        for start, seconds in cells:
            if start + seconds < now < start + seconds + 0.5:
                energy = ledger.measure(GPU, start, start + seconds)
                true = truth.between(start, start + seconds)
                assert energy.least - 1e-3 <= true <= energy.most + 1e-3
                assert energy.joules is None or energy.least <= energy.joules <= energy.most
                assert energy.high > 0


def test_windows_and_the_time_between_them_are_the_counters_growth():
    """Eight cells of 40 ms, 15 ms apart, on a counter of 100 ms: with the pauses, they are what it grew by."""
    rng = random.Random(5)
    starts = [10 + n * 0.055 for n in range(8)]
    pieces = [(10.0, 60.0, 60.0)] + [(0.04, 400.0, 400.0), (0.015, 60.0, 60.0)] * 8 + [(5.0, 60.0, 60.0)]
    truth = Truth(pieces)
    counter = Counter(truth, rng, until=16)
    ledger = Ledger()
    for _, edges in follow({GPU: counter}, 15, rng):
        for edge in edges:
            ledger.add(edge)
    for start in starts:
        ledger.mark(start, start + 0.04)
    cells = [ledger.measure(GPU, start, start + 0.04) for start in starts]
    cuts = sorted({9.0, 12.0, *starts, *(start + 0.04 for start in starts)})
    parts = ledger.parts(GPU, cuts)
    of_cells = sum(part for part, (since, _) in zip(parts, pairwise(cuts), strict=True) if since in starts)
    assert sum(parts) == ledger.at(GPU, [12.0])[0] - ledger.at(GPU, [9.0])[0]
    assert abs(sum(parts) - truth.between(9.0, 12.0)) < 0.3
    assert abs(of_cells - 8 * 0.04 * 400) < 0.1 * 8 * 0.04 * 400
    assert all(cell.least <= 16 <= cell.most for cell in cells)


def test_a_counter_that_begins_anew_leaves_the_interval_to_power():
    """Where somebody read it, and says so; before and after it is the counter again."""
    ledger = Ledger()
    ledger.take(Hello(devices=(Device(uuid=GPU, index=0, name="T4", architecture="Turing", power_limit_max=LIMIT),)))
    for n in range(1, 400):
        mono = n * 0.1
        joules = 1e6 + 300 * mono if mono <= 20 else 300 * (mono - 20)
        edge = Edge(uuid=GPU, since=mono - 0.002, mono=mono + 0.002, joules=joules)
        ledger.take(Sample(time=mono, mono=mono, edges=(edge,), gpus=(Gpu(uuid=GPU, power=300.0),)))
    broken, before = ledger.measure(GPU, 16.0, 24.0), ledger.measure(GPU, 10.0, 15.0)
    assert (broken.method, RESET in broken.warning) == ("power", True)
    assert abs(broken.joules - 300 * 8) < 0.02 * 300 * 8
    assert (before.method, before.warning) == ("counter", "")
    assert ledger.parts(GPU, [10.0, 15.0, 24.0]) is None


def test_a_counter_that_is_not_to_be_trusted_is_not_used():
    """Its edges still come; the energy is that of power, and the reason is told."""
    sensor = Sensor(method="instant", reason="the counter reads 57 % of the power's integral")
    ledger = Ledger()
    ledger.take(Hello(devices=(Device(uuid=GPU, index=0, name="H200", power_limit_max=LIMIT, sensor=sensor),)))
    for n in range(1, 300):
        mono = n * 0.1
        edge = Edge(uuid=GPU, since=mono - 0.002, mono=mono, joules=171 * mono)
        ledger.take(Sample(time=mono, mono=mono, edges=(edge,), gpus=(Gpu(uuid=GPU, power=300.0),)))
    energy = ledger.measure(GPU, 10.0, 20.0)
    assert energy.method == "power"
    assert "57 %" in energy.warning
    assert abs(energy.joules - 3000) < 60


def test_idle_is_what_the_board_draws_outside_of_windows():
    """An hour at work does not become idle power: the ten minutes that count are those without a window."""
    ledger, joules = Ledger(), 0.0
    ledger.take(
        Hello(devices=(Device(uuid=GPU, index=0, name="H200", power_limit_max=LIMIT, sensor=Sensor(delay=0.0)),))
    )
    for n in range(1, 12_000):
        mono = n * 0.1
        if n == 600:
            ledger.mark(60.0)
        joules += 6 if mono < 60 else 40
        ledger.add(Edge(uuid=GPU, since=mono - 0.002, mono=mono + 0.002, joules=joules))
    energy = ledger.measure(GPU, 700.0, 1100.0)
    assert abs(ledger.idle(GPU) - 60) < 1
    assert abs(energy.joules - 400 * 400) < 100
    assert abs(energy.net - 340 * 400) < 500
