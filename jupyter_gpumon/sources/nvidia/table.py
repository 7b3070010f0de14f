"""What is read how: for each metric of the catalogue and each word of ``Device`` the ways, newest first.

Adding a metric is one line here. Units on the right are the driver's: mW, mJ, MHz, percent, KiB, ns.
"""

from __future__ import annotations

import time

import pynvml as nvml

from .driver import UNSUPPORTED, Absent
from .fields import ALL_LINKS, Entry
from .own import (
    fabric_health,
    fabric_state,
    fastest_fan,
    inforom_valid,
    performance_state,
    retired_pages,
    shutdown,
    slowdown,
    sram_threshold,
    unrepairable_memory,
    uptime,
)
from .ways import MEMORY_V2, Activity, Call, Fields, Own, Pick, Way, attribute, item, up_to, whole

Table = dict[str, tuple[Way, ...]]

MILLI, MEGA, KIBI, NANO, PERCENT = 1e-3, 1e6, 1024.0, 1e-9, 1e-2


def _field(field: int, scale: float | None = None, pick: Pick = whole) -> Fields:
    return Fields(((field, 0),), scale, pick)


def _bytes_moved(field: int) -> Fields:
    return Fields(((field, 0),), wraps=True)


def _links(field: int, pick: Pick = whole) -> Fields:
    return Fields(((field, 0),), pick=pick, per_link=True)


def _all_links(field: int) -> Fields:
    return Fields(((field, ALL_LINKS),), KIBI)


def _error_rate(bits: int) -> float:
    """nvml.h: bits 0 to 7 are the exponent, 8 to 11 the mantissa."""
    return (bits >> 8 & 0xF) * 10.0 ** -(bits & 0xFF)


def _totals(*fields: int) -> Fields:
    entries: tuple[Entry, ...] = tuple((field, 0) for field in fields)
    return Fields(entries)


def _engine(function: str) -> tuple[Way, ...]:
    return (Call(function, pick=up_to(100, item(0)), scale=PERCENT),)


def _clock(domain: int) -> tuple[Way, ...]:
    return (Call("nvmlDeviceGetClockInfo", (domain,), scale=MEGA),)


def _memory(member: str) -> tuple[Way, ...]:
    newest, oldest = (Call("nvmlDeviceGetMemoryInfo", version, attribute(member)) for version in ((MEMORY_V2,), ()))
    return (newest,) if member == "reserved" else (newest, oldest)


def _bar1(member: str) -> tuple[Way, ...]:
    return (Call("nvmlDeviceGetBAR1MemoryInfo", (), attribute(member)),)


_DOUBLE_BIT = (nvml.NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR,)
_WEEK = 7 * 86_400.0


def retired_within_a_week(pages: list[dict[str, int]]) -> int:
    """How many of these pages were retired within the last seven days, by the driver's time stamps."""
    begin = time.time() - _WEEK
    # nvml.h names no unit. The driver's other stamps are microseconds, and no date in seconds is as large as those.
    return sum(page["timestamp"] * (1e-6 if page["timestamp"] > 1e12 else 1.0) > begin for page in pages)


def _ecc(kind: int, counter: int) -> tuple[Way, ...]:
    return (Call("nvmlDeviceGetTotalEccErrors", (kind, counter)),)


def _remapped(index: int) -> tuple[Way, ...]:
    return (Call("nvmlDeviceGetRemappedRows", (), item(index)), _field(142 + index))


CLOCK_EVENTS = {
    0x1: "idle", 0x2: "app_clocks", 0x4: "power_cap", 0x8: "hw_slowdown", 0x10: "sync_boost", 0x20: "thermal",
    0x40: "hw_thermal", 0x80: "power_brake", 0x100: "display", 0x200: "board_limit", 0x400: "reliability",
}  # fmt: skip
"""Bits of the reasons for which the clock is held back (nvml.h: nvmlClocksEventReason…)."""


def clock_events(bits: int) -> tuple[str, ...]:
    """The reasons by name; a bit of a newer driver is left out."""
    return tuple(name for bit, name in CLOCK_EVENTS.items() if bits & bit)


def _plausible(celsius: int) -> int | None:
    """Some drivers answer with a sentinel of three digits where there is no reading (DCGM drops them, too)."""
    return celsius if celsius <= 200 else None


def _licensed(answer: nvml.c_nvmlGridLicensableFeatures_v4_t) -> int | Absent:
    """Whether one of the features is licensed; of a GPU that needs no licence the driver has none to tell."""
    count = answer.licensableFeaturesCount if answer.isGridLicenseSupported else 0
    states = [feature.featureState for feature in answer.gridLicensableFeatures[:count]]
    return int(any(states)) if states else UNSUPPORTED


METRIC_WAYS: Table = {
    "utilization": (Call("nvmlDeviceGetUtilizationRates", (), up_to(100, attribute("gpu")), PERCENT),),
    "memory_activity": (Call("nvmlDeviceGetUtilizationRates", (), up_to(100, attribute("memory")), PERCENT),),
    "encoder": _engine("nvmlDeviceGetEncoderUtilization"),
    "decoder": _engine("nvmlDeviceGetDecoderUtilization"),
    "jpeg": _engine("nvmlDeviceGetJpgUtilization"),
    "ofa": _engine("nvmlDeviceGetOfaUtilization"),
    "power": (_field(186, MILLI), Call("nvmlDeviceGetPowerUsage", scale=MILLI)),
    "power_average": (_field(185, MILLI),),
    "temperature": (Call("nvmlDeviceGetTemperatureV", (0,)), Call("nvmlDeviceGetTemperature", (0,))),
    "temperature_margin": (Call("nvmlDeviceGetMarginTemperature"),),
    "clock_sm": _clock(nvml.NVML_CLOCK_SM),
    "clock_memory": _clock(nvml.NVML_CLOCK_MEM),
    "clock_graphics": _clock(nvml.NVML_CLOCK_GRAPHICS),
    "clock_video": _clock(nvml.NVML_CLOCK_VIDEO),
    "performance_state": (Own(performance_state),),
    "clock_events": (
        Call("nvmlDeviceGetCurrentClocksEventReasons", pick=clock_events),
        Call("nvmlDeviceGetCurrentClocksThrottleReasons", pick=clock_events),
    ),
    "memory_total": _memory("total"),
    "memory_used": _memory("used"),
    "memory_free": _memory("free"),
    "memory_reserved": _memory("reserved"),
    "bar1_used": _bar1("bar1Used"),
    "bar1_total": _bar1("bar1Total"),
    "energy": (Call("nvmlDeviceGetTotalEnergyConsumption", scale=MILLI), _field(83, MILLI)),
    "temperature_memory": (_field(82, pick=_plausible),),
    "fan": (Own(fastest_fan, PERCENT), Call("nvmlDeviceGetFanSpeed", scale=PERCENT)),
    "pcie_tx": (_bytes_moved(197), Activity(255)),
    "pcie_rx": (_bytes_moved(198), Activity(256)),
    "nvlink_tx": (_all_links(138), _links(202)),
    "nvlink_rx": (_all_links(139), _links(204)),
    "held_power_cap": (_field(74, NANO),),
    "held_sync_boost": (_field(76, NANO),),
    "held_thermal": (_field(269, NANO), _field(75, NANO)),
    "held_hw_thermal": (_field(270, NANO),),
    "held_power_brake": (_field(271, NANO),),
    "sm_activity": (Activity(2, PERCENT),),
    "sm_occupancy": (Activity(3, PERCENT),),
    "tensor_activity": (Activity(5, PERCENT),),
    "dram_activity": (Activity(10, PERCENT),),
    "fp64_activity": (Activity(11, PERCENT),),
    "fp32_activity": (Activity(12, PERCENT),),
    "fp16_activity": (Activity(13, PERCENT),),
    "graphics_activity": (Activity(1, PERCENT),),
    "power_limit": (_field(190, MILLI), Call("nvmlDeviceGetEnforcedPowerLimit", scale=MILLI)),
    "pcie_gen": (Call("nvmlDeviceGetCurrPcieLinkGeneration"),),
    "pcie_width": (Call("nvmlDeviceGetCurrPcieLinkWidth"),),
    "pcie_replay": (Call("nvmlDeviceGetPcieReplayCounter"), _field(94)),
    "pcie_errors": (_field(173),),
    "pcie_fatal_errors": (_field(180),),
    "nvlink_active": (_links(165, lambda state: int(state in (1, 2))),),
    "nvlink_crc_errors": (_links(163), _totals(38, 45)),
    "nvlink_replays": (_links(161), _totals(52)),
    "nvlink_recoveries": (_links(162), _links(215), _totals(59)),
    "nvlink_errors": (Fields(tuple((field, 0) for field in range(206, 213)), per_link=True),),
    "nvlink_recovery_failures": (_links(214),),
    "nvlink_ber": (Fields(((220, 0),), pick=_error_rate, per_link=True, combine=max),),
    "fabric_state": (Own(fabric_state),),
    "fabric_health": (Own(fabric_health),),
    "ecc_corrected": _ecc(0, 0),
    "ecc_uncorrected": _ecc(1, 0),
    "ecc_corrected_lifetime": _ecc(0, 1),
    "ecc_uncorrected_lifetime": _ecc(1, 1),
    "remapped_correctable": _remapped(0),
    "remapped_uncorrectable": _remapped(1),
    "remap_pending": _remapped(2),
    "remap_failure": _remapped(3),
    "retired_pages": (Fields(((29, 0), (30, 0))), Own(retired_pages)),
    "retired_double_bit": (Call("nvmlDeviceGetRetiredPages_v2", _DOUBLE_BIT, len),),
    "retired_double_bit_week": (Call("nvmlDeviceGetRetiredPages_v2", _DOUBLE_BIT, retired_within_a_week),),
    "retired_pending": (_field(31), Call("nvmlDeviceGetRetiredPagesPendingStatus")),
    "sram_threshold": (Own(sram_threshold),),
    "unrepairable_memory": (Own(unrepairable_memory),),
    "inforom_valid": (Own(inforom_valid),),
    "recovery_action": (_field(230),),
    "vgpu_licensed": (Call("nvmlDeviceGetGridLicensableFeatures_v4", pick=_licensed),),
    "uptime": (Own(uptime),),
}
"""How each metric of ``metrics.Gpu`` is read."""

MIG_METRICS = frozenset(name for name in METRIC_WAYS if name.startswith(("memory_", "bar1_"))) - {"memory_activity"} | {
    name for name, ways in METRIC_WAYS.items() if isinstance(ways[0], Activity)
}
"""What a MIG instance has of its own; the rest belongs to its board."""

NOT_WITH_MIG = frozenset(name for name in METRIC_WAYS if name.startswith(("remap", "nvlink_"))) | {
    "utilization", "memory_activity", "encoder", "decoder", "jpeg", "ofa",
}  # fmt: skip
"""What a board loses while it is split; its NVLinks read as down then, which is no fault."""

_ARCHITECTURES = {
    2: "Kepler", 3: "Maxwell", 4: "Pascal", 5: "Volta", 6: "Turing", 7: "Ampere", 8: "Ada", 9: "Hopper",
    10: "Blackwell", 13: "Rubin",
}  # fmt: skip

_COMPUTE_MODES = {0: "default", 1: "exclusive thread", 2: "prohibited", 3: "exclusive process"}

_LIMITS = "nvmlDeviceGetPowerManagementLimitConstraints"


def _threshold(kind: int) -> Call:
    return Call("nvmlDeviceGetTemperatureThreshold", (kind,), float)


def pci_address(answer: nvml.nvmlPciInfo_t) -> str:
    """As sysfs writes it: ``0000:3b:00.0``."""
    return f"{answer.domain:04x}:{answer.bus:02x}:{answer.device:02x}.0"


IDENTITY_WAYS: Table = {
    "name": (Call("nvmlDeviceGetName"),),
    "architecture": (Call("nvmlDeviceGetArchitecture", pick=_ARCHITECTURES.get),),
    "compute_capability": (Call("nvmlDeviceGetCudaComputeCapability", pick=lambda v: f"{v[0]}.{v[1]}"),),
    "pci": (Call("nvmlDeviceGetPciInfo_v3", pick=pci_address), Call("nvmlDeviceGetPciInfo", pick=pci_address)),
    "vbios": (Call("nvmlDeviceGetVbiosVersion"),),
    "cores": (Call("nvmlDeviceGetNumGpuCores"),),
    "memory_total": _memory("total"),
    "power_limit_min": (_field(187, MILLI), Call(_LIMITS, pick=item(0), scale=MILLI)),
    "power_limit_max": (_field(188, MILLI), Call(_LIMITS, pick=item(1), scale=MILLI)),
    "power_limit_default": (
        _field(189, MILLI),
        Call("nvmlDeviceGetPowerManagementDefaultLimit", scale=MILLI),
    ),
    "temperature_slowdown": (_threshold(1), Own(slowdown)),
    "temperature_shutdown": (_threshold(0), Own(shutdown)),
    "temperature_memory_max": (_threshold(2),),
    "clock_sm_max": (Call("nvmlDeviceGetMaxClockInfo", (nvml.NVML_CLOCK_SM,), scale=MEGA),),
    "clock_memory_max": (Call("nvmlDeviceGetMaxClockInfo", (nvml.NVML_CLOCK_MEM,), scale=MEGA),),
    "pcie_gen_max": (Call("nvmlDeviceGetMaxPcieLinkGeneration"),),
    "pcie_width_max": (Call("nvmlDeviceGetMaxPcieLinkWidth"),),
    "nvlinks": (_field(91),),
    "ecc": (Call("nvmlDeviceGetEccMode", pick=lambda modes: bool(modes[0])),),
    "persistence": (Call("nvmlDeviceGetPersistenceMode", pick=bool),),
    "compute_mode": (Call("nvmlDeviceGetComputeMode", pick=_COMPUTE_MODES.get),),
    "numa": (Call("nvmlDeviceGetNumaNodeId", pick=lambda node: node if node < 1 << 16 else None),),
    "mig": (Call("nvmlDeviceGetMigMode", pick=lambda modes: bool(modes[0])),),
}
"""How each word of ``Device`` is asked for, once while the driver stays loaded."""

MIG_IDENTITY = ("name", "memory_total")
"""What is asked of a MIG instance itself."""
