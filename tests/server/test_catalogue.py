"""From the driver's own ABI to a websocket client: every metric of the catalogue arrives, or says why it does not."""

from __future__ import annotations

import pytest

from jupyter_gpumon.metrics import HOST_METRICS, METRICS
from jupyter_gpumon.model import REASONS, Hello, Sample
from tests.fakenvml.scenario import Proc

SPLIT = ["1g.18gb", None, "2g.35gb"]


@pytest.fixture
def gpumon_config(fake_nvml, monkeypatch):
    """Eight GPUs, two of them split with an empty slot between the instances; the agent inherits the environment."""
    driver = fake_nvml(gpus=8, mig={6: SPLIT, 7: SPLIT}, driver="615.10", power="square:60,450,1,0.6")
    driver.processes(*(Proc(gpu, 1, sm=40) for gpu in range(6)))
    for name, value in driver.variables.items():
        monkeypatch.setenv(name, value)
    return {"source": "agent", "interval": 0.5}


async def test_every_metric_arrives_or_has_a_reason(listen):
    """Eight H200, two of them MIG: each device has each metric, or one of the known reasons for its absence."""
    client = await listen()
    hello = await client.live()
    assert sum(device.parent is not None for device in hello.devices) == 4
    seen: dict[str, set[str]] = {device.uuid: set() for device in hello.devices}
    host: set[str] = set()
    for _ in range(12):
        message = await client.next()
        hello = message if isinstance(message, Hello) else hello
        for gpu in message.gpus if isinstance(message, Sample) else ():
            seen[gpu.uuid] |= {name for name in METRICS if getattr(gpu, name) is not None}
        if isinstance(message, Sample) and message.host:
            host |= {name for name in HOST_METRICS if getattr(message.host, name) is not None}
    for device in hello.devices:
        missing = set(METRICS) - seen[device.uuid] - set(device.absent)
        assert not missing, f"{device.label}: neither value nor reason for {sorted(missing)}"
        assert set(device.absent.values()) <= set(REASONS)
    assert set(HOST_METRICS) - host <= set(hello.host_absent)


async def test_a_whole_board_has_nearly_all_of_it(listen):
    """Reasons do not stand in for reading: of an unsplit H200 only what an H200 does not have is missing."""
    client = await listen()
    hello = await client.live()
    await client.sample()
    device = hello.devices[0]
    newer = {"nvlink_errors", "nvlink_recovery_failures", "nvlink_ber", "unrepairable_memory"}  # board, or driver
    older = {"retired_pages", "retired_pending", "retired_double_bit", "retired_double_bit_week"}
    assert set(device.absent) <= {"fan", "jpeg", "temperature_margin", "vgpu_licensed"} | newer | older


async def test_a_split_board_says_mig(listen):
    """What NVML does not give for MIG is absent for that reason, on the board and on its instances."""
    client = await listen()
    hello = await client.live()
    board = next(device for device in hello.devices if device.mig)
    instance = next(device for device in hello.devices if device.parent == board.uuid)
    assert board.absent["utilization"] == "mig"
    assert instance.absent["power"] == "mig"
    assert "memory_used" not in instance.absent
