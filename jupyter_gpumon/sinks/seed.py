"""The columns of an energy tool many scripts read (ECM-Tool, 2025), exactly: 15 of its first version, 18 of its last.

Values are numbers in that tool's units (W, %, °C, MHz) where it wrote text such as ``54.17 W``; unknown is empty where
it wrote ``N/A``. Its time is local, here to the millisecond, so that no two samples look the same. Its ``sm`` is what
``nvidia-smi dmon`` calls so: the share of time in which a kernel ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ..model import Device, Gpu, Hello, Host, Sample
from .table import Value

_COMMON = (
    "utilization_gpu", "utilization_memory", "pcie_link_gen_current", "pcie_link_width_current", "temperature_gpu",
    "temperature_memory",
)  # fmt: skip
FORMATS: dict[str, tuple[str, ...]] = {
    "15": (
        *("timestamp", "task_name", "cpu_usage", "gpu_name", "gpu_index", "power_draw"),
        *_COMMON,
        *("sm", "clocks_gr", "clocks_mem"),
    ),
    "18": (
        *("timestamp", "task_name", "cpu_usage", "cpu_power_draw", "dram_usage", "dram_power_draw"),
        *("gpu_name", "gpu_index", "gpu_power_draw"),
        *_COMMON,
        *("clocks_gr", "clocks_mem", "clocks_sm"),
    ),
}
"""Which format → its header."""

HELD = 35.0
"""Seconds for which a link's state, read every 15 s, is told again: the tool looked at all values at once."""


class SeedTable:
    """Rows of one of the formats.

    Args:
        seed: which: 15 or 18.
        run: the task's name.
    """

    def __init__(self, seed: str, run: str = "") -> None:
        self.names = FORMATS[seed]
        self._run = run
        self._devices: dict[str, Device] = {}
        self._held: dict[tuple[str, str], tuple[float, float]] = {}
        self._host: dict[str, Value] = {}
        self._energies: dict[str, tuple[float, float]] = {}

    def greet(self, hello: Hello) -> None:
        """Take which devices there are."""
        self._devices.update({device.uuid: device for device in hello.devices})

    def rows(self, sample: Sample) -> Iterator[tuple[Value, ...]]:
        """A row per board; MIG instances, which the tool did not know, are left out."""
        if sample.host is not None:
            self._host.update(self._of_host(sample.host, sample.mono))
        for gpu in sample.gpus:
            device = self._devices.get(gpu.uuid)
            if device is not None and device.parent is None:
                known = {**self._labels(sample, device), **self._host, **self._of_gpu(gpu, sample.mono)}
                yield tuple(known.get(name) for name in self.names)

    def _labels(self, sample: Sample, device: Device) -> dict[str, Value]:
        at = datetime.fromtimestamp(sample.time).isoformat(" ", "milliseconds")
        return {"timestamp": at, "task_name": self._run, "gpu_name": device.name, "gpu_index": float(device.index)}

    def _of_host(self, host: Host, mono: float) -> dict[str, Value]:
        used, total = host.memory_used, host.memory_total
        return {
            "cpu_usage": _percent(host.cpu),
            "cpu_power_draw": self._watts("cpu", host.cpu_energy, mono),
            "dram_usage": _percent(used / total if used is not None and total else None),
            "dram_power_draw": self._watts("dram", host.dram_energy, mono),
        }

    def _watts(self, of: str, joules: float | None, mono: float) -> float | None:
        """Mean power since the sample before, from the energy counter: no window of its own is slept through."""
        before = self._energies.pop(of, None)
        if joules is None:
            return None
        self._energies[of] = (joules, mono)
        if before is None or mono <= before[1] or joules < before[0]:
            return None
        return round((joules - before[0]) / (mono - before[1]), 2)

    def _of_gpu(self, gpu: Gpu, mono: float) -> dict[str, Value]:
        return {
            "power_draw": _rounded(gpu.power),
            "gpu_power_draw": _rounded(gpu.power),
            "utilization_gpu": _percent(gpu.utilization),
            "utilization_memory": _percent(gpu.memory_activity),
            "pcie_link_gen_current": self._last(gpu, "pcie_gen", mono),
            "pcie_link_width_current": self._last(gpu, "pcie_width", mono),
            "temperature_gpu": gpu.temperature,
            "temperature_memory": gpu.temperature_memory,
            "sm": _percent(gpu.utilization),
            "clocks_gr": _megahertz(gpu.clock_graphics),
            "clocks_mem": _megahertz(gpu.clock_memory),
            "clocks_sm": _megahertz(gpu.clock_sm),
        }

    def _last(self, gpu: Gpu, name: str, mono: float) -> float | None:
        value: float | None = getattr(gpu, name)
        if value is not None:
            self._held[gpu.uuid, name] = (value, mono)
        held, at = self._held.get((gpu.uuid, name), (None, 0.0))
        return held if 0 <= mono - at <= HELD else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio * 100, 2)


def _megahertz(hertz: float | None) -> float | None:
    return None if hertz is None else round(hertz / 1e6, 2)
