"""The nvidia backend on the fake driver: what each kind of board and driver tells, in base units."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from jupyter_gpumon import wire
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.metrics import METRICS, in_tiers
from jupyter_gpumon.sources import nvidia
from jupyter_gpumon.sources.nvidia.table import retired_within_a_week

from .backend_process import ALL, ROOT, BackendProcess
from .contracts.backend import PROMISES
from .fakenvml import Proc

BOARDS = {
    "h200": {"gpus": 2, "processes": [Proc(0, 4711, sm=30)]},
    "mig": {"gpus": 2, "mig": {1: ["1g.18gb", None, "2g.35gb"]}},
    "old driver": {"driver": "535.129.03", "architecture": 7},
    "consumer": {
        "ecc": "-",
        "nvlinks": 0,
        "gpm": 0,
        "fans": 2,
        "fan": 45,
        "each": {0: {"mig": "-"}},
        "temperature_memory": "-",
    },
}


@pytest.fixture
def backend(fake_nvml):
    """``backend(gpus=8, …)``: (backend, driver) on such a machine."""
    opened = []

    def start(**machine):
        driver = fake_nvml(**machine)
        opened.append(BackendProcess(driver.env).__enter__())
        return opened[-1].open(), driver

    yield start
    for child in opened:
        child.__exit__()


@pytest.mark.parametrize("board", BOARDS)
def test_the_contract_holds(backend, board):
    """What every backend promises holds for each kind of board and driver."""
    child, _ = backend(**BOARDS[board])
    for promise in PROMISES:
        promise(child.open(), time.sleep)


def test_values_arrive_in_base_units(backend):
    """Milliwatts, percent, MHz, millijoules and KiB of the driver are watts, ratios, hertz, joules and bytes."""
    child, _ = backend(
        power=300, utilization=64, temperature=55, clock_sm=1755, memory_used=80 * 2**30, encoder=12,
        temperature_memory=60, power_limit=650, pcie_gen=4, gpm_sm=37.5, bar1_used=2**20, energy_start=1000,
    )  # fmt: skip
    child.devices()
    time.sleep(0.15)
    (gpu,) = child.read()
    assert gpu.power == pytest.approx(300)
    assert gpu.power_average == pytest.approx(300)
    assert (gpu.utilization, gpu.encoder, gpu.temperature) == (0.64, 0.12, 55)
    assert (gpu.clock_sm, gpu.memory_used, gpu.temperature_memory) == (1.755e9, 80 * 2**30, 60)
    assert (gpu.power_limit, gpu.pcie_gen, gpu.bar1_used) == (650, 4, 2**20)
    assert gpu.sm_activity == pytest.approx(0.375)
    assert 1000 <= gpu.energy < 1000 + 300 * 60


def test_identity_is_asked_once(backend):
    """A device tells what it is, in base units, and a second inventory asks only who is there."""
    child, driver = backend(power_limit_max=700, temperature_slowdown=89)
    (device,) = child.devices()
    before = driver.stats()
    assert (device.name, device.architecture, device.compute_capability) == ("NVIDIA H200", "Hopper", "9.0")
    assert (device.power_limit_max, device.temperature_slowdown, device.clock_sm_max) == (700, 89, 1.98e9)
    assert (device.ecc, device.mig, device.nvlinks, device.compute_mode) == (True, False, 18, "default")
    assert child.devices() == [device]
    asked = set((driver.stats() - before).calls)
    assert asked <= {
        "nvmlDeviceGetCount_v2",
        "nvmlDeviceGetHandleByIndex_v2",
        "nvmlDeviceGetUUID",
        "nvmlDeviceGetMigMode",
    }


def test_the_versions_are_told(backend):
    """The hello names driver, NVML and CUDA."""
    child, _ = backend()
    assert (child.hello.driver, child.hello.nvml, child.hello.cuda) == ("580.95.05", "13.580.95.05", "13.0")


def test_a_margin_becomes_a_threshold(backend):
    """Where the absolute threshold is not told, it is the temperature plus the margin that is left."""
    child, _ = backend(temperature=50, errors={"nvmlDeviceGetTemperatureThreshold": 3})
    (device,) = child.devices()
    (gpu,) = child.read({"temperature_margin"})
    assert device.temperature_slowdown == 50 + gpu.temperature_margin + 2
    assert device.temperature_shutdown == 50 + gpu.temperature_margin + 8


@pytest.mark.parametrize("version", ["575.57.08", "580.65.06", "580.82.07", "580.95.05"])
def test_throttle_counters_are_found_in_both_numberings(backend, version):
    """Half of the time held back by heat is half a second per second, whichever ids the driver knows them by."""
    child, _ = backend(driver=version, held_thermal=0.5, held_hw_thermal=0.25, held_power_brake=0.125)
    child.devices()
    wanted = {"held_thermal", "held_hw_thermal", "held_power_brake"}
    first = _timed(child, wanted)
    time.sleep(0.5)
    second = _timed(child, wanted)
    for name, share in (("held_thermal", 0.5), ("held_hw_thermal", 0.25), ("held_power_brake", 0.125)):
        _grew(first, second, name, share)


def _timed(child, wanted):
    """A reading of the first GPU, with the moments before and after."""
    before, (gpu,) = time.monotonic(), child.read(wanted)
    return before, gpu, time.monotonic()


def _grew(first, second, name, rate):
    """Whether a counter grew at this rate between two readings, each taken at some moment within its own."""
    grown = getattr(second[1], name) - getattr(first[1], name)
    assert 0.98 * rate * (second[0] - first[2]) <= grown <= 1.02 * rate * (second[2] - first[0])


def test_power_smoothing_is_not_taken_for_throttling(backend):
    """A driver before 575 has other things at the ids of the throttle counters: they are absent, not wrong."""
    child, driver = backend(driver="570.133.20")
    (device,) = child.devices()
    assert device.absent["held_hw_thermal"] == device.absent["held_power_brake"] == "unsupported"
    assert not {251, 252, 253, 269, 270, 271} & set(driver.stats().fields)


def test_an_old_driver_is_asked_the_old_way(backend):
    """Where the newest function or field is not there, the one before it answers."""
    child, driver = backend(driver="525.147.05", temperature=44, power=250, hidden=["nvmlDeviceGetMemoryInfo_v2"])
    (device,) = child.devices()
    (gpu,) = child.read({"temperature", "memory_used", "clock_events", "power"})
    assert (gpu.temperature, gpu.power) == (44, 250)
    assert gpu.memory_used is not None
    assert gpu.clock_events is not None
    assert device.absent["memory_reserved"] == device.absent["temperature_margin"] == "unsupported"
    assert driver.stats().calls["nvmlDeviceGetCurrentClocksThrottleReasons"]


def test_power_falls_back_to_the_old_function(backend):
    """A board without the instantaneous reading tells the mean of the last second."""
    child, _ = backend(power=210, errors={"field:186": 3})
    child.devices()
    assert child.read({"power"})[0].power == pytest.approx(210)


def test_a_vgpu_says_whether_it_is_licensed(backend):
    """And goes on to be asked: a licence can be lost. A board that needs none has the reason for it."""
    child, driver = backend(gpus=3, each={1: {"vgpu_licensed": 0}, 2: {"vgpu_licensed": 1}})
    devices = child.devices()
    assert [gpu.vgpu_licensed for gpu in child.read({"vgpu_licensed"})] == [None, 0, 1]
    assert [device.absent.get("vgpu_licensed") for device in devices] == ["unsupported", None, None]
    driver.update(2, vgpu_licensed=0)
    assert child.read({"vgpu_licensed"})[2].vgpu_licensed == 0


def test_a_consumer_card_has_reasons_for_what_it_lacks(backend):
    """No ECC, no NVLink, no GPM, no MIG: each has its reason, and the faster of two fans is told."""
    child, _ = backend(**BOARDS["consumer"])
    (device,) = child.devices()
    assert {device.absent[name] for name in ("ecc_corrected", "nvlink_tx", "sm_activity", "temperature_memory")} == {
        "unsupported"
    }
    assert device.mig is None
    assert child.read({"fan"})[0].fan == pytest.approx(0.45)


def test_sentinels_are_not_values(backend):
    """P-state 32 and a memory at 255 °C are the driver's words for "unknown"."""
    child, _ = backend(performance_state=32, temperature_memory=255, utilization=107)
    child.devices()
    (gpu,) = child.read()
    assert (gpu.performance_state, gpu.temperature_memory) == (None, None)
    assert gpu.utilization == 1


def test_what_holds_the_clock_back_has_names(backend):
    """The driver's bits are told by name; a bit of a newer driver is left out."""
    child, _ = backend(clock_events=0x4 | 0x20 | 0x1000)
    child.devices()
    assert child.read({"clock_events"})[0].clock_events == ("power_cap", "thermal")


def test_a_wrapped_pcie_counter_goes_on_growing(backend):
    """Where the driver counts bytes in 32 bits, what arrives grows at the true rate."""
    rate, epoch = 5e8, time.monotonic() - 6  # it wraps every 8.6 s
    child, _ = backend(pcie_bits=32, pcie_tx_rate=rate, epoch=epoch)
    child.devices()
    first = last = _timed(child, {"pcie_tx"})
    while (last[0] - epoch) * rate // 2**32 == (first[2] - epoch) * rate // 2**32:
        time.sleep(0.1)
        last = _timed(child, {"pcie_tx"})
    _grew(first, last, "pcie_tx", rate)


def test_nvlink_bytes_of_the_fifth_generation_are_summed_over_links(backend):
    """Before NVLink 5 the driver tells KiB of all links, from then on bytes of each: both become bytes of all."""
    moved = {}
    for version in (4, 5):
        child, _ = backend(nvlink_version=version, nvlink_tx_rate=18e6, epoch=time.monotonic() - 100)
        child.devices()
        moved[version] = child.read({"nvlink_tx"})[0].nvlink_tx
    assert moved[4] == pytest.approx(18e8, rel=0.1)
    assert moved[5] == pytest.approx(18e8, rel=0.1)


def test_what_is_wrong_with_board_and_links_arrives(backend):
    """Flags, fabric and error counters, of a board with NVLink 5 under a driver that tells all of them."""
    child, driver = backend(driver="610.57.04", architecture=10, nvlink_version=5, nvlink_ber=0x30B)
    child.devices()
    (gpu,) = child.read()
    assert (gpu.sram_threshold, gpu.unrepairable_memory, gpu.inforom_valid) == (0, 0, 1)
    assert (gpu.fabric_state, gpu.fabric_health, gpu.nvlink_errors, gpu.pcie_fatal_errors) == (3, 1, 0, 0)
    assert gpu.nvlink_ber == pytest.approx(3e-11)
    driver.update(sram_threshold=1, unrepairable_memory=1, inforom_valid=0, fabric_state=2, fabric_health=2)
    driver.update(nvlink_errors=5, nvlink_recovery_failures=1, pcie_errors=7, pcie_fatal_errors=2)
    (gpu,) = child.read()
    assert (gpu.sram_threshold, gpu.unrepairable_memory, gpu.inforom_valid) == (1, 1, 0)
    assert (gpu.fabric_state, gpu.fabric_health) == (2, 2)
    assert (gpu.nvlink_errors, gpu.nvlink_recovery_failures) == (5, 1)
    assert (gpu.pcie_errors, gpu.pcie_fatal_errors) == (7, 2)


def test_the_board_s_flash_is_read_once_an_hour(backend):
    """It is dear, and wears nothing out, but is not needed more often."""
    assert in_tiers("rare") == {"inforom_valid", "retired_double_bit", "retired_double_bit_week"}
    child, driver = backend()
    child.devices()
    before = driver.stats().calls["nvmlDeviceValidateInforom"]
    child.read(in_tiers("fast", "normal", "slow"))
    assert driver.stats().calls["nvmlDeviceValidateInforom"] == before
    child.read(in_tiers("rare"))
    assert driver.stats().calls["nvmlDeviceValidateInforom"] == before + 1


def test_pages_retired_for_double_bit_errors_are_told_with_those_of_the_last_week(backend):
    """By one list of the driver, which boards since Ampere do not have: that is said."""
    child, driver = backend()
    child.devices()
    child.read()
    (device,) = child.devices()
    assert device.absent["retired_double_bit"] == device.absent["retired_double_bit_week"] == "unsupported"
    child, driver = backend(retired_double_bit=16, retired_double_bit_week=2)
    child.devices()
    before = driver.stats()
    (gpu,) = child.read({"retired_double_bit", "retired_double_bit_week"})
    assert (gpu.retired_double_bit, gpu.retired_double_bit_week) == (16, 2)
    assert (driver.stats() - before).calls == {"nvmlDeviceGetRetiredPages_v2": 2}  # its size, its pages
    driver.update(retired_double_bit=0, retired_double_bit_week=0)
    (gpu,) = child.read(in_tiers("rare"))
    assert (gpu.retired_double_bit, gpu.retired_double_bit_week) == (0, 0)


@pytest.mark.parametrize("unit", [1, 1_000_000])
def test_a_week_is_seven_days_whichever_unit_the_driver_tells_time_in(unit):
    """Seconds or microseconds; a page without a time was not retired this week."""
    ago = [int(time.time() - days * 86_400) * unit for days in (0.1, 6.9, 7.1, 300)]
    assert retired_within_a_week([{"address": 1, "timestamp": stamp} for stamp in (*ago, 0)]) == 2


def test_only_what_a_metric_needs_is_called(backend):
    """Two metrics of one call cost one call, a field one batch, nothing wanted nothing."""
    child, driver = backend(gpus=2)
    child.devices()
    for wanted, calls in (
        ({"utilization", "memory_activity"}, {"nvmlDeviceGetUtilizationRates": 2}),
        ({"power", "held_power_cap", "power_limit"}, {"nvmlDeviceGetFieldValues": 2}),
        (set(), {}),
    ):
        before = driver.stats()
        child.read(wanted)
        assert (driver.stats() - before).calls == calls


def test_the_fast_tier_is_fast(backend):
    """Its field values come without the dear ones, of which a single one takes 3 ms."""
    child, driver = backend(latencies="real")
    child.devices()
    before = driver.stats()
    child.read(in_tiers("fast"))
    assert sum((driver.stats() - before).nominal.values()) < 50e-6


def test_a_second_of_eight_gpus_stays_within_the_budget(backend):
    """At most 60 calls a GPU and 80 ms inside NVML per second, all tiers together, and never PcieThroughput."""
    child, driver = backend(
        gpus=8, latencies="real", fans=2, fan=30, processes=[Proc(gpu, 100 + gpu, sm=50) for gpu in range(8)]
    )
    child.devices()
    time.sleep(0.15)
    before = driver.stats()
    child.read(in_tiers("fast", "normal"))
    child.processes()
    child.events()
    middle = driver.stats()
    child.read(in_tiers("slow"))
    child.devices()
    second, slow = middle - before, driver.stats() - middle
    assert second.total_calls + slow.total_calls <= 60 * 8
    assert sum(second.nominal.values()) + sum(slow.nominal.values()) / 10 <= 0.080
    assert "nvmlDeviceGetPcieThroughput" not in driver.stats().calls


def test_what_is_unsupported_is_asked_once(backend):
    """Even "not supported" takes the driver milliseconds."""
    child, driver = backend(temperature_memory="-")
    assert child.devices()[0].absent["temperature_memory"] == "unsupported"
    before = driver.stats()
    for _ in range(3):
        child.read(ALL)
    assert 82 not in (driver.stats() - before).fields


def test_eight_gpus_know_their_links(backend):
    """Every pair is told once, from both sides."""
    child, _ = backend(gpus=3, topology="nvlink")
    devices = child.devices()
    for device in devices:
        assert device.topology == {other.uuid: "nvlink" for other in devices if other is not device}


@pytest.mark.parametrize("gpus", [0, 64])
def test_any_number_of_gpus(backend, gpus):
    """None is no error, and sixty-four are told in time."""
    child, _ = backend(gpus=gpus)
    assert len(child.devices()) == len(child.read({"power"})) == gpus


def test_the_table_covers_the_catalogue():
    """Every metric has a way to be read, and there is no way to a metric that is none."""
    from jupyter_gpumon.sources.nvidia.table import METRIC_WAYS

    assert METRIC_WAYS.keys() == METRICS.keys()


def test_a_look_can_be_printed_for_a_bug_report(fake_nvml):
    """``python -m jupyter_gpumon.sources.nvidia`` prints a hello and a sample of the wire."""
    command = [sys.executable, "-m", "jupyter_gpumon.sources.nvidia"]
    done = subprocess.run(command, env=fake_nvml(power=99).env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    hello, sample = (wire.decode(line) for line in done.stdout.splitlines())
    assert hello.devices[0].name == "NVIDIA H200"
    assert sample.gpus[0].power == 99


def test_an_unknown_parameter_is_refused():
    """The error names what is known."""
    with pytest.raises(SourceError, match="root"):
        nvidia.open_backend({"gpu": "0"})


def test_the_backend_can_be_opened_again_in_one_process(backend):
    """Closing frees everything that was lent, and opening anew finds the same devices."""
    child, driver = backend(gpus=2)
    before = child.devices()
    assert child.open().devices() == before
    child.close()
    calls = driver.stats().calls
    assert calls["nvmlGpmSampleAlloc"] == calls["nvmlGpmSampleFree"]
    assert calls["nvmlEventSetCreate"] == calls["nvmlEventSetFree"]
    assert calls["nvmlInitWithFlags"] == 2 <= calls["nvmlShutdown"]


@pytest.mark.parametrize(
    ("board", "kind"),
    [
        ({}, "instant"),
        ({"errors": {"field:186": 3}}, "average"),
        ({"errors": {"field:186": 3}, "architecture": 7, "cc_major": 8, "cc_minor": 0}, "instant"),
        ({"errors": {"field:186": 3}, "architecture": 7, "cc_major": 8, "cc_minor": 6}, "average"),
        ({"errors": {"field:186": 3}, "architecture": 6, "cc_major": 7, "cc_minor": 5}, "instant"),
    ],
    ids=["field 186", "Hopper", "GA100", "other Ampere", "Turing"],
)
def test_a_reading_of_power_says_whether_it_is_a_mean(backend, board, kind):
    """Without the instant field, what nvmlDeviceGetPowerUsage gives depends on the board."""
    child, _ = backend(power=300, **board)
    uuid = child.devices()[0].uuid
    reading = child.power(uuid)
    assert reading.kind == kind
    assert reading.watts == pytest.approx(300)


def test_what_the_driver_recorded_is_told_in_watts_and_once(backend):
    """Two seconds of it at first; then what is new."""
    child, _ = backend(power=240, epoch=time.monotonic() - 60)
    uuid = child.devices()[0].uuid
    first = child.power_history(uuid, 0.0)
    assert len(first) == 119
    assert {watts for _, watts in first} == {240.0}
    time.sleep(0.1)
    second = child.power_history(uuid, first[-1][0])
    assert 1 <= len(second) < 60
    assert all(stamp > first[-1][0] for stamp, _ in second)


def test_a_driver_that_records_no_power_is_asked_once(backend):
    """Not supported stays so; asking would take a millisecond each time."""
    child, driver = backend(samples_period="-")
    uuid = child.devices()[0].uuid
    assert [child.power_history(uuid, 0.0) for _ in range(3)] == [None] * 3
    assert driver.stats().calls["nvmlDeviceGetSamples"] == 1
