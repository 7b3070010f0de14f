"""Links as the server tells them, on the fake driver and through its routes."""

from __future__ import annotations

import json

import pytest

from jupyter_gpumon.links import Link
from jupyter_gpumon.model import Device, Gpu, Hello, Process, Sample
from jupyter_gpumon.server import links
from jupyter_gpumon.wiring import Wiring
from tests.server.conftest import eventually

BOARDS = (
    Device(uuid="GPU-a", index=0, name="A", pci="0000:10:00.0", pcie_gen_max=4, pcie_width_max=8, nvlinks=2,
           topology={"GPU-b": "nvlink", "GPU-c": "system"}, mig=False),
    Device(uuid="GPU-b", index=1, name="B", pci="0000:18:00.0", nvlinks=2,
           topology={"GPU-a": "nvlink", "GPU-c": "single"}),
    Device(uuid="GPU-c", index=2, name="C", topology={"GPU-a": "system", "GPU-b": "single"}, mig=True),
    Device(uuid="MIG-1", index=2, name="C MIG 1g.18gb", parent="GPU-c", instance=0, gpu_instance=7, compute_instance=0,
           slices=1 / 7, memory_total=18e9),
)  # fmt: skip


def wired() -> Wiring:
    """Three boards: two bridged by two links, one split."""
    wiring = Wiring()
    wiring.write(Hello(devices=BOARDS))
    for at in (0.0, 1.0, 2.0):
        gpus = (
            Gpu(uuid="GPU-a", pcie_gen=1, pcie_width=8, pcie_tx=1e9 * at, nvlink_active=2),
            Gpu(uuid="GPU-b", nvlink_active=2),
            Gpu(uuid="MIG-1", memory_used=4e9),
        )
        links = [
            Link(uuid="GPU-a", link=n, state="up", peer="gpu", pci="00000000:18:00.0", tx=5e9 * at, rx=0.0)
            for n in (0, 1)
        ]
        who = (Process(uuid="MIG-1", pid=5, notebook="a.ipynb"),)
        wiring.write(Sample(time=at, mono=at, gpus=gpus, links=tuple(links), processes=who))
    return wiring


def test_rates_stand_beside_what_the_link_can_do():
    """PCIe by generation and lanes of the slot; NVLinks by two looks."""
    device = wired().links().devices[0]
    assert (device.pcie.gen, device.pcie.gen_max) == (1, 4)
    assert device.pcie.speed == pytest.approx(8 * 1.969e9)
    assert device.pcie.tx == pytest.approx(1e9)
    assert (device.nvlinks[0].peer, device.nvlinks[0].tx) == ("gpu1", 5e9)


def test_the_matrix_has_the_words_of_nvidia_smi():
    """NV with the number of links, PIX, SYS."""
    assert wired().links().topology.rows == (("X", "NV2", "SYS"), ("NV2", "X", "PIX"), ("SYS", "PIX", "X"))


def test_boards_that_can_be_split_are_a_tree():
    """With who is on each instance."""
    whole, split = wired().links().mig
    assert (whole.split, split.split) == (False, True)
    (instance,) = split.instances
    assert (instance.profile, instance.memory_used, instance.processes) == ("1g.18gb", 4e9, ("a.ipynb",))
    assert "split (MIG)" in wired().links().devices[2].note


async def test_the_server_looks_when_it_is_asked(driver, gpumon, jp_fetch, monkeypatch):
    """And not before: nobody who does not look pays for it."""
    monkeypatch.setattr(links, "FRESH", 60.0)
    await eventually(lambda: gpumon.service.tally.samples > 3, "samples")
    field = "nvmlDeviceGetNvLinkRemotePciInfo_v2"
    assert field not in driver.stats().calls
    found = json.loads((await jp_fetch("gpumon", "api", "links")).body)
    assert driver.stats().calls[field] == 2 * 18 * 2
    link = found["devices"][0]["nvlinks"][0]
    assert (link["state"], link["version"], link["peer"]) == ("up", "4.0", "switch")
    assert link["tx"] > 0
    await jp_fetch("gpumon", "api", "links")
    assert driver.stats().calls[field] == 2 * 18 * 2
