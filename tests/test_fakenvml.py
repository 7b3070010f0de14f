"""The fake driver does what its scenario says, seen through the unmodified nvidia-ml-py in a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from itertools import pairwise

import pytest

from jupyter_gpumon.sources.host import HostReader
from tests.fakenvml import NotBuildable, Proc, Scenario, Timeline, Xid, build
from tests.fakenvml.profile import noise

PRELUDE = """
import json, sys, threading, time
import pynvml as n
from pynvml import *

def code(function, *args, **kwargs):
    "The value, or the number of the error."
    try:
        return function(*args, **kwargs)
    except NVMLError as error:
        return {"error": error.value}

def fields(handle, ids):
    return {f.fieldId: [f.nvmlReturn, f.valueType, f.value.ullVal] for f in nvmlDeviceGetFieldValues(handle, ids)}

def say(value):
    print(json.dumps(value, default=lambda v: v.decode() if isinstance(v, bytes) else dict(v.__dict__)), flush=True)
"""


class Child:
    """A Python that runs on the driver, answers with one line of JSON per ``say``, and goes on at each ``input()``."""

    def __init__(self, driver, source):
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(source)]
        self.process = subprocess.Popen(
            command, env=driver.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def said(self):
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.communicate(timeout=30)


@pytest.fixture
def child():
    children = []

    def start(driver, source):
        children.append(Child(driver, source))
        return children[-1]

    yield start
    for each in children:
        each.process.kill()
        each.end()


@pytest.fixture
def ask(child):
    """Run source on the driver; what it said."""

    def run(driver, source):
        one = child(driver, "nvmlInit()\nh = nvmlDeviceGetHandleByIndex(0)\n" + textwrap.dedent(source))
        answer = one.said()
        one.end()
        return answer

    return run


# ---- who is there ----


def test_eight_gpus_have_their_own_identities(fake_nvml, ask):
    """Count, UUIDs, PCI ids and names are those of eight boards; each is found again by UUID and by PCI id."""
    seen = ask(
        fake_nvml(gpus=8),
        """
        handles = [nvmlDeviceGetHandleByIndex(i) for i in range(nvmlDeviceGetCount())]
        uuids = [nvmlDeviceGetUUID(h) for h in handles]
        buses = [nvmlDeviceGetPciInfo(h).busId for h in handles]
        say({"uuids": uuids, "buses": buses, "names": [nvmlDeviceGetName(h) for h in handles],
             "back": [nvmlDeviceGetIndex(nvmlDeviceGetHandleByUUID(u)) for u in uuids],
             "bus": [nvmlDeviceGetIndex(nvmlDeviceGetHandleByPciBusId(b)) for b in buses]})
        """,
    )
    assert len(set(seen["uuids"])) == len(set(seen["buses"])) == 8
    assert set(seen["names"]) == {"NVIDIA H200"}
    assert seen["back"] == seen["bus"] == list(range(8))


@pytest.mark.parametrize("gpus", [0, 64])
def test_a_machine_may_have_no_gpu_or_sixty_four(fake_nvml, child, gpus):
    """The count is the scenario's; the last index works and the one after it does not."""
    one = child(
        fake_nvml(gpus=gpus),
        f"""
        nvmlInit()
        say([nvmlDeviceGetCount(), {gpus} and nvmlDeviceGetIndex(nvmlDeviceGetHandleByIndex({gpus} - 1)),
             code(nvmlDeviceGetHandleByIndex, {gpus})])
        """,
    )
    assert one.said() == [gpus, max(gpus - 1, 0), {"error": 2}]


def test_an_h200_answers_every_plain_question(fake_nvml, ask):
    """Memory, power, clocks, temperatures, links and health have the values of the scenario, in NVML's units."""
    driver = fake_nvml(power=300, utilization=73, temperature=61, clock_sm=1755, memory_used=5 * 1024**3)
    seen = ask(
        driver,
        """
        m = nvmlDeviceGetMemoryInfo(h, version=nvmlMemory_v2)
        old = nvmlDeviceGetMemoryInfo(h)
        time.sleep(0.3)
        say({"memory": [m.total, m.reserved, m.used, m.free], "old": [old.used, old.free],
             "power": nvmlDeviceGetPowerUsage(h), "limit": nvmlDeviceGetEnforcedPowerLimit(h),
             "limits": nvmlDeviceGetPowerManagementLimitConstraints(h),
             "utilization": nvmlDeviceGetUtilizationRates(h).gpu, "encoder": nvmlDeviceGetEncoderUtilization(h)[0],
             "temperature": [nvmlDeviceGetTemperature(h, 0), nvmlDeviceGetTemperatureV(h, 0)],
             "margin": nvmlDeviceGetMarginTemperature(h), "slowdown": nvmlDeviceGetTemperatureThreshold(h, 1),
             "clock": nvmlDeviceGetClockInfo(h, 1), "clock_max": nvmlDeviceGetMaxClockInfo(h, 1),
             "pcie": [nvmlDeviceGetCurrPcieLinkGeneration(h), nvmlDeviceGetMaxPcieLinkWidth(h)],
             "links": [nvmlDeviceGetNvLinkState(h, i) for i in range(18)],
             "link19": code(nvmlDeviceGetNvLinkState, h, 18),
             "ecc": nvmlDeviceGetEccMode(h), "errors": nvmlDeviceGetTotalEccErrors(h, 0, 0),
             "rows": nvmlDeviceGetRemappedRows(h), "pages": code(nvmlDeviceGetRetiredPages, h, 0),
             "fan": code(nvmlDeviceGetFanSpeed, h), "cc": nvmlDeviceGetCudaComputeCapability(h),
             "cuda": nvmlSystemGetCudaDriverVersion_v2(), "bar1": nvmlDeviceGetBAR1MemoryInfo(h).bar1Used})
        """,
    )
    total, reserved, used, free = seen["memory"]
    assert used == 5 * 1024**3
    assert total == reserved + used + free
    assert seen["old"] == [used + reserved, free]
    assert (seen["power"], seen["limit"], seen["limits"]) == (300_000, 700_000, [200_000, 700_000])
    assert (seen["utilization"], seen["encoder"], seen["temperature"], seen["margin"]) == (73, 0, [61, 61], 26)
    assert (seen["slowdown"], seen["clock"], seen["clock_max"], seen["pcie"]) == (89, 1755, 1980, [5, 16])
    assert (seen["links"], seen["link19"]) == ([1] * 18, {"error": 2})
    assert (seen["ecc"], seen["errors"], seen["rows"]) == ([1, 1], 0, [0, 0, 0, 0])
    assert seen["pages"] == seen["fan"] == {"error": 3}
    assert (seen["cc"], seen["cuda"], seen["bar1"]) == ([9, 0], 13000, 1048576)


# ---- fields ----


@pytest.mark.parametrize(("version", "thermal"), [("575.57.08", 251), ("580.65.06", 251), ("580.95.05", 269)])
def test_the_throttle_counters_move_with_the_drivers_numbering(fake_nvml, ask, version, thermal):
    """Half of the time held back reads as nanoseconds under this driver's id; the other ids mean something else."""
    driver = fake_nvml(driver=version, held_thermal=0.5, epoch=time.monotonic() - 100)
    seen = ask(driver, "say(fields(h, [251, 252, 253, 269, 270, 271, 74]))")
    code, kind, nanoseconds = seen[str(thermal)]
    other = seen["269" if thermal == 251 else "251"]
    assert (code, kind) == (0, 3)
    assert 50e9 <= nanoseconds < 75e9
    assert other[2] < 1000
    assert seen["74"][2] == 0


def test_an_older_driver_lacks_what_came_later(fake_nvml, ask):
    """Fields and symbols newer than the driver are answered as real old drivers do."""
    seen = ask(
        fake_nvml(driver="535.104.05"),
        """
        say({"fields": fields(h, [186, 197, 230, 269]), "new": code(nvmlDeviceGetTemperatureV, h, 0),
             "old": code(nvmlDeviceGetTemperature, h, 0)})
        """,
    )
    assert [seen["fields"][each][0] for each in ("186", "197", "230", "269")] == [0, 3, 3, 3]
    assert seen["new"] == {"error": 13}
    assert seen["old"] == 30


def test_fields_have_their_types_their_scopes_and_their_own_status(fake_nvml, ask):
    """T.Limit is signed, NVLink counts per link or over all, and one field that fails does not fail its neighbours."""
    driver = fake_nvml(nvlink_tx_rate=18 * 1024 * 1e6, errors={"field:82": 3}, epoch=time.monotonic() - 10)
    seen = ask(
        driver,
        """
        values = nvmlDeviceGetFieldValues(h, [82, 193, (138, 0xFFFFFFFF), (138, 3), (138, 18), 91, (165, 17), 9999])
        number = lambda f: f.value.siVal if f.valueType == 5 else f.value.ullVal
        say([[f.nvmlReturn, f.valueType, number(f), f.timestamp] for f in values])
        """,
    )
    memory, limit, total, link, beyond, links, state, unknown = seen
    assert memory[0] == beyond[0] == unknown[0] == 3
    assert limit[:3] == [0, 5, -8]
    assert total[2] / link[2] == pytest.approx(18, rel=1e-6)
    assert 17e6 * 10 < total[2] < 18e6 * 20
    assert (links[2], state[2]) == (18, 1)
    assert abs(limit[3] * 1e-6 - time.time()) < 60


# ---- power and energy ----

PROFILES = {
    "constant": "300",
    "steps": "steps:60@0.11,300@0.07,520@0.03",
    "square": "square:100,400,10,0.3",
    "ramp": "ramp:60,400,2.5",
    "bursts": "bursts:60,500,0.02,5,3",
}

WATCH = """
def watch(seconds):
    "Every value the counter takes, with the moments before and after the read that first showed it."
    seen, last, end = [], None, time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        value = nvmlDeviceGetTotalEnergyConsumption(h)
        if value != last:
            seen.append([before, time.monotonic(), value])
        last = value
        time.sleep(0.001)
    return seen
"""


@pytest.mark.parametrize("kind", PROFILES)
def test_the_energy_counter_is_the_exact_integral_at_its_updates(fake_nvml, ask, kind):
    """Each value is the integral of power at one of the moments epoch + phase + k periods, to the millijoule."""
    driver = fake_nvml(power=PROFILES[kind], energy_period=0.05, energy_phase=0.013)
    seen = ask(driver, WATCH + "say(watch(0.5))")
    first, truth = driver.scenario.get("epoch") + 0.013, driver.timeline()
    assert len(seen) >= 8
    for _, after, value in seen:
        update = first + (after - first) // 0.05 * 0.05
        possible = [truth.total(update - lag * 0.05) * 1000 for lag in (0, 1)]  # the update may fall within the read
        assert min(abs(value - each) for each in possible) <= 1


def test_updates_come_late_by_the_delay_and_uneven_by_the_jitter(fake_nvml, ask):
    """A counter published 40 ms late shows, at each change, the integral of 40 ms before, give or take the jitter."""
    driver = fake_nvml(power=200, energy_period=0.1, energy_delay=0.04, energy_jitter=0.01)
    seen = ask(driver, WATCH + "say(watch(1.2))")
    epoch = driver.scenario.get("epoch")
    lags = [before - (epoch + value / 200_000) for before, _, value in seen[1:]]
    spacings = [later[2] - earlier[2] for earlier, later in pairwise(seen[1:])]
    assert min(lags) > 0.03
    assert sorted(lags)[len(lags) // 2] < 0.08
    assert max(spacings) - min(spacings) > 200  # mJ: 1 ms of jitter at the least


def test_a_counter_that_samples_misses_what_it_does_not_see(fake_nvml, ask):
    """With a duty of 25 % the counter weighs the last 25 ms of each 100 ms alone: a 10 Hz square wave is misread."""
    driver = fake_nvml(power="square:100,400,10", energy_period=0.1, energy_duty=0.25, epoch=time.monotonic() - 10)
    joules = ask(driver, "say(nvmlDeviceGetTotalEnergyConsumption(h))") / 1000
    now = time.monotonic() - driver.scenario.get("epoch")
    assert joules < 0.5 * 250 * now  # the low half of the wave is what it sees


def test_power_changes_while_a_process_watches(fake_nvml, child):
    """300 W for half a second and 60 W otherwise: the counter never falls, and ends on the exact integral."""
    driver = fake_nvml(power=60)
    one = child(driver, "nvmlInit()\nh = nvmlDeviceGetHandleByIndex(0)\n" + WATCH + "say(1)\nsay(watch(1.5))")
    one.said()
    start = driver.power(300)
    driver.power(60, at=start + 0.5)
    seen = one.said()
    values = [value for _, _, value in seen]
    epoch, truth = driver.scenario.get("epoch"), driver.timeline()
    _, after, value = seen[-1]
    update = epoch + (after - epoch) // 0.1 * 0.1
    assert values == sorted(values)
    assert driver.energy(start - 0.01, start + 1.5) == pytest.approx(300 * 0.5 + 60 * 1.01)
    assert min(abs(value - truth.total(update - lag * 0.1) * 1000) for lag in (0, 1)) <= 1


def test_the_average_lags_where_the_instant_follows(fake_nvml, child):
    """0.4 s after a step from 100 to 500 W the 1 s mean is on its way and the instant reading is there."""
    driver = fake_nvml(power=100, epoch=time.monotonic() - 60)
    driver.power(500, at=time.monotonic() + 1)
    step = driver.timeline().segments[-1][0]
    one = child(
        driver,
        f"""
        nvmlInit()
        h = nvmlDeviceGetHandleByIndex(0)
        time.sleep(max(0, {step} + 0.45 - time.monotonic()))
        say([nvmlDeviceGetPowerUsage(h), fields(h, [186])[186][2], time.monotonic()])
        """,
    )
    average, instant, at = one.said()
    assert instant == 500_000
    assert 100_000 < average < 500_000 or at > step + 0.95


def test_the_drivers_buffer_holds_power_at_50_hertz(fake_nvml, ask):
    """119 samples, 20 ms apart, each the mean of its 20 ms; nothing new reads as not found."""
    seen = ask(
        fake_nvml(power=240, epoch=time.monotonic() - 60),
        """
        kind, samples = nvmlDeviceGetSamples(h, 0, 0)
        say([len(samples), [s.timeStamp for s in samples], samples[0].sampleValue.uiVal,
             code(nvmlDeviceGetSamples, h, 0, int(time.time() * 1e6) + 10**9)])
        """,
    )
    count, stamps, value, later = seen
    assert (count, value) == (119, 240_000)
    assert all(19_000 <= b - a <= 21_000 for a, b in pairwise(stamps))
    assert later == {"error": 6}


def test_the_twin_counts_like_the_shapes_it_draws():
    """Known areas: a ramp's triangle, a square's share, a burst's length; and time before the epoch costs nothing."""
    assert Timeline.of("ramp:0,100,2").energy(0, 3) == pytest.approx(100 + 100)
    assert Timeline.of("square:0,100,1,0.25").energy(0, 4.1) == pytest.approx(100 + 10)
    assert Timeline.of("bursts:0,100,0.1,1").energy(0, 5) == pytest.approx(50)
    assert Timeline.of("60 10=300 12=60", epoch=5).energy(0, 20) == pytest.approx(60 * 13 + 600)
    assert 0 <= noise(1, 7) < 1


def test_a_cell_draws_exactly_what_it_says(fake_nvml, child):
    """A process that only appends to the load file makes another one's counter rise by its exact integral."""
    driver = fake_nvml(power=60, energy_period=0.05)
    reader = child(driver, "nvmlInit()\nh = nvmlDeviceGetHandleByIndex(0)\n" + WATCH + "say(1)\nsay(watch(1.2))")
    reader.said()
    cell = child(driver, "from tests.fakenvml.workload import compute\nsay(compute(0.4, watts=310, idle=60))")
    start, end = cell.said()
    _, after, value = reader.said()[-1]
    epoch, truth = driver.scenario.get("epoch"), driver.timeline()
    update = epoch + (after - epoch) // 0.05 * 0.05
    assert driver.energy(start, end) == pytest.approx(310 * 0.4)
    assert min(abs(value - truth.total(update - lag * 0.05) * 1000) for lag in (0, 1)) <= 1


# ---- MIG ----


def test_a_split_board_and_its_instances_tell_what_real_ones_tell(fake_nvml, ask):
    """Empty slots are not found; the board loses utilization and NVLink, an instance has memory and no power."""
    driver = fake_nvml(mig={0: ["1g.18gb", None, "2g.35gb"]}, gpus=2)
    driver.processes(Proc(0, os.getpid(), memory=2 * 1024**3, gi=9, ci=0))
    seen = ask(
        driver,
        """
        slots = [code(nvmlDeviceGetMigDeviceHandleByIndex, h, i) for i in range(nvmlDeviceGetMaxMigDeviceCount(h))]
        m = slots[2]
        a = nvmlDeviceGetAttributes_v2(m)
        say({"mode": nvmlDeviceGetMigMode(h), "slots": [type(s) is dict and s["error"] for s in slots],
             "utilization": code(nvmlDeviceGetUtilizationRates, h), "rows": code(nvmlDeviceGetRemappedRows, h),
             "power": nvmlDeviceGetPowerUsage(h) > 0, "links": sum(nvmlDeviceGetNvLinkState(h, i) for i in range(18)),
             "other": nvmlDeviceGetUtilizationRates(nvmlDeviceGetHandleByIndex(1)).gpu,
             "uuid": nvmlDeviceGetUUID(m), "again": nvmlDeviceGetUUID(nvmlDeviceGetHandleByUUID(nvmlDeviceGetUUID(m))),
             "used": nvmlDeviceGetMemoryInfo(m, version=nvmlMemory_v2).used, "instance": nvmlDeviceGetGpuInstanceId(m),
             "slices": a.gpuInstanceSliceCount, "no_power": code(nvmlDeviceGetPowerUsage, m),
             "is": nvmlDeviceIsMigDeviceHandle(m).value,
             "parent": nvmlDeviceGetUUID(nvmlDeviceGetDeviceHandleFromMigDeviceHandle(m)) == nvmlDeviceGetUUID(h),
             "here": [p.pid for p in nvmlDeviceGetComputeRunningProcesses(m)],
             "beside": len(nvmlDeviceGetComputeRunningProcesses(slots[0]))})
        """,
    )
    assert seen["slots"] == [False, 6, False, 6, 6, 6, 6]
    assert seen["utilization"] == seen["rows"] == seen["no_power"] == {"error": 3}
    assert (seen["mode"], seen["power"], seen["links"], seen["other"]) == ([1, 1], True, 0, 0)
    assert seen["uuid"].startswith("MIG-")
    assert seen["uuid"] == seen["again"]
    assert (seen["used"], seen["instance"], seen["slices"], seen["is"]) == (2 * 1024**3, 9, 2, 1)
    assert (seen["parent"], seen["here"], seen["beside"]) == (True, [os.getpid()], 0)


# ---- processes, GPM, events ----


def test_processes_are_listed_by_kind_with_their_memory_or_none(fake_nvml, ask):
    """A compute and a graphics process; memory the driver cannot tell is None; utilization only of the busy one."""
    driver = fake_nvml()
    driver.processes(Proc(0, os.getpid(), memory=None, sm=42, mem=7), Proc(0, 4242, kind="graphics", memory=1024))
    seen = ask(
        driver,
        """
        say({"compute": [[p.pid, p.usedGpuMemory, p.gpuInstanceId] for p in nvmlDeviceGetComputeRunningProcesses(h)],
             "graphics": [[p.pid, p.usedGpuMemory] for p in nvmlDeviceGetGraphicsRunningProcesses(h)],
             "mps": nvmlDeviceGetMPSComputeRunningProcesses(h),
             "busy": [[p.pid, p.smUtil, p.memUtil] for p in nvmlDeviceGetProcessUtilization(h, 0)],
             "later": code(nvmlDeviceGetProcessUtilization, h, int(time.time() * 1e6) + 10**9)})
        """,
    )
    assert seen["compute"] == [[os.getpid(), None, 0xFFFFFFFF]]
    assert seen["graphics"] == [[4242, 1024]]
    assert seen["mps"] == []
    assert seen["busy"] == [[os.getpid(), 42, 7]]
    assert seen["later"] == {"error": 6}


def test_gpm_needs_two_samples_100_ms_apart(fake_nvml, ask):
    """Too close together is refused; then each metric has its own status, and what is missing says so."""
    seen = ask(
        fake_nvml(gpm_sm=55.5, gpm_fp64="-"),
        """
        def measure(wait):
            get = c_nvmlGpmMetricsGet_t()
            get.version, get.numMetrics = NVML_GPM_METRICS_GET_VERSION, 2
            get.metrics[0].metricId, get.metrics[1].metricId = NVML_GPM_METRIC_SM_UTIL, NVML_GPM_METRIC_FP64_UTIL
            get.sample1, get.sample2 = nvmlGpmSampleAlloc(), nvmlGpmSampleAlloc()
            nvmlGpmSampleGet(h, get.sample1)
            time.sleep(wait)
            nvmlGpmSampleGet(h, get.sample2)
            got = code(nvmlGpmMetricsGet, get)
            nvmlGpmSampleFree(get.sample1), nvmlGpmSampleFree(get.sample2)
            return got if type(got) is dict else [[m.nvmlReturn, m.value] for m in get.metrics[:2]]
        say([nvmlGpmQueryDeviceSupport(h).isSupportedDevice, measure(0), measure(0.12)])
        """,
    )
    assert seen == [1, {"error": 2}, [[0, 55.5], [3, 0.0]]]


def test_an_xid_is_told_once_to_whoever_registered_before_it(fake_nvml, child):
    """History is not told; an XID that comes is, once, with its GPU; and a flood is told one by one."""
    driver = fake_nvml(gpus=2, events=[Xid(1, time.monotonic() - 5, 13)])
    one = child(
        driver,
        """
        nvmlInit()
        events = nvmlEventSetCreate()
        for i in range(2):
            h = nvmlDeviceGetHandleByIndex(i)
            nvmlDeviceRegisterEvents(h, nvmlDeviceGetSupportedEventTypes(h) & nvmlEventTypeXidCriticalError, events)
        say(code(nvmlEventSetWait_v2, events, 50))
        e = nvmlEventSetWait_v2(events, 10000)
        say([e.eventData, e.eventType, nvmlDeviceGetIndex(e.device), code(nvmlEventSetWait_v2, events, 50)])
        say([nvmlEventSetWait_v2(events, 10000).eventData for _ in range(200)])
        nvmlEventSetFree(events)
        """,
    )
    assert one.said() == {"error": 10}
    driver.xid(1, 79)
    assert one.said() == [79, 8, 1, {"error": 10}]
    driver.xid(0, 31, count=200)
    assert one.said() == [31] * 200


# ---- faults ----


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
    assert ask(driver, "say(nvmlDeviceGetTotalEnergyConsumption(h) > 0)") is True


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


# ---- what was asked ----


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


# ---- beside it ----


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
