"""Student's t and Welch's test against tables, without scipy."""

from __future__ import annotations

import random

import pytest

from jupyter_gpumon.spread import beyond, quantile, spread, welch


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.7062), (2, 4.3027), (5, 2.5706), (10, 2.2281), (30, 2.0423), (120, 1.9799), (1e6, 1.96)]
)
def test_the_quantile_is_that_of_the_tables(freedom, t):
    """Two-sided 95 %."""
    assert quantile(freedom) == pytest.approx(t, abs=6e-5)
    assert beyond(t, freedom) == pytest.approx(0.05, abs=2e-5)


def test_the_interval_of_a_mean_is_students():
    """A textbook case: 4 values, sd 1, so 3.1824 / 2 to either side."""
    found = spread([9.0, 9.0, 11.0, 11.0])
    assert found.mean == 10.0
    assert found.deviation == pytest.approx(1.1547, abs=1e-4)
    assert found.high - found.mean == pytest.approx(3.1824 * 1.1547 / 2, abs=1e-3)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_welchs_test_is_that_of_scipy():
    """scipy 1.17.1: ttest_ind(first, second, equal_var=False) and its confidence_interval()."""
    first = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
    second = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4]
    found = welch(first, second)
    assert found.p == pytest.approx(0.008071938172194903, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((-4.868022741791966, -0.7986439248746979), rel=1e-9)


def test_equal_values_without_spread_do_not_differ():
    """And unequal ones without spread do."""
    assert welch([5.0, 5.0], [5.0, 5.0]).p == 1.0
    assert welch([5.0, 5.0], [6.0, 6.0]).p == 0.0


def test_the_interval_holds_the_mean_in_95_of_100_cases():
    """Of 2000 samples of five normal values, and Welch's p is below 5 % in 5 % of them where nothing differs."""
    chance = random.Random(7)
    held = rejected = 0
    for _ in range(2000):
        values = [[chance.gauss(100, 10) for _ in range(5)] for _ in range(2)]
        held += spread(values[0]).low <= 100 <= spread(values[0]).high
        rejected += welch(*values).p < 0.05
    assert 1870 <= held <= 1930
    assert 60 <= rejected <= 140
