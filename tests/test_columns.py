"""The columns of a table of samples."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.metrics import METRICS, Gpu
from jupyter_gpumon.sinks.columns import DEFAULT, chosen, value


def test_columns_are_chosen_by_name_and_stand_in_the_order_of_the_catalogue():
    """By default those worth keeping for long."""
    assert [metric.column for metric in chosen("power,utilization")] == ["utilization_ratio", "power_watts"]
    assert {metric.name for metric in chosen()} == set(DEFAULT)
    assert [metric.name for metric in chosen(["all"])] == list(METRICS)


def test_a_metric_that_there_is_not_is_said():
    """With its name."""
    with pytest.raises(SourceError, match="'watts'"):
        chosen("power,watts")


def test_a_set_is_words_and_what_is_not_known_is_none():
    """An empty set is not an unknown one."""
    held = METRICS["clock_events"]
    gpus = [Gpu(uuid="G", clock_events=events) for events in (("idle", "thermal"), (), None)]
    assert [value(gpu, held) for gpu in gpus] == ["idle,thermal", "", None]
    assert value(Gpu(uuid="G", power=1.5), METRICS["power"]) == 1.5
