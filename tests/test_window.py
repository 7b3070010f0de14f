"""What a window's summary says."""

from __future__ import annotations

import pytest

from jupyter_gpumon.model import Event, Gpu, Process, Sample
from jupyter_gpumon.window import summarise

GPU = "GPU-1"


def sample(mono: float, *, others: int = 0, xid: int | None = None, **values: float) -> Sample:
    """One sample of one GPU."""
    events = (Event(kind="xid", time=mono, mono=mono, title="XID", uuid=GPU, code=xid),) if xid else ()
    processes = (Process(uuid=GPU, pid=1, own=True), *([Process(uuid=GPU, count=others)] if others else []))
    return Sample(time=mono, mono=mono, gpus=(Gpu(uuid=GPU, **values),), processes=processes, events=events)


def test_a_mean_is_weighted_by_time():
    """100 W for 9 s and 400 W for 1 s is 130 W, wherever the samples happen to lie."""
    samples = [sample(0, power=100), sample(5, power=100), sample(9, power=400), sample(10, power=400)]
    summary = summarise(samples, GPU, 0, 10)
    assert summary.mean["power"] == pytest.approx(130)
    assert summary.peak["power"] == 400


def test_a_rise_is_from_the_start_to_the_peak():
    """Memory that was there before the cell is not the cell's."""
    samples = [sample(0, memory_used=3e9), sample(1, memory_used=8e9), sample(2, memory_used=4e9)]
    assert summarise(samples, GPU, 0.5, 2.5).rise == {"memory_used": 5e9}


def test_a_short_window_has_the_samples_round_it():
    """Between two samples both stand for it."""
    samples = [sample(0, power=60), sample(1, power=60), sample(2, power=300), sample(3, power=300)]
    summary = summarise(samples, GPU, 1.4, 1.5)
    assert summary.peak["power"] == 300
    assert 60 <= summary.mean["power"] <= 300


def test_counters_give_their_growth_also_over_a_reset():
    """A counter that falls back began anew at 0: never a negative growth."""
    samples = [sample(n, pcie_rx=value) for n, value in enumerate((1000.0, 1600.0, 50.0, 80.0))]
    assert summarise(samples, GPU, 0, 3).delta == {"pcie_rx": 680.0}


def test_what_is_not_known_is_not_there():
    """No metric without a reading, and nothing at all of another device."""
    samples = [sample(0, power=60), sample(1, power=60)]
    assert set(summarise(samples, GPU, 0, 1).mean) == {"power"}
    assert summarise(samples, "GPU-2", 0, 1).mean == {}
    assert summarise([], GPU, 0, 1).delta == {}


def test_xids_count_where_they_fell_into_the_window():
    """Those before and after belong to other cells."""
    samples = [sample(0, xid=31), sample(1, xid=94), sample(2), sample(3, xid=79)]
    assert summarise(samples, GPU, 0.5, 2.5).xids == (94,)


def test_foreign_processes_are_counted_at_their_most():
    """Two neighbours for a moment are two neighbours; one's own kernel is none."""
    samples = [sample(0), sample(1, others=2), sample(2, others=1)]
    assert summarise(samples, GPU, 0, 2).foreign == 2
