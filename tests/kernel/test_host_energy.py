"""CPU and memory of a cell: by RAPL and the kernel's share of CPU time, or by an estimate that says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from jupyter_gpumon.attribution import cpus
from jupyter_gpumon.kernel import rapl
from jupyter_gpumon.kernel.rapl import HostEnergy, HostWatch, estimate
from jupyter_gpumon.kernel.work import descendants, own_seconds
from jupyter_gpumon.model import Host, Sample


@pytest.fixture
def used(monkeypatch):
    """CPU seconds of this process, as a test says."""
    seconds = {"own": 0.0}
    monkeypatch.setattr(rapl, "own_seconds", lambda: seconds["own"])
    monkeypatch.setattr(rapl, "descendants", lambda: rapl.Work(0.0, 4e9))
    return seconds


def _host(mono, watts, busy_cores, **more):
    return Host(cpu_energy=watts * mono, cpu_cores=(busy_cores / 4,) * 4, **more)


def test_the_dynamic_part_goes_by_cpu_time_and_the_idle_part_is_told_apart(used):
    """60 W idle and 100 W with two busy cores, of which this kernel has one: 20 W are its own."""
    watch = HostWatch()
    for t in range(20):
        watch.write(Sample(time=0.0, mono=float(t), host=Host(cpu_energy=60.0 * t)))
    energy = HostEnergy(30.0, watch)
    for t in range(28, 45):
        energy.add(float(t), _host(t, 100.0, 2.0))
    used["own"] = 10.0
    energy.close()
    cpu = energy.over(40.0)["cpu"]
    assert cpu.joules == pytest.approx(200)
    assert (cpu.others, cpu.unattributed) == (pytest.approx(200), pytest.approx(600))
    assert cpu.method == "rapl"
    assert cpu.low < 200 < cpu.high
    assert cpu.joules + cpu.others + cpu.unattributed == pytest.approx(1000)


def test_a_kernel_that_computes_nothing_is_charged_nothing_of_the_cpu(used):
    """Though the machine is busy."""
    energy = HostEnergy(2.0)
    for t in range(10):
        energy.add(float(t), _host(t, 100.0, 2.0))
    energy.close()
    assert energy.over(8.0)["cpu"].joules == pytest.approx(0)


def test_without_rights_it_is_an_estimate_to_within_a_half(used):
    """By CPU seconds and by memory; its method says so, and it is not mixed with what was measured."""
    energy = HostEnergy(0.0, model="AMD EPYC 7742 64-Core Processor")
    for t in range(5):
        energy.add(float(t), Host(cpu_cores=(1.0,)))
    used["own"] = 3.0
    energy.close()
    found = energy.over(4.0)
    assert {one.method for one in found.values()} == {"estimate"}
    assert found["cpu"].joules == pytest.approx(0.7 * 225 / 128 * 3)
    assert found["memory"].joules == pytest.approx(0.375 * 4 * 4)
    assert found["cpu"].low == pytest.approx(0.5 * found["cpu"].joules)
    assert found["cpu"].high == pytest.approx(1.5 * found["cpu"].joules)


def test_of_another_machine_nothing_is_estimated(used):
    """Its CPU is not this one's."""
    energy = HostEnergy(0.0)
    energy.add(0.0, Host())
    energy.close()
    assert energy.over(1.0) == {}


def test_a_cpu_that_is_not_listed_draws_as_the_usual_one():
    """The threads of a listed one draw its design power."""
    assert cpus.watts_per_thread("Some CPU") == pytest.approx(0.7 * cpus.USUAL)
    assert estimate(2.0, 0.0, 1.0, "Some CPU")["cpu"].joules == pytest.approx(1.4 * cpus.USUAL)


def test_the_name_of_the_cpu_is_read_from_the_system(tmp_path):
    """Empty where there is none."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC 7742\n")
    assert cpus.model_name(tmp_path) == "AMD EPYC 7742"
    assert cpus.model_name(tmp_path / "nowhere") == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs children")
def test_children_count_also_when_they_have_ended():
    """A subprocess that computed is counted after it was waited for; this process's own time is apart."""
    before, own = descendants().seconds, own_seconds()
    code = "import time; end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert descendants().seconds - before > 0.9
    assert own_seconds() - own < 0.5


def test_children_that_live_count_where_the_system_lists_them(require):
    """Their time and memory, and those of their own children."""
    listed = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110 - a path of the kernel's
    require(listed, "/proc/PID/task/TID/children")
    before = descendants()
    code = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True)\ntime.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline()
        end = time.monotonic() + 5
        while descendants().seconds - before.seconds < 0.25 and time.monotonic() < end:
            time.sleep(0.02)
        after = descendants()
        assert after.seconds - before.seconds > 0.25
        assert after.memory > before.memory
    finally:
        child.kill()
        child.communicate()
