"""The nvidia backend on processes and events."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from .backend_process import BackendProcess, until
from .fakenvml import Proc
from .fakenvml.scenario import Xid

GIB = 2**30
OWN, FOREIGN = "pid:[4026531836]", "pid:[4026532281]"


@pytest.fixture
def backend(fake_nvml, tmp_path):
    """``backend(namespace, …)``: (opened backend, driver), in this PID namespace."""
    opened = []

    def start(namespace=OWN, **machine):
        root = tmp_path / f"root{len(opened)}"
        (root / "proc/self/ns").mkdir(parents=True)
        (root / "proc/self/ns/pid").symlink_to(namespace)
        (root / "proc/stat").symlink_to("/proc/stat")
        (root / f"proc/{os.getpid()}").symlink_to(f"/proc/{os.getpid()}")
        driver = fake_nvml(**machine)
        opened.append(BackendProcess(driver.env, root).__enter__())
        return opened[-1].open(), driver

    yield start
    for child in opened:
        child.__exit__()


def test_all_kinds_of_processes_are_told_once(backend):
    """Compute, graphics and MPS; who is in two lists is told once, as what computes."""
    processes = [
        Proc(0, 10, memory=GIB),
        Proc(0, 20, kind="graphics"),
        Proc(0, 30, kind="mps"),
        Proc(0, 10, kind="graphics", memory=1),
    ]
    child, _ = backend(processes=processes)
    child.devices()
    found = {process.pid: process for process in child.processes()}
    assert {pid: process.kind for pid, process in found.items()} == {10: "compute", 20: "graphics", 30: "mps"}
    assert found[10].memory == GIB


def test_memory_that_is_not_told_is_unknown(backend):
    """Never 0, and never 16 exabytes."""
    child, _ = backend(processes=[Proc(0, 10, memory=None)])
    child.devices()
    assert child.processes()[0].memory is None


def test_utilization_is_that_of_the_last_second(backend):
    """A busy process has its share, an idle one 0: the driver told of everybody who did something."""
    child, _ = backend(processes=[Proc(0, 10, sm=80), Proc(0, 20, sm=0)])
    child.devices()
    found = until(lambda: {p.pid: p.utilization for p in child.processes() if p.utilization})
    assert found == {10: 0.8}
    assert {p.utilization for p in child.processes() if p.pid == 20} == {0.0}


def test_a_hundred_processes_fit(backend):
    """More than the buffer holds are asked for again with a larger one."""
    child, _ = backend(processes=[Proc(0, pid) for pid in range(1000, 1200)])
    child.devices()
    assert len(child.processes()) == 200


def test_each_list_is_one_call(backend):
    """And a GPU without processes is not asked for their utilization."""
    child, driver = backend(gpus=2, processes=[Proc(0, 10)])
    child.devices()
    before = driver.stats()
    child.processes()
    calls = (driver.stats() - before).calls
    assert calls.pop("nvmlDeviceGetProcessUtilization") == 1
    assert set(calls.values()) == {2}
    assert len(calls) == 3


def test_names_come_from_the_kernel_and_never_hold_arguments(backend):
    """Name and start of a process of this system; not its command line."""
    child, _ = backend(processes=[Proc(0, os.getpid())])
    child.devices()
    (process,) = child.processes()
    assert process.name == Path("/proc/self/comm").read_text().strip()
    assert process.started == pytest.approx(psutil.Process().create_time(), abs=2)


def test_a_process_on_several_gpus_has_its_name_on_each(backend, tmp_path):
    """Whatever the name is made of; what has ended meanwhile has none."""
    child, _ = backend(gpus=2, processes=[Proc(0, 77), Proc(1, 77), Proc(1, 78)])
    (tmp_path / "root0/proc/77").mkdir()
    (tmp_path / "root0/proc/77/stat").write_text(f"77 (a) (b c) S {' '.join('0' * 18)} 500 0\n")
    child.devices()
    found = [(process.pid, process.name, process.started is not None) for process in child.processes()]
    assert sorted(found) == [(77, "a) (b c", True), (77, "a) (b c", True), (78, None, False)]


def test_foreign_pids_are_not_looked_up(backend):
    """In a container the driver's pids are the host's: the hello says so, and no name is made up."""
    child, _ = backend(FOREIGN, processes=[Proc(0, os.getpid(), memory=GIB)])
    child.devices()
    (process,) = child.processes()
    assert child.hello.pid_namespace == "foreign"
    assert (process.name, process.started, process.memory) == (None, None, GIB)


def test_an_xid_is_told_with_its_title(backend):
    """With the GPU it happened on, its number, and how bad it is; once."""
    child, driver = backend(gpus=2)
    devices = child.devices()
    driver.xid(1, 79)
    driver.xid(0, 13)
    events = until(lambda: child.events())
    told = {event.code: event for event in events}
    assert told[79].uuid == devices[1].uuid
    assert (told[79].kind, told[79].level) == ("xid", "critical")
    assert told[79].title == "XID 79: GPU has fallen off the bus"
    assert (told[13].level, told[13].uuid) == ("warning", devices[0].uuid)
    assert child.events() == []


def test_a_new_layout_is_told(backend):
    """Events that are no XID have words, too."""
    child, driver = backend()
    child.devices()
    driver.scenario.events.append(Xid(0, time.monotonic(), 0, type=0x100))
    driver.write(driver.scenario)
    (event,) = until(lambda: child.events())
    assert (event.kind, event.title, event.code) == ("note", "MIG layout changed", None)


def test_a_flood_of_events_does_not_stop_the_sampling(backend):
    """A bounded number at a time; nothing is lost."""
    child, driver = backend()
    child.devices()
    driver.xid(0, 31, count=1000, every=0.0001)
    time.sleep(0.3)
    taken = [len(child.events()) for _ in range(8)]
    assert max(taken) <= 256
    assert sum(taken) == 1000


def test_events_without_gpus_do_not_wait(backend):
    """There is nothing to ask for."""
    child, driver = backend(gpus=0)
    child.devices()
    assert child.events() == []
    assert "nvmlEventSetWait_v2" not in driver.stats().calls
