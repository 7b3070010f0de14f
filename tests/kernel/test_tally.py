"""Adding up the samples round a window, host energy included."""

from __future__ import annotations

import pytest

from jupyter_gpumon.kernel.rapl import HostEnergy
from jupyter_gpumon.kernel.tally import Tally
from jupyter_gpumon.model import Gpu, Host, Sample


def _tally(start, end, *readings):
    tally = Tally(start)
    for mono, values in readings:
        tally.add(Sample(time=mono, mono=mono, gpus=(Gpu(uuid="u", **values),)), end if mono > end else None)
    return tally.tables({"u": "gpu0"}, end)


def test_means_and_peaks_are_of_the_samples_inside():
    """What was before and after the window does not count."""
    samples = [(t, {"power": p}) for t, p in ((0, 900.0), (1, 100.0), (2, 300.0), (3, 900.0))]
    tables = _tally(0.5, 2.5, *samples)
    assert tables["mean"]["gpu0"]["power"] == 200.0
    assert tables["peak"]["gpu0"]["power"] == 300.0


def test_a_mean_is_weighted_by_time():
    """100 W for 8 s, seen once in 4 s, and 400 W for 2 s, seen five times: 160 W, not what most readings say."""
    seen = [(t, {"power": 100.0}) for t in (2, 6)] + [(8.2 + 0.4 * n, {"power": 400.0}) for n in range(5)]
    assert _tally(0, 10, *seen)["mean"]["gpu0"]["power"] == pytest.approx(160, rel=0.2)


def test_a_window_between_two_samples_is_told_by_the_next_one():
    """Its reading reaches back into the window; the one before does not."""
    tables = _tally(1.4, 1.5, (0, {"power": 60.0}), (1, {"power": 60.0}), (2, {"power": 300.0}))
    assert tables["mean"]["gpu0"]["power"] == tables["peak"]["gpu0"]["power"] == 300.0


def test_memory_that_was_held_before_is_held_inside():
    """The rise is what the window added; a short window without a sample has the value before it."""
    tables = _tally(0.5, 2.5, (0, {"memory_used": 5.0}), (1, {"memory_used": 8.0}), (2, {"memory_used": 6.0}))
    assert tables["peak"]["gpu0"]["memory_used"] == 8.0
    assert tables["rise"]["gpu0"]["memory_used"] == 3.0
    short = _tally(0.5, 0.6, (0, {"memory_used": 5.0}))
    assert short["peak"]["gpu0"]["memory_used"] == 5.0


def test_counters_grow_in_proportion_to_the_time_inside():
    """10 bytes a second, 2 seconds inside; errors come whole."""
    samples = [(t, {"pcie_rx": 10.0 * t, "ecc_corrected": float(t >= 2)}) for t in range(5)]
    tables = _tally(0.5, 2.5, *samples)
    assert tables["delta"]["gpu0"]["pcie_rx"] == pytest.approx(20.0)
    assert tables["delta"]["gpu0"]["ecc_corrected"] == 1.0


def test_a_counter_that_begins_anew_tells_nothing():
    """After a driver reload there is no growth, rather than a negative one."""
    tables = _tally(0.5, 2.5, (0, {"pcie_rx": 1000.0}), (1, {"pcie_rx": 1010.0}), (2, {"pcie_rx": 5.0}))
    assert "pcie_rx" not in tables["delta"].get("gpu0", {})


def test_what_is_not_known_is_left_out():
    """No zeros for metrics that no sample had."""
    assert _tally(0.5, 1.5, (1, {"power": 1.0}))["mean"]["gpu0"] == {"power": 1.0}


def test_host_energy_is_read_between_two_readings():
    """100 W, read once a second: 1.5 s in the middle are 150 J, and the interval says what a second can hide."""
    host = HostEnergy(1.5)
    for t in range(6):
        host.add(float(t), Host(cpu_energy=100.0 * t))
    energy = host.over(3.0)["cpu"]
    assert energy.joules == pytest.approx(150.0)
    assert energy.low is not None
    assert energy.high is not None
    assert energy.low <= 150.0 <= energy.high
    assert energy.method == "rapl"
    assert "memory" not in host.over(3.0)


def test_host_energy_of_a_long_cell_keeps_few_readings():
    """A day of readings is not kept; the result is the same."""
    host = HostEnergy(0.5)
    for t in range(10_000):
        host.add(float(t), Host(dram_energy=2.0 * t))
    assert host.over(9_998.5)["memory"].joules == pytest.approx(2.0 * 9_998)
    assert len(host._readings["memory"]) < 20
