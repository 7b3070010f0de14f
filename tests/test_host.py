"""The host, on this machine and in containers made of files."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.metrics import HOST_METRICS
from jupyter_gpumon.sources.cgroup import Cgroup
from jupyter_gpumon.sources.host import HostReader

GB = 1_000_000_000


def container(root: Path, *, cpu: str = "max 100000", memory: str = "max", inner: str = "") -> Path:
    """The files of a cgroup v2 with these limits; its folder."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"0::/{inner}\n")
    folder = root / "sys/fs/cgroup" / inner
    folder.mkdir(parents=True)
    (root / "sys/fs/cgroup/cgroup.controllers").write_text("cpu memory\n")
    (folder / "cpu.max").write_text(cpu + "\n")
    (folder / "cpu.stat").write_text("usage_usec 10000000\nuser_usec 9000000\n")
    (folder / "memory.max").write_text(memory + "\n")
    (folder / "memory.current").write_text(f"{3 * GB}\n")
    (folder / "memory.stat").write_text(f"anon {GB}\ninactive_file {2 * GB}\n")
    return folder


def test_every_metric_of_this_machine_is_there_or_has_a_reason():
    """After a moment nothing is left unexplained, and shares are shares."""
    reader = HostReader()
    time.sleep(0.2)
    host, absent = reader.read(), reader.absent()
    there = {name for name in HOST_METRICS if getattr(host, name) is not None}
    assert there | set(absent) == set(HOST_METRICS)
    assert not there & set(absent)
    assert 0 <= host.cpu <= 1
    assert len(host.cpu_cores) == psutil.cpu_count()
    assert 0 < host.memory_used < host.memory_total
    reader.close()


def test_the_cpu_share_is_that_of_the_measured_time():
    """Computing for half a second shows as a core's share; reading twice at once does not disturb it."""
    reader = HostReader()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        pass
    first = reader.read()
    again = reader.read()
    assert max(first.cpu_cores) > 0.4
    assert again.cpu == first.cpu
    reader.close()


@pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's")
def test_in_a_container_the_cpu_share_is_of_its_quota(tmp_path):
    """Half a CPU allowed, a quarter of a CPU used for four seconds: 50 %."""
    folder, clock = container(tmp_path, cpu="50000 100000"), FakeClock()
    reader = HostReader(tmp_path, clock)
    (folder / "cpu.stat").write_text("usage_usec 11000000\n")
    clock.advance(4.0)
    host = reader.read()
    assert host.cpu_count == 0.5
    assert host.cpu == pytest.approx(0.5)


def test_in_a_container_memory_is_its_own_without_the_cache(tmp_path):
    """4 GB allowed, 3 GB charged of which 2 GB are cache: 1 GB in use."""
    container(tmp_path, memory=str(4 * GB))
    host = HostReader(tmp_path).read()
    assert (host.memory_used, host.memory_total) == (1 * GB, 4 * GB)


def test_without_limits_the_machine_counts(tmp_path):
    """A cgroup without quota says nothing about the size of the machine."""
    container(tmp_path)
    host = HostReader(tmp_path).read()
    assert host.memory_total == psutil.virtual_memory().total
    assert host.cpu_count == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count()


def test_the_tightest_limit_on_the_way_up_holds(tmp_path):
    """A pod's limit holds for a container in it that has a larger one."""
    container(tmp_path, cpu="800000 100000", memory=str(9 * GB), inner="pod/container")
    pod = tmp_path / "sys/fs/cgroup/pod"
    (pod / "cpu.max").write_text("200000 100000\n")
    (pod / "memory.max").write_text(f"{2 * GB}\n")
    (pod / "memory.current").write_text(f"{GB}\n")
    cgroup = Cgroup(tmp_path)
    assert (cgroup.cpus, cgroup.memory_limit, cgroup.memory_used()) == (2.0, 2 * GB, GB)


def test_a_changed_limit_is_seen(tmp_path):
    """An administrator may give a running container more."""
    folder, clock = container(tmp_path, cpu="50000 100000"), FakeClock()
    reader = HostReader(tmp_path, clock)
    (folder / "cpu.max").write_text("25000 100000\n")
    clock.advance(31)
    assert reader.read().cpu_count == 0.25


def test_swap_is_what_the_kernel_says(tmp_path):
    """In bytes; where the kernel has no such table, what psutil says."""
    elsewhere = HostReader(tmp_path).read()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(
        "SwapCached:  1 kB\nSwapTotal:    2000 kB\nSwapFree:      500 kB\nDirty: 3 kB\n"
    )
    host = HostReader(tmp_path).read()
    assert (host.swap_used, host.swap_total) == (1500 * 1024, 2000 * 1024)
    assert elsewhere.swap_total == psutil.swap_memory().total


def test_rapl_arrives_in_joules(tmp_path):
    """From sysfs to the metric."""
    folder = tmp_path / "sys/class/powercap/intel-rapl:0"
    folder.mkdir(parents=True)
    (folder / "name").write_text("package-0\n")
    (folder / "max_energy_range_uj").write_text("262143328850\n")
    (folder / "energy_uj").write_text("1500000\n")
    reader = HostReader(tmp_path)
    assert reader.read().cpu_energy == 1.5
    assert "cpu_energy" not in reader.absent()
    reader.close()


def test_only_physical_disks_count(tmp_path):
    """A partition or a loop device shows bytes its disk shows too: with no disk that has a device, none is known."""
    (tmp_path / "sys/block").mkdir(parents=True)
    reader = HostReader(tmp_path)
    assert reader.read().disk_read is None
    assert reader.absent()["disk_read"].startswith("unsupported")
