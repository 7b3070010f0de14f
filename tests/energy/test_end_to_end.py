"""A sample of the end-to-end table: eight GPUs, one cell, the real way from the driver to the record."""

from __future__ import annotations

import math
import statistics

import pytest

from .end_to_end import GPUS, LENGTHS, SENSORS, Trial, begin, make_driver, per_cent, percentile, table, trials_of
from .served import kernel_of, server_on

SAMPLE = (("constant", 0.05), ("square 2 Hz", 0.3), ("constant", 1.0), ("square 2 Hz", 1.0))


@pytest.fixture(scope="module", params=["counter 100 ms", "counter 20 ms"])
def trials(request, fakenvml_library, tmp_path_factory):
    """Every cell of the sample, on eight GPUs whose counters of this period have eight phases."""
    driver = make_driver(SENSORS[request.param], seed=7, folder=tmp_path_factory.mktemp("driver"))
    with server_on(driver) as server, kernel_of(server) as notebook:
        begin(driver, notebook)
        return trials_of(driver, notebook, request.param, SAMPLE)


def test_a_cell_is_measured_on_every_gpu(trials):
    """All eight have a counter, so all are measured by it: none is lost on the way.

    Where reads came late, because the machine was busy with other tests, an upper bound is all that can be said.
    """
    assert len(trials) == GPUS * len(SAMPLE)
    assert all(trial.high is not None and trial.method == "counter" for trial in trials)
    assert sum(trial.joules is not None for trial in trials) > len(trials) / 2


def test_what_is_said_to_be_certain_is(trials):
    """The truth over the record's own window lies in its hard interval, whatever the machine was busy with."""
    assert all(trial.sure for trial in trials)


BUSY = 3
"""Reads of the counter come late or not at all on a machine that is busy with other tests: so much more may be off."""


def test_most_errors_are_about_what_is_promised(trials):
    """Half of the trials of each length stay near the bound of the table, which is for 95 % on a quiet machine."""
    goals = dict(zip(LENGTHS, SENSORS[trials[0].sensor].goals, strict=True))
    for seconds, goal in goals.items():
        known = [trial for trial in trials if trial.seconds == seconds and trial.joules is not None]
        near = [each.error <= max(BUSY * goal, (each.high - (each.low or 0.0)) / 2 / each.truth) for each in known]
        assert not near or statistics.mean(near) >= 0.5


def made(error: float | None, tool: str = "gpumon", **more: float) -> Trial:
    """A trial of 100 J on the first sensor."""
    joules = None if error is None else 100 * (1 + error)
    return Trial(tool, "counter 100 ms", "constant", 0.3, 0, 100.0, joules, **more)


def test_the_table_tells_what_missed_its_goal():
    """A 95th percentile above the goal stands out; peers have none; a missing value is no small error."""
    text = table([made(0.0042), *(made(0.2, tool="zeus") for _ in range(3))])
    assert "| 0.42 % (≤ 1) |" in text
    assert "| 20 % |" in text
    assert "**4.2 %** (≤ 1)" in table([made(-0.042)])
    assert "**not resolved**" in table([made(None, high=120.0)])


def test_intervals_are_checked_against_the_truth():
    """Both kinds, also where only an upper bound was said."""
    assert made(0.1, low=99.0, high=120.0).likely
    assert not made(0.1, low=101.0, high=120.0).likely
    assert not made(None, high=90.0).likely
    assert not made(0.1, least=101.0, most=120.0).sure


def test_percentiles_are_of_the_trials_themselves():
    """The smallest error that 95 % do not exceed; infinite where too many said nothing."""
    assert percentile([n / 100 for n in range(100)]) == 0.94
    assert math.isinf(percentile([0.0, math.inf]))
    shares = [per_cent(share) for share in (0.0036, 0.052, 1.14, 4.7e-8)]
    assert shares == ["0.36 %", "5.2 %", "114 %", "< 0.001 %"]
