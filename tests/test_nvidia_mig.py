"""The nvidia backend on boards that are split by MIG."""

from __future__ import annotations

import time

import pytest

from .backend_process import BackendProcess
from .fakenvml import Instance, Proc

GIB = 2**30


@pytest.fixture
def backend(fake_nvml):
    """``backend(…)``: (opened backend, driver)."""
    opened = []

    def start(**machine):
        driver = fake_nvml(**machine)
        opened.append(BackendProcess(driver.env).__enter__())
        return opened[-1].open(), driver

    yield start
    for child in opened:
        child.__exit__()


SPLIT = {"gpus": 2, "mig": {0: ["1g.18gb", None, "2g.35gb"]}}


def test_instances_stand_after_their_board_and_empty_slots_are_passed_over(backend):
    """An empty slot does not end the list; position, ids and share of the board are told."""
    child, _ = backend(**SPLIT)
    board, small, large, other = child.devices()
    assert [device.label for device in (board, small, large, other)] == ["gpu0", "gpu0:0", "gpu0:1", "gpu1"]
    assert (board.mig, other.mig, small.mig) == (True, False, None)
    assert small.parent == large.parent == board.uuid
    assert (small.gpu_instance, large.gpu_instance, large.compute_instance) == (7, 9, 0)
    assert (small.slices, large.slices) == pytest.approx((1 / 7, 2 / 7))
    assert large.memory_total == 35 * GIB
    assert small.uuid.startswith("MIG-")


def test_an_instance_has_memory_and_activity_of_its_own(backend):
    """What belongs to the board is absent with the reason "mig"."""
    child, _ = backend(**SPLIT, gpm_sm=40)
    devices = child.devices()
    time.sleep(0.15)
    small = {gpu.uuid: gpu for gpu in child.read()}[devices[1].uuid]
    assert small.memory_total == 18 * GIB
    assert small.sm_activity == pytest.approx(0.4)
    for name in ("power", "energy", "temperature", "utilization", "clock_sm", "ecc_corrected"):
        assert getattr(small, name) is None
        assert devices[1].absent[name] == "mig"


def test_a_split_board_keeps_power_and_loses_utilization(backend):
    """Power, energy, temperature and clocks stay; utilization, remapped rows and NVLink go, by "mig"."""
    child, _ = backend(**SPLIT, power=250)
    board = child.devices()[0]
    gpu = child.read()[0]
    assert gpu.power == pytest.approx(250)
    assert None not in (gpu.energy, gpu.temperature, gpu.clock_sm, gpu.ecc_corrected)
    for name in ("utilization", "encoder", "remap_pending", "nvlink_active"):
        assert getattr(gpu, name) is None
        assert board.absent[name] == "mig"


def test_processes_of_instances_are_told_with_their_instance(backend):
    """A process is on its instance, once, and not on the board as well; its utilization cannot be known."""
    processes = [Proc(0, 100, gi=7, ci=0), Proc(0, 200, gi=9, ci=0, memory=2 * GIB), Proc(1, 300, sm=20)]
    child, _ = backend(**SPLIT, processes=processes)
    _, small, large, other = child.devices()
    found = {process.pid: process for process in child.processes()}
    assert {pid: process.uuid for pid, process in found.items()} == {100: small.uuid, 200: large.uuid, 300: other.uuid}
    assert (found[200].memory, found[200].utilization, found[300].utilization) == (2 * GIB, None, 0.2)


def test_the_layout_may_change(backend):
    """Instances appear and go, and a board that is joined again has its utilization back."""
    child, driver = backend(gpus=1, mig={0: ["1g.18gb"]})
    before = child.devices()
    driver.scenario.mig[0].append(Instance.of("2g.35gb", 1))
    driver.write(driver.scenario)
    assert [device.uuid for device in child.devices()][:2] == [device.uuid for device in before]
    assert len(child.devices()) == 3
    driver.scenario.mig.clear()
    driver.write(driver.scenario)
    (board,) = child.devices()
    assert (board.uuid, board.mig) == (before[0].uuid, False)
    assert child.read({"utilization"})[0].utilization is not None


def test_instances_of_a_lost_board_are_lost(backend):
    """They keep their places behind it."""
    child, driver = backend(**SPLIT)
    before = [device.uuid for device in child.devices()]
    driver.lose(0)
    assert len(child.read({"memory_used", "power"})) == 1
    devices = child.devices()
    assert [device.uuid for device in devices] == before
    assert [device.state for device in devices] == ["lost", "lost", "lost", "ok"]
