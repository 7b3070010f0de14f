"""Mean, extremes, mode and percentiles: by time, not by how often somebody looked."""

from __future__ import annotations

import pytest

from jupyter_gpumon.distribution import Distribution


def spread(unit, readings, start, end, hold=10.0):
    distribution = Distribution(unit, start, hold)
    for mono, value in readings:
        distribution.add(mono, value)
    return distribution.close(end)


def test_a_reading_stands_half_way_to_its_neighbours():
    """Two seconds at 100 W, looked at often, and eight at 300 W, looked at seldom: the mean is by time."""
    often = [(0.1 * i, 100.0) for i in range(20)]
    seldom = [(2.1 + 2 * i, 300.0) for i in range(4)]
    found = spread("watts", [*often, *seldom], 0.0, 10.0)
    assert found.mean == pytest.approx(260, abs=2)
    assert (found.min, found.max, found.mode, found.p50) == (100, 300, 300, 300)


def test_percentiles_are_of_the_time():
    """95 s idle and 5 s busy: the 95th percentile is still idle, one second later it is not."""
    for busy, p95 in ((5, 0.0), (6, 0.9)):
        found = spread("ratio", [(i + 0.5, 0.9 if i >= 100 - busy else 0.0) for i in range(100)], 0.0, 100.0)
        assert found.p95 == pytest.approx(p95)
        assert found.p50 == 0


def test_nothing_is_told_of_a_time_without_readings():
    """Not 0: unknown. And of one reading everything is that reading."""
    assert spread("watts", [], 0.0, 1.0) is None
    one = spread("watts", [(0.5, 123.4)], 0.0, 1.0)
    assert {one.mean, one.max, one.min, one.mode, one.p50, one.p95} == {123.4}


def test_a_reading_does_not_stand_for_an_outage():
    """Ten minutes without samples belong to nobody."""
    found = spread("watts", [(1, 100), (2, 100), (602, 400), (603, 400)], 0.5, 603.5, hold=3.0)
    assert found.mean == pytest.approx((100 * 4.5 + 400 * 4.5) / 9, rel=0.02)
