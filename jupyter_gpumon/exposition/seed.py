"""The names of two older exporters, so that what asks for them finds them; with real values, or none.

One had ``gpu_utilization_percent{device_id, device_name}``, the other ``gpu_utilization_percent{gpu_index}``: each
series carries the labels of both. Units are theirs: per cent, MHz, megabytes per second.
"""

from __future__ import annotations

from ..metrics import METRICS, Gpu, Host
from ..model import Device
from .families import Families, Labels
from .following import Following
from .growth import HOST

_PERCENT, _MEGA = 100.0, 1e-6

_GAUGES = (
    ("gpu_utilization_percent", "utilization", _PERCENT),
    ("gpu_memory_used_bytes", "memory_used", 1.0),
    ("gpu_memory_total_bytes", "memory_total", 1.0),
    # How busy the memory is, not how full: what both exporters called by these names.
    ("gpu_memory_utilization_percent", "memory_activity", _PERCENT),
    ("gpu_memory_util_percent", "memory_activity", _PERCENT),
    ("gpu_power_usage_watts", "power", 1.0),
    ("gpu_power_draw_watts", "power", 1.0),
    ("gpu_power_limit_watts", "power_limit", 1.0),
    ("gpu_sm_clock_mhz", "clock_sm", _MEGA),
    ("gpu_memory_clock_mhz", "clock_memory", _MEGA),
    ("gpu_clock_sm_mhz", "clock_sm", _MEGA),
    ("gpu_clock_memory_mhz", "clock_memory", _MEGA),
    ("gpu_clock_graphics_mhz", "clock_graphics", _MEGA),
)
"""Name, our metric, what it is multiplied by."""
_RATES = (("gpu_pcie_throughput_tx_mbps", "pcie_tx"), ("gpu_pcie_throughput_rx_mbps", "pcie_rx"))
"""Name, our counter; megabytes per second."""


def collect(found: Families, following: Following) -> None:
    """Add GPUs and host; what benchmarks and runs found is added by ``runs``."""
    for device, gpu in following.devices():
        _gpu(found, following, device, gpu)
    if following.fresh and following.sample.host is not None:
        _host(found, following, following.sample.host)


def _labels(device: Device) -> Labels:
    index = device.label.removeprefix("gpu")
    return Labels(device_id=index, device_name=device.name, gpu_index=index, uuid=device.uuid)


def _gpu(found: Families, following: Following, device: Device, gpu: Gpu) -> None:
    labels = _labels(device)
    for name, metric, scale in _GAUGES:
        value = getattr(gpu, metric)
        found.gauge(name, METRICS[metric].help).add(labels, None if value is None else round(value * scale, 6))
    for name, metric in _RATES:
        rate = following.rates.per_second(device.uuid, metric)
        found.gauge(name, f"{METRICS[metric].help} In megabytes per second.").add(
            labels, None if rate is None else round(rate * _MEGA, 6)
        )
    temperature = found.gauge("gpu_temperature_celsius", "Temperature of the core, or of the device memory.", "celsius")
    temperature.add(labels.plus(temp_type="core"), gpu.temperature)
    temperature.add(labels.plus(temp_type="mem"), gpu.temperature_memory)


def _host(found: Families, following: Following, host: Host) -> None:
    def gauge(name: str, said: str, value: float | None) -> None:
        found.gauge(name, said).add(Labels(), None if value is None else round(value, 6))

    used, total = host.memory_used, host.memory_total
    gauge("system_cpu_usage_percent", "Busy share of the CPUs.", None if host.cpu is None else host.cpu * _PERCENT)
    full = None if used is None or not total else used / total * _PERCENT
    gauge("system_dram_usage_percent", "Used share of the host's memory.", full)
    for part, name in (("cpu", "CPU packages"), ("dram", "memory")):
        power = following.rates.per_second(HOST, f"{part}_energy")
        gauge(f"system_{part}_power_draw_watts", f"Power of the host's {name}, by RAPL.", power)
