"""How a number came about, in sentences for whoever publishes it: sensor, interval, idle share, scale, carbon, cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..energy.sensors import SCALE_CAVEAT
from ..energy.trust import sentence
from ..model import Cell, CellDevice
from ..units import duration
from .amounts import used

METHODS = {"counter": "energy counter", "power": "integral of power readings", "rapl": "RAPL", "estimate": "estimate"}

INTERVAL = (
    "± is half the interval that holds the true value with a likelihood of 95 %; "
    "“≤” is said where the highest possible value is more than three times the lowest."
)
NET = "Net is what was used less what the GPU would have drawn in that time without work."


def sensor(device: CellDevice) -> str:
    """``counter, 100 ms, agrees with power within 0.4 %``; with the reason where the counter is not what is used."""
    if device.sensor is None and device.counter_period:
        return f"counter, {duration(device.counter_period)}"
    return sentence(device.sensor)


def sensors(cells: Iterable[Cell]) -> list[str]:
    """The sensor of every kind of board that counted, each once: ``NVIDIA H200: counter, 100 ms, …``."""
    found = dict.fromkeys(f"{d.model}: {sensor(d)}" for cell in cells for d in cell.devices if d.used)
    return list(found)


def warnings(cells: Iterable[Cell]) -> list[str]:
    """What widens an interval or could hide an error, each once."""
    values = (cell.energy[name] for cell in cells for name in used(cell) if name in cell.energy)
    return list(dict.fromkeys(value.warning for value in values if value.warning))


def statement(cells: Sequence[Cell]) -> list[str]:
    """What stands under a table of energies so that it can be cited."""
    parts = [f"Measured by: {'; '.join(sensors(cells))}."] if sensors(cells) else []
    if any(cell.simulated for cell in cells):
        parts.append("The GPUs are simulated.")
    if any(value.method == "estimate" for cell in cells for value in cell.energy.values()):
        parts.append("Estimates are listed as such and are in no measured sum.")
    return [*parts, INTERVAL, NET, *(f"{capital(warning)}." for warning in warnings(cells)), SCALE_CAVEAT]


def capital(words: str) -> str:
    """The same as the beginning of a sentence."""
    return words[:1].upper() + words[1:]
