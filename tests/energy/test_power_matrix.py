"""A part of the matrix without a counter: the promised accuracy, and intervals that hold."""

from __future__ import annotations

import pytest

from tests.energy.power_matrix import BOARDS, PERIODIC, row, trials

AVERAGE, INSTANT, DUTY, SELDOM = BOARDS


@pytest.mark.parametrize("board", [AVERAGE, INSTANT], ids=["1 s mean", "100 ms"])
@pytest.mark.parametrize(("seconds", "percent"), [(0.05, 5.0), (0.1, 2.0), (0.3, 2.0), (1.0, 1.0), (10.0, 0.5)])
@pytest.mark.parametrize("load", ["constant", "square 2 Hz"])
def test_a_cell_that_is_alone_is_measured_as_promised(board, load, seconds, percent):
    """95th percentile of the error against the exact integral of power; the likely interval holds."""
    found = row(load, seconds, list(trials(board, load, seconds, 30)))
    assert found.p95 <= percent
    assert found.likely >= 90
    assert found.unresolved == 0


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0])
def test_neighbours_in_the_window_leave_the_interval_honest(seconds):
    """Cells of others end 150 ms before and begin 150 ms after, within the second that a reading is the mean of."""
    found = row("", seconds, list(trials(AVERAGE, "constant, neighbours 150 ms away", seconds, 30)))
    assert found.likely >= 90


@pytest.mark.parametrize("load", ["constant", "ramp", "bursts", "idle"])
@pytest.mark.parametrize("seconds", [0.05, 1.0, 10.0])
def test_a_sensor_that_looks_a_quarter_of_the_time_has_an_interval_that_holds(load, seconds):
    """Of loads that do not repeat."""
    assert row(load, seconds, list(trials(DUTY, load, seconds, 30))).likely >= 90


@pytest.mark.parametrize("load", PERIODIC)
@pytest.mark.parametrize("seconds", [0.3, 10.0])
def test_a_load_that_repeats_carries_the_warning_there(load, seconds):
    """Also one of 10 Hz, which such a sensor cannot tell from a constant one."""
    assert row(load, seconds, list(trials(DUTY, load, seconds, 20))).warned == 100


@pytest.mark.parametrize("seconds", [0.3, 1.0, 10.0])
def test_one_reading_a_second_is_honest(seconds):
    """Nothing finer came: the mean of one second still tells, with a wide interval."""
    assert row("constant", seconds, list(trials(SELDOM, "constant", seconds, 30))).likely >= 90
