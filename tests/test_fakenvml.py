"""The fake driver tells what its scenario says, seen through the unmodified nvidia-ml-py in a child process."""

from __future__ import annotations

import os
import time

import pytest

from tests.fakenvml import Proc, Xid


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
