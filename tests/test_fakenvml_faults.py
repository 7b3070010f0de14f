"""What can go wrong with a driver, and what is counted; libcuda, sysfs and the command line beside it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from jupyter_gpumon.sources.host import HostReader
from tests.fakenvml import NotBuildable, Scenario, build


def test_a_function_fails_everywhere_or_on_one_gpu(fake_nvml, ask):
    """Return codes are set per function, for all GPUs or for one, and taken back while the process runs."""
    driver = fake_nvml(
        gpus=2, errors={"nvmlDeviceGetTotalEnergyConsumption": 4}, each={1: {"errors": {"nvmlDeviceGetPowerUsage": 3}}}
    )
    seen = ask(
        driver,
        """
        g = nvmlDeviceGetHandleByIndex(1)
        energy, power = nvmlDeviceGetTotalEnergyConsumption, nvmlDeviceGetPowerUsage
        say([[code(energy, x), type(code(power, x)) is dict] for x in (h, g)])
        """,
    )
    assert seen == [[{"error": 4}, False], [{"error": 4}, True]]
    driver.fail("nvmlDeviceGetTotalEnergyConsumption", None)
    assert ask(driver, "say(type(code(nvmlDeviceGetTotalEnergyConsumption, h)) is int)") is True


def test_a_lost_gpu_comes_back_to_whoever_opens_the_driver_anew(fake_nvml, child):
    """One of two GPUs is lost, the other goes on; after it is back, a process must open the driver again to see it."""
    driver = fake_nvml(gpus=2)
    one = child(
        driver,
        """
        def look():
            return [code(lambda: nvmlDeviceGetTemperature(nvmlDeviceGetHandleByIndex(i), 0)) for i in range(2)]
        nvmlInit()
        h = nvmlDeviceGetHandleByIndex(1)
        for _ in range(3):
            say([look(), code(nvmlDeviceGetTemperature, h, 0)])
            input()
        nvmlShutdown(); nvmlInit()
        say([look(), code(nvmlDeviceGetTemperature, h, 0)])
        """,
    )
    assert one.said() == [[30, 30], 30]
    driver.lose(1)
    one.go_on()
    assert one.said() == [[30, {"error": 15}], {"error": 15}]
    driver.bring_back(1)
    one.go_on()
    assert one.said() == [[30, {"error": 15}], {"error": 15}]
    one.go_on()
    assert one.said() == [[30, 30], 30]


def test_a_gpu_taken_off_the_bus_is_no_longer_counted(fake_nvml, ask):
    """With the first of three gone, two are left and the indices move up."""
    driver = fake_nvml(gpus=3, each={0: {"gone": 1, "uuid": "GPU-first"}, 1: {"uuid": "GPU-second"}})
    seen = ask(driver, "say([nvmlDeviceGetCount(), nvmlDeviceGetUUID(h), nvmlDeviceGetIndex(h)])")
    assert seen == [2, "GPU-second", 0]


@pytest.mark.parametrize(
    ("keys", "expected"), [({"init_error": 9}, 9), ({"init_error": 18}, 18), ({"library": False}, 12)]
)
def test_the_driver_may_be_missing_unloaded_or_another_version(fake_nvml, child, keys, expected):
    """nvmlInit answers as on such a machine."""
    assert child(fake_nvml(**keys), "say(code(nvmlInit))").said() == {"error": expected}


def test_a_driver_upgrade_needs_a_fresh_process(fake_nvml, child, ask):
    """The old library stays mapped: this process meets a mismatch in every call, a new one does not."""
    driver = fake_nvml()
    source = "nvmlInit()\nsay(1)\ninput()\nsay(code(nvmlDeviceGetCount))\nnvmlShutdown()\nsay(code(nvmlInit))"
    one = child(driver, source)
    one.said()
    driver.update(driver="580.105.08")
    one.go_on()
    assert [one.said(), one.said()] == [{"error": 18}, {"error": 18}]
    assert ask(driver, "say(nvmlSystemGetDriverVersion())") == "580.105.08"


def test_a_call_hangs_alone_and_can_be_set_free(fake_nvml, child):
    """While one thread hangs in the driver another gets its answers; taking the rule out ends the hang."""
    driver = fake_nvml(hang={"nvmlDeviceGetTotalEnergyConsumption": 600})
    one = child(
        driver,
        """
        nvmlInit()
        h = nvmlDeviceGetHandleByIndex(0)
        thread = threading.Thread(target=nvmlDeviceGetTotalEnergyConsumption, args=(h,))
        thread.start()
        time.sleep(0.2)
        say([nvmlDeviceGetTemperature(h, 0), thread.is_alive()])
        thread.join(30)
        say(thread.is_alive())
        """,
    )
    assert one.said() == [30, True]
    driver.hang("nvmlDeviceGetTotalEnergyConsumption", None)
    assert one.said() is False


def test_a_driver_may_leave_a_field_untouched(fake_nvml, ask):
    """With ECC off some drivers do not write the structure: success, type 0, no timestamp."""
    seen = ask(
        fake_nvml(ecc=0, ecc_quirk=1),
        "say([[f.nvmlReturn, f.valueType, f.timestamp] for f in nvmlDeviceGetFieldValues(h, [3, 4, 1])])",
    )
    assert seen[:2] == [[0, 0, 0], [0, 0, 0]]
    assert seen[2][1] == 1


def test_an_unknown_key_is_refused():
    """A typing error in a scenario must not pass for a default."""
    with pytest.raises(TypeError, match="powr"):
        Scenario(powr=300)


def test_every_call_is_counted_with_the_time_it_took(fake_nvml, ask):
    """Calls, field ids and nominal seconds are read from outside; PCIe throughput takes its 20 ms."""
    driver = fake_nvml(latencies="real")
    before = driver.stats()
    ask(
        driver,
        "fields(h, [186, 82]); nvmlDeviceGetTotalEnergyConsumption(h); nvmlDeviceGetPcieThroughput(h, 0); say(1)",
    )
    asked = driver.stats() - before
    assert asked.calls["nvmlDeviceGetPcieThroughput"] == asked.calls["nvmlDeviceGetTotalEnergyConsumption"] == 1
    assert asked.fields == {186: 1, 82: 1}
    assert asked.nominal["nvmlDeviceGetPcieThroughput"] == pytest.approx(0.020, abs=1e-4)
    assert asked.nominal["nvmlDeviceGetTotalEnergyConsumption"] == pytest.approx(0.0025, abs=1e-4)
    assert asked.nominal["nvmlDeviceGetFieldValues"] == pytest.approx(0.0012, abs=1e-4)  # its slowest field
    assert asked.seconds["nvmlDeviceGetPcieThroughput"] >= 0.020
    assert asked.total_calls == sum(asked.calls.values()) >= 5


def test_two_processes_are_counted_together_and_agree(fake_nvml, ask):
    """Energy is a function of time, not of the process: a restart of the reader does not restart the counter."""
    driver = fake_nvml(power=200, epoch=time.monotonic() - 10)
    first = ask(driver, "say(nvmlDeviceGetTotalEnergyConsumption(h))")
    second = ask(driver, "say(nvmlDeviceGetTotalEnergyConsumption(h))")
    assert second >= first > 0
    assert driver.stats().calls["nvmlDeviceGetTotalEnergyConsumption"] == 2


def test_the_fake_libcuda_waits_as_told(fake_nvml, child):
    """A context is active once retained; synchronising blocks for the scenario's time, without holding the GIL."""
    driver = fake_nvml(cuda_sync=0.2)
    one = child(
        driver,
        """
        import ctypes
        cuda = ctypes.CDLL("libcuda.so.1")
        state, flags, context = ctypes.c_int(), ctypes.c_uint(), ctypes.c_void_p()
        def active():
            cuda.cuDevicePrimaryCtxGetState(0, ctypes.byref(flags), ctypes.byref(state))
            return state.value
        early = cuda.cuCtxSynchronize()
        cuda.cuInit(0)
        before = active()
        cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
        cuda.cuCtxPushCurrent_v2(context)
        start = time.monotonic()
        code = cuda.cuCtxSynchronize()
        say([early, before, active(), code, time.monotonic() - start])
        """,
    )
    early, before, after, done, seconds = one.said()
    assert (early, before, after, done) == (201, 0, 1, 0)
    assert seconds >= 0.2
    assert driver.stats().calls["cuCtxSynchronize"] == 2


def test_the_fake_sysfs_is_read_by_the_host_reader(fake_sysfs):
    """RAPL joules, CPU quota and memory limit are those that were written."""
    fake_sysfs.rapl(package=1000.5, dram=77)
    fake_sysfs.cgroup(cpus=0.5, memory=2**30, used=2**28)
    reader = HostReader(root=fake_sysfs.root)
    host = reader.read()
    reader.close()
    assert (host.cpu_energy, host.dram_energy) == pytest.approx((1000.5, 77))
    assert (host.cpu_count, host.memory_total, host.memory_used) == (0.5, 2**30, 2**28)


def test_what_is_missing_to_build_it_is_named(monkeypatch, tmp_path):
    """Without a C compiler the error says so, and what to install; nothing half built is left."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotBuildable, match="C compiler is missing"):
        build(root=tmp_path / "build")
    assert list((tmp_path / "build").iterdir()) == []


def test_a_command_runs_on_the_fake_driver(fakenvml_library):
    """``python -m tests.fakenvml`` gives any command GPUs, some of them split, and hands on its exit status."""
    source = (
        "import pynvml as n, sys; n.nvmlInit(); h = n.nvmlDeviceGetHandleByIndex(2); "
        "print(n.nvmlDeviceGetCount(), n.nvmlDeviceGetMigMode(h)[0]); sys.exit(7)"
    )
    command = [sys.executable, "-m", "tests.fakenvml", "--gpus", "3", "--mig", "1", "--", sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split(), done.returncode) == (["3", "1"], 7)
