"""The history: steps, tiers, gaps, clocks, and what comes out of it."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest

from jupyter_gpumon import history as history_module
from jupyter_gpumon import rings
from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.history import CONSTANT, History
from jupyter_gpumon.model import SERIES, Gpu, Host, Sample


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(time=1_795_302_000.0, mono=1_000.0)


@pytest.fixture
def history() -> History:
    return History()


def push(history: History, clock: FakeClock, **values: float) -> None:
    """One sample of one GPU, and one second later."""
    history.push(Sample(time=clock.time(), mono=clock.mono(), gpus=(Gpu(uuid="GPU-a", **values),)))
    clock.advance(1.0)


def test_what_was_pushed_comes_back_with_its_times(history, clock):
    """Three samples, three rows, each at most a second after its sample."""
    start = clock.time()
    for power in (100.0, 200.0, 300.0):
        push(history, clock, power=power)
    columns = history.columns(start - 10)
    assert columns.gpus == {"GPU-a": {"power": [100.0, 200.0, 300.0]}}
    assert columns.time == pytest.approx([start + 1, start + 2, start + 2])


def test_a_step_folds_means_of_gauges_and_the_last_of_counters(history, clock):
    """Ten seconds of a ramp in rows of five; low and high where asked for."""
    for n in range(10):
        push(history, clock, power=float(n), energy=1e9 + n)
    columns = history.columns(clock.time() - 11, step=5, spread=True)
    assert columns.step == 5
    assert columns.gpus["GPU-a"] == {"power": [2.0, 7.0], "energy": [1e9 + 4, 1e9 + 9]}
    assert columns.low["GPU-a"]["power"] == [0.0, 5.0]
    assert columns.high["GPU-a"]["power"] == [4.0, 9.0]


@pytest.mark.parametrize("name", ["ecc_corrected", "inforom_valid"])
def test_what_is_read_rarely_is_kept_by_ten_seconds_at_best(history, clock, name):
    """Whatever step is asked for, a minute is six or seven values of such a metric, and sixty of another."""
    start = clock.time()
    for _ in range(60):
        push(history, clock, power=100.0, **{name: 1.0})
    found = history.columns(start, step=1, metrics=["power", name]).gpus["GPU-a"]
    assert set(found[name]) == {1.0}
    assert len(found["power"]) >= 60
    rings = {key[1]: [ring.step for ring in series.rings] for key, series in history._series.items()}
    assert rings == {"power": [1.0, 10.0, 60.0], name: [10.0, 60.0]}


def test_a_counter_keeps_its_full_precision_for_a_day(history, clock):
    """A petajoule and three joules is not rounded to float32, in the coarsest tier either."""
    start = clock.time()
    for n in range(0, 86_000, 5):
        sample = Sample(time=start + n, mono=1000.0 + n, gpus=(Gpu(uuid="GPU-a", energy=1e15 + n),))
        history.push(sample, hold=15)
    columns = history.columns(start)
    assert columns.step == 60
    energy = [value for value in columns.gpus["GPU-a"]["energy"] if value is not None]
    assert len(energy) > 1400
    assert all((value - 1e15) % 5 == 0 for value in energy)


@pytest.mark.parametrize(("reach", "step"), [(600, 1), (3600, 1), (7200, 10), (21_600, 10), (50_000, 60)])
def test_the_finest_tier_that_covers_the_range_is_taken(history, clock, reach, step):
    """1 s for an hour, 10 s for six, a minute for a day."""
    push(history, clock, power=1.0)
    assert history.columns(clock.time() - 1 - reach).step == step


def test_a_short_silence_is_bridged_and_a_long_one_is_a_gap(history, clock):
    """Two seconds between samples are no gap; a minute is: its rows are left out."""
    start = clock.time()
    push(history, clock, power=1.0)
    clock.advance(1.0)
    push(history, clock, power=2.0)
    clock.advance(60.0)
    push(history, clock, power=3.0)
    columns = history.columns(start - 1)
    assert columns.gpus["GPU-a"]["power"] == [1.0, 2.0, 2.0, 3.0]
    assert columns.time[3] - columns.time[2] > 3 * columns.step


def test_a_wall_clock_that_steps_back_an_hour_relabels_and_loses_nothing(history, clock):
    """Rows stay in order, as many as there were samples."""
    for _ in range(5):
        push(history, clock, power=1.0)
    clock.step(-3600)
    for _ in range(5):
        push(history, clock, power=2.0)
    columns = history.columns(clock.time() - 60)
    assert columns.gpus["GPU-a"]["power"] == [1.0] * 5 + [2.0] * 5
    assert columns.time == sorted(columns.time)
    assert columns.time[-1] == pytest.approx(clock.time() - 1)


def test_a_suspended_machine_leaves_a_gap(history, clock):
    """The monotonic clock stood still for ten minutes, the wall clock did not."""
    for _ in range(3):
        push(history, clock, power=1.0)
    clock.suspend(600)
    for _ in range(3):
        push(history, clock, power=2.0)
    times = history.columns(clock.time() - 700).time
    assert len(times) == 6
    assert max(b - a for a, b in pairwise(times)) == pytest.approx(600, abs=2)


def test_a_source_on_a_machine_that_restarted_goes_on(history, clock):
    """Its monotonic clock begins again near zero."""
    push(history, clock, power=1.0)
    history.push(Sample(time=clock.time() + 30, mono=5.0, gpus=(Gpu(uuid="GPU-a", power=2.0),)))
    assert history.columns(clock.time() - 60).gpus["GPU-a"]["power"] == [1.0, 2.0]


def test_unknown_is_none_and_a_device_that_goes_leaves_nones(history, clock):
    """Power is unknown for a second; utilization is not."""
    push(history, clock, power=1.0, utilization=0.5)
    for _ in range(4):
        push(history, clock, utilization=0.5)
    push(history, clock, power=3.0, utilization=0.5)
    gpu = history.columns(clock.time() - 60).gpus["GPU-a"]
    assert gpu["power"] == [1.0, None, None, None, None, 3.0]
    assert gpu["utilization"] == [0.5] * 6


def test_a_metric_that_is_read_every_fifteen_seconds_holds_its_value(history, clock):
    """ECC counts are there in every row of two seconds in between."""
    for n in range(31):
        push(history, clock, power=1.0, **({"ecc_corrected": float(n)} if n % 15 == 0 else {}))
    ecc = history.columns(clock.time() - 60, step=2).gpus["GPU-a"]["ecc_corrected"]
    assert None not in ecc
    assert ecc[-1] == 30


def test_only_what_was_asked_for_is_kept_and_sent(clock):
    """``metrics`` of the history, and ``devices``, ``metrics`` and ``host`` of a question."""
    history = History(metrics=["power"])
    gpus = (Gpu(uuid="GPU-a", power=1.0, temperature=50.0), Gpu(uuid="GPU-b", power=2.0))
    history.push(Sample(time=clock.time(), mono=clock.mono(), gpus=gpus, host=Host(cpu=0.25, load=1.0)))
    columns = history.columns(clock.time() - 5, devices=["GPU-b", "GPU-none"], host=["cpu"])
    assert columns.gpus == {"GPU-b": {"power": [2.0]}, "GPU-none": {}}
    assert columns.host == {"cpu": [0.25]}


def test_the_oldest_goes_when_a_ring_is_full(clock):
    """A history of ten seconds holds ten."""
    history = History(tiers=[(1.0, 10.0)])
    for n in range(25):
        push(history, clock, power=float(n))
    assert history.columns(clock.time() - 100).gpus["GPU-a"]["power"] == [float(n) for n in range(15, 25)]


OURS = [tracemalloc.Filter(True, module.__file__) for module in (history_module, rings)]
"""What is allocated there. Other threads of this process, of whatever ran before, allocate as well."""


def test_a_day_of_eight_gpus_with_every_metric_fits_into_thirty_megabytes(clock):
    """Measured on a gauge, a counter and a rarely read one after a day in which every slot was filled."""
    series = {"power": 1.0, "energy": 2.0, "ecc_corrected": 3.0}
    history = History(metrics=series)
    tracemalloc.start()
    try:
        for n in range(0, 86_400, 20):
            sample = Sample(time=clock.time() + n, mono=1000.0 + n, gpus=(Gpu(uuid="GPU-a", **series),))
            history.push(sample, hold=60)
        kept = tracemalloc.take_snapshot().filter_traces(OURS)
    finally:
        tracemalloc.stop()
    assert None not in history.columns(clock.time(), step=60).gpus["GPU-a"]["power"]
    each = sum(trace.size for trace in kept.traces) / (len(series) + 1)
    assert each > 10e3, "the slots of a day are in it"
    assert each * len(SERIES - CONSTANT) * 8 < 30e6


def fill(history: History, clock: FakeClock, seconds: int, gpus: int = 2) -> None:
    """So many seconds of some GPUs, each with three metrics."""
    for n in range(seconds):
        values = {"power": float(n), "utilization": 0.5, "energy": 1e9 + n}
        each = tuple(Gpu(uuid=f"GPU-{gpu}", **values) for gpu in range(gpus))
        history.push(Sample(time=clock.time(), mono=clock.mono(), gpus=each))
        clock.advance(1.0)


@pytest.mark.parametrize("spread", [False, True])
def test_an_answer_that_would_be_too_large_comes_in_longer_steps(history, clock, spread):
    """A hundred seconds of six series: 600 values, or 120 in rows of five seconds (of 20 with extremes)."""
    fill(history, clock, 100)
    start = clock.time() - 100
    assert history.columns(start, most=700 * 3, spread=spread).step == 1
    columns = history.columns(start, most=120, spread=spread)
    assert columns.step == (20 if spread else 5)
    parts = [columns.gpus, columns.low or {}, columns.high or {}]
    count = sum(len(column) for part in parts for metrics in part.values() for column in metrics.values())
    assert 0 < count <= 120 + 2 * 6 * (3 if spread else 1)
    assert history.columns(start, most=120, metrics=["power"], devices=["GPU-0"]).step == 1


def test_a_longer_step_takes_a_coarser_tier_where_there_is_one(history, clock):
    """Two hundred seconds in at most fifteen values a series: rows of twenty seconds out of those of ten."""
    fill(history, clock, 200, gpus=1)
    columns = history.columns(clock.time() - 200, most=30, metrics=["power", "energy"])
    assert columns.step == 20
    assert columns.gpus["GPU-0"]["energy"][-1] == 1e9 + 199


def test_what_is_unknown_within_a_row_does_not_hide_what_is_known(history, clock):
    """Power comes in two of five seconds, at either end or in the middle: mean, extremes and last hold."""
    history.push(Sample(time=clock.time() - 1, mono=clock.mono() - 1, gpus=(Gpu(uuid="GPU-a", fan=0.1),)), hold=0)
    for known in ((0, 3), (1, 2), (2, 4)):
        for second in range(5):
            more = {"power": 10.0 * second, "energy": 1e9 + second} if second in known else {}
            sample = Sample(time=clock.time(), mono=clock.mono(), gpus=(Gpu(uuid="GPU-a", fan=0.5, **more),))
            history.push(sample, hold=0.5)
            clock.advance(1.0)
    columns = history.columns(clock.time() - 14, step=5, spread=True)
    assert columns.gpus["GPU-a"]["power"] == [15.0, 15.0, 30.0]
    assert columns.low["GPU-a"]["power"] == [0.0, 10.0, 20.0]
    assert columns.high["GPU-a"]["power"] == [30.0, 20.0, 40.0]
    assert columns.gpus["GPU-a"]["energy"] == [1e9 + 3, 1e9 + 2, 1e9 + 4]


def test_rows_that_are_no_multiple_of_a_rarely_read_metrics_steps(history, clock):
    """ECC counts are kept every ten seconds; in rows of three and of twenty-five the last one known stands."""
    start = clock.time()
    for n in range(100):
        push(history, clock, power=1.0, **({"ecc_corrected": float(n)} if n % 10 == 0 else {}))
    for step in (3, 25):
        columns = history.columns(start, step=step, metrics=["power", "ecc_corrected"])
        first, *ecc = columns.gpus["GPU-a"]["ecc_corrected"]
        assert first in (None, 10)  # A row of three seconds may begin before the first value.
        assert 1 + len(ecc) == len(columns.time) == len(columns.gpus["GPU-a"]["power"])
        assert None not in ecc
        assert ecc == sorted(ecc)
        assert (ecc[0], ecc[-1]) == ((0, 90) if step == 3 else (40, 90))


def test_a_recording_longer_than_the_machine_is_up_is_kept_too(history):
    """Its first samples are stamped before the monotonic clock's zero."""
    for n in range(100):
        history.push(Sample(time=1000.0 + n, mono=n - 90.0, gpus=(Gpu(uuid="GPU-a", power=100.0 + n),)))
    assert history.columns(900.0).gpus["GPU-a"]["power"][:2] == [100.0, 101.0]
