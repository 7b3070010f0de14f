"""Health under our own names."""

from __future__ import annotations

from msgspec.structs import replace

from jupyter_gpumon.model import Hello

from .conftest import BOARD
from .test_dcgm import WELL


def test_each_watch_has_a_number_once_it_is_known(told):
    """0 well, 10 with a warning, 20 failed; a rate has none before a minute has passed."""
    told.look(WELL, after=10)
    assert told.series().of("gpumon_gpu_health", watch="memory", gpu="0") == 0
    assert told.series().of("gpumon_gpu_health", watch="thermal") is None
    for _ in range(7):
        told.look(WELL, after=10)
    assert told.series().of("gpumon_gpu_health", watch="thermal", gpu="0") == 0
    told.look(replace(WELL, held_thermal=9, remap_failure=1))
    assert told.series().of("gpumon_gpu_health", watch="thermal") == 10
    assert told.series().of("gpumon_gpu_health", watch="memory") == 20


def test_of_a_lost_gpu_it_is_said_that_it_failed(told):
    """It has no other number any more."""
    told.look(WELL).tell(Hello(devices=(replace(BOARD, state="lost"),))).look()
    assert told.series().of("gpumon_gpu_health", watch="driver", gpu="0") == 20
    assert told.series().of("gpumon_gpu_health", watch="memory") is None
