"""What is known of the sensors of each architecture, and that the unknown is said to be so."""

from __future__ import annotations

import pytest

from jupyter_gpumon.energy import sensors
from jupyter_gpumon.energy.sensors import known
from jupyter_gpumon.model import Device
from jupyter_gpumon.sources.nvidia.table import _ARCHITECTURES
from jupyter_gpumon.sources.sim.boards import MODELS


def device(architecture: str | None, capability: str | None = None) -> Device:
    """A board of this architecture."""
    return Device(uuid="GPU-1", index=0, name="X", architecture=architecture, compute_capability=capability)


@pytest.mark.parametrize(
    ("architecture", "capability", "kind", "update", "window", "duty"),
    [
        ("Volta", "7.0", "instant", 0.02, 0.01, 0.5),
        ("Turing", "7.5", "instant", 0.1, 0.1, 1.0),
        ("Ampere", "8.0", "instant", 0.1, 0.025, 0.25),
        ("Ampere", "8.6", "instant", 0.1, 0.1, 1.0),
        ("Ampere", "8.6", "average", 0.1, 1.0, 1.0),
        ("Ada", "8.9", "average", 0.1, 1.0, 1.0),
        ("Hopper", "9.0", "instant", 0.1, 0.025, 0.25),
        ("hopper", "9.0", "average", 0.1, 1.0, 0.25),
        ("Blackwell", "10.0", "average", None, 1.0, None),
    ],
)
def test_what_sources_tell_is_there_with_the_source(architecture, capability, kind, update, window, duty):
    """Numbers of the published table, by architecture as the driver writes it or in small letters, with provenance."""
    sensor = known(device(architecture, capability), kind)
    assert (sensor.update, sensor.window, sensor.duty) == (update, window, duty)
    assert any(source in sensor.provenance for source in ("SC24", "NVML"))
    assert sensor.checked is None


def test_ga100_has_no_averaged_reading():
    """The driver's documentation excepts it from the Amperes: nothing is known of one."""
    assert known(device("Ampere", "8.0"), "average").window is None
    assert sensors.UNKNOWN in known(device("Ampere", "8.0"), "average").provenance


@pytest.mark.parametrize("architecture", ["Pascal", "Rubin", "Vera", None])
@pytest.mark.parametrize("kind", ["instant", "buffer"])
def test_what_nobody_tells_is_unknown_and_said_to_be(architecture, kind):
    """No number is made up for another architecture's sake."""
    sensor = known(device(architecture), kind)
    assert (sensor.update, sensor.window, sensor.duty) == (None, None, None)
    assert sensors.UNKNOWN in sensor.provenance


def test_a_counter_came_with_volta_and_what_it_adds_up_is_unknown():
    """Before it there is none; after it, the period is about 100 ms and the duty nobody's knowledge."""
    assert known(device("Pascal"), "counter").method == "none"
    assert known(device("Hopper"), "counter").method == "counter"
    assert known(device("Hopper"), "counter").duty is None


@pytest.mark.parametrize("architecture", [*_ARCHITECTURES.values(), *(model.architecture for model in MODELS.values())])
@pytest.mark.parametrize("kind", sensors.KINDS)
def test_every_architecture_that_a_source_reports_has_an_answer_with_a_certainty(architecture, kind):
    """Whatever the driver or the simulation calls a board, the provenance ends with how sure it is."""
    levels = (sensors.DOCUMENTED, sensors.PUBLISHED, sensors.SECOND_HAND, sensors.UNKNOWN)
    assert known(device(architecture), kind).provenance.endswith(tuple(f"({level})" for level in levels))


def test_the_scale_caveat_names_its_size_and_source():
    """Reports say ±5 % and where that is from."""
    assert f"up to {sensors.SCALE:.0%} off".replace("%", " %") in sensors.SCALE_CAVEAT
    assert "SC24" in sensors.SCALE_SOURCE
