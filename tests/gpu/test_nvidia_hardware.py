"""The nvidia backend on a real GPU: the same promises as on the fake driver, and what only reality can tell."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jupyter_gpumon.metrics import in_tiers
from jupyter_gpumon.sources.nvidia import open_backend

from ..contracts.backend import ALL, PROMISES

pytestmark = pytest.mark.gpu


@pytest.fixture
def backend():
    """The machine's own GPUs."""
    backend = open_backend({})
    yield backend
    backend.close()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_the_contract_holds(backend, promise):
    """What every backend promises holds on this machine."""
    promise(backend, time.sleep)


def test_what_every_board_of_a_data_centre_tells_is_there(backend):
    """Utilization, memory, power, temperature and clocks of a whole board have values."""
    boards = {device.uuid for device in backend.devices() if device.state == "ok" and device.parent is None}
    for gpu in backend.read(ALL):
        if gpu.uuid in boards:
            assert None not in (gpu.memory_total, gpu.power, gpu.temperature, gpu.clock_sm, gpu.clock_memory)


def test_energy_is_the_integral_of_power(backend):
    """Over five seconds the counter grows by about what the power readings add up to."""
    device = next(d for d in backend.devices() if d.state == "ok" and "energy" not in d.absent)
    powers, start = [], backend.energy(device.uuid)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        powers += [gpu.power for gpu in backend.read(frozenset({"power"})) if gpu.uuid == device.uuid]
        time.sleep(0.05)
    grown = backend.energy(device.uuid) - start
    assert grown == pytest.approx(5 * sum(powers) / len(powers), rel=0.25)


def test_opening_again_finds_the_same_devices(backend):
    """Closing lets go of everything that the next opening needs."""
    before = [device.uuid for device in backend.devices()]
    backend.close()
    again = open_backend({"root": str(Path("/"))})
    try:
        assert [device.uuid for device in again.devices()] == before
    finally:
        again.close()


def test_zero_timeout_events_return_at_once(backend):
    """The backend relies on it: taking events must not block the sampling."""
    backend.devices()
    start = time.monotonic()
    for _ in range(20):
        backend.events()
    assert time.monotonic() - start < 2


def test_the_fast_tier_is_read_often(backend):
    """A hundred looks take no longer than a few seconds, whatever else the machine does."""
    backend.devices()
    start = time.monotonic()
    for _ in range(100):
        backend.read(in_tiers("fast"))
    assert time.monotonic() - start < 5
