"""DCGM's field table, as far as the driver tells its fields without DCGM: ids, names, units, and how a value is had.

Ids, short names and widths are those of dcgm_fields.h and dcgm_fields.cpp; values are in DCGM's units. Units that DCGM
leaves blank are said. ``gpumon dmon`` prints them, the exporter names them as dcgm-exporter does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .model import Device, Gpu, Hello

Value = float | str | None


class Look(NamedTuple):
    """One GPU at one moment: what is known of it, and how fast its counters grow, per second."""

    hello: Hello
    device: Device
    gpu: Gpu
    rates: dict[str, float]


class Field(NamedTuple):
    """A column."""

    id: int | None
    """DCGM's; None of ours."""
    short: str
    """DCGM's, of five letters or so; empty where it has none that is known here."""
    name: str
    unit: str
    take: Callable[[Look], Value]
    """The value of a moment, in ``unit``."""
    metric: str = ""
    """The metric it is made of: why it is not there is known by that name."""
    digits: int = 0
    """After the point, as DCGM prints it."""
    width: int = 11
    rate: bool = False
    """It is growth per second: known from the second sample on."""

    @property
    def title(self) -> str:
        """What stands above it."""
        return self.short or self.name


def _gauge(
    id: int, short: str, name: str, metric: str, unit: str, scale: float, *, digits: int = 0, width: int = 16
) -> Field:
    def take(look: Look) -> Value:
        value = getattr(look.gpu, metric)
        return None if value is None else value * scale

    return Field(id, short, name, unit, take, metric, digits, width)


def _rate(id: int, short: str, name: str, metric: str, unit: str, scale: float) -> Field:
    def take(look: Look) -> Value:
        return look.rates[metric] * scale if metric in look.rates else None

    return Field(id, short, name, unit, take, metric, 0, 16, rate=True)


def _fixed(id: int, short: str, name: str, unit: str, take: Callable[[Device], Value], digits: int = 0) -> Field:
    """What does not change while the driver stays loaded."""
    return Field(id, short, name, unit, lambda look: take(look.device), digits=digits, width=16 if digits else 11)


def _words(id: int, short: str, name: str, take: Callable[[Look], Value], width: int) -> Field:
    return Field(id, short, name, "", take, width=width)


def _events(look: Look) -> Value:
    """Why the clock is held back, as the driver's bits."""
    from .sources.nvidia.table import CLOCK_EVENTS

    if look.gpu.clock_events is None:
        return None
    return float(sum(bit for bit, name in CLOCK_EVENTS.items() if name in look.gpu.clock_events))


def _used_share(look: Look) -> Value:
    """Used over what can be used: DCGM's definition, in which the driver's reserve is no part of the whole."""
    gpu = look.gpu
    if gpu.memory_used is None or gpu.memory_total is None:
        return None
    usable = gpu.memory_total - (gpu.memory_reserved or 0.0)
    return gpu.memory_used / usable if usable > 0 else None


def _bar1_free(look: Look) -> Value:
    total, used = look.gpu.bar1_total, look.gpu.bar1_used
    return None if total is None or used is None else (total - used) * MIB


def _nvlink(look: Look) -> Value:
    sent, received = look.rates.get("nvlink_tx"), look.rates.get("nvlink_rx")
    return None if sent is None or received is None else (sent + received) * 1e-6


def _flag(value: bool | None) -> Value:
    return None if value is None else float(value)


def _scaled(value: float | None, scale: float) -> Value:
    return None if value is None else value * scale


MHZ, PERCENT, MIB, KB, MILLI, NANO = 1e-6, 100.0, 2.0**-20, 1e-3, 1e3, 1e9

DCGM = (
    _words(1, "DRVER", "driver_version", lambda look: look.hello.driver, 20),
    _words(2, "NVVER", "nvml_version", lambda look: look.hello.nvml, 20),
    _words(50, "DVNAM", "name", lambda look: look.device.name, 26),
    _words(52, "NVIDX", "nvml_index", lambda look: float(look.device.index), 11),
    _words(54, "UUID#", "uuid", lambda look: look.device.uuid, 46),
    _words(57, "PCBID", "pci_busid", lambda look: look.device.pci, 26),
    _fixed(66, "PMMOD", "persistance_mode", "", lambda device: _flag(device.persistence)),
    _fixed(67, "MGMOD", "mig_mode", "", lambda device: _flag(device.mig)),
    _words(85, "VBVER", "vbios_version", lambda look: look.device.vbios, 22),
    _gauge(90, "B1TTL", "bar1_total", "bar1_total", "MiB", MIB, width=11),
    _gauge(92, "B1USE", "bar1_used", "bar1_used", "MiB", MIB, width=11),
    Field(93, "B1FRE", "bar1_free", "MiB", _bar1_free, "bar1_used"),
    _gauge(100, "SMCLK", "sm_clock", "clock_sm", "MHz", MHZ, width=11),
    _gauge(101, "MMCLK", "memory_clock", "clock_memory", "MHz", MHZ, width=11),
    _gauge(102, "VICLK", "video_clock", "clock_video", "MHz", MHZ, width=11),
    Field(112, "DVCCTR", "current_clock_throttle_reasons", "bits", _events, "clock_events", width=26),
    _fixed(113, "SMMAX", "sm_max_clock", "MHz", lambda device: _scaled(device.clock_sm_max, MHZ)),
    _fixed(114, "MMMAX", "memory_max_clock", "MHz", lambda device: _scaled(device.clock_memory_max, MHZ)),
    _gauge(140, "MMTMP", "memory_temp", "temperature_memory", "C", 1.0, width=11),
    _gauge(150, "TMPTR", "gpu_temp", "temperature", "C", 1.0, width=11),
    _fixed(151, "GMMOT", "gpu_mem_max_op_temp", "C", lambda device: device.temperature_memory_max),
    _gauge(153, "GTLIMIT", "gpu_temp_tlimit", "temperature_margin", "C", 1.0, width=11),
    _gauge(155, "POWER", "power_usage", "power", "W", 1.0, digits=3),
    _gauge(156, "TOTEC", "total_energy_consumption", "energy", "mJ", MILLI, width=22),
    _gauge(157, "POWINST", "power_usage_instant", "power", "W", 1.0, digits=3),
    _fixed(158, "SDTMP", "slowdown_temp", "C", lambda device: device.temperature_slowdown),
    _fixed(159, "SHTMP", "shutdown_temp", "C", lambda device: device.temperature_shutdown),
    _gauge(160, "PMLMT", "power_management_limit", "power_limit", "W", 1.0, digits=3),
    _fixed(161, "PMMIN", "power_management_limit_min", "W", lambda device: device.power_limit_min, 3),
    _fixed(162, "PMMAX", "power_management_limit_max", "W", lambda device: device.power_limit_max, 3),
    _fixed(163, "PMDEF", "power_management_limit_default", "W", lambda device: device.power_limit_default, 3),
    _gauge(164, "EPLMT", "enforced_power_limit", "power_limit", "W", 1.0, digits=3),
    _gauge(190, "PSTAT", "pstate", "performance_state", "", 1.0, width=11),
    _gauge(191, "FANSP", "fan_speed", "fan", "%", PERCENT, width=11),
    _rate(200, "TXTPT", "pcie_tx_throughput", "pcie_tx", "KB/s", KB),
    _rate(201, "RXTPT", "pcie_rx_throughput", "pcie_rx", "KB/s", KB),
    _gauge(202, "RPCTR", "pcie_replay_counter", "pcie_replay", "#", 1.0, width=11),
    _gauge(203, "GPUTL", "gpu_utilization", "utilization", "%", PERCENT),
    _gauge(204, "MCUTL", "mem_copy_utilization", "memory_activity", "%", PERCENT),
    _gauge(206, "ECUTL", "enc_utilization", "encoder", "%", PERCENT),
    _gauge(207, "DCUTL", "dec_utilization", "decoder", "%", PERCENT),
    _gauge(240, "PVIOL", "power_violation", "held_power_cap", "ns", NANO, width=22),
    _gauge(241, "TVIOL", "thermal_violation", "held_thermal", "ns", NANO, width=22),
    _gauge(242, "", "sync_boost_violation", "held_sync_boost", "ns", NANO, width=22),
    _gauge(250, "FBTTL", "fb_total", "memory_total", "MiB", MIB),
    _gauge(251, "FBFRE", "fb_free", "memory_free", "MiB", MIB),
    _gauge(252, "FBUSD", "fb_used", "memory_used", "MiB", MIB),
    _gauge(253, "FBRSV", "fb_resv", "memory_reserved", "MiB", MIB),
    Field(254, "FBUSP", "fb_USDP", "0-1", _used_share, "memory_used", 3, 16),
    _fixed(300, "ECCUR", "ecc", "", lambda device: _flag(device.ecc)),
    _gauge(310, "ESVTL", "ecc_sbe_volatile_total", "ecc_corrected", "#", 1.0, width=11),
    _gauge(311, "EDVTL", "ecc_dbe_volatile_total", "ecc_uncorrected", "#", 1.0, width=11),
    _gauge(312, "ESATL", "ecc_sbe_aggregate_total", "ecc_corrected_lifetime", "#", 1.0, width=11),
    _gauge(313, "EDATL", "ecc_dbe_aggregate_total", "ecc_uncorrected_lifetime", "#", 1.0, width=11),
    _gauge(392, "", "retired_pages_pending", "retired_pending", "#", 1.0, width=11),
    _gauge(393, "", "uncorrectable_remapped_rows", "remapped_uncorrectable", "#", 1.0, width=11),
    _gauge(394, "", "correctable_remapped_rows", "remapped_correctable", "#", 1.0, width=11),
    _gauge(395, "", "row_remap_failure", "remap_failure", "#", 1.0, width=11),
    _gauge(396, "", "row_remap_pending", "remap_pending", "#", 1.0, width=11),
    Field(449, "", "nvlink_bandwidth_total", "MB/s", _nvlink, "nvlink_tx", 0, 16, rate=True),
    _gauge(526, "", "vgpu_license_status", "vgpu_licensed", "", 1.0, width=11),
    _gauge(1001, "GRACT", "gr_engine_active", "graphics_activity", "0-1", 1.0, digits=3),
    _gauge(1002, "SMACT", "sm_active", "sm_activity", "0-1", 1.0, digits=3),
    _gauge(1003, "SMOCC", "sm_occupancy", "sm_occupancy", "0-1", 1.0, digits=3),
    _gauge(1004, "TENSO", "tensor_active", "tensor_activity", "0-1", 1.0, digits=3),
    _gauge(1005, "DRAMA", "dram_active", "dram_activity", "0-1", 1.0, digits=3),
    _gauge(1006, "FP64A", "fp64_active", "fp64_activity", "0-1", 1.0, digits=3),
    _gauge(1007, "FP32A", "fp32_active", "fp32_activity", "0-1", 1.0, digits=3),
    _gauge(1008, "FP16A", "fp16_active", "fp16_activity", "0-1", 1.0, digits=3),
    _rate(1009, "PCITX", "pcie_tx_bytes", "pcie_tx", "B/s", 1.0),
    _rate(1010, "PCIRX", "pcie_rx_bytes", "pcie_rx", "B/s", 1.0),
    _rate(1011, "NVLTX", "nvlink_tx_bytes", "nvlink_tx", "B/s", 1.0),
    _rate(1012, "NVLRX", "nvlink_rx_bytes", "nvlink_rx", "B/s", 1.0),
)
"""Of DCGM's fields those that the driver itself tells."""
