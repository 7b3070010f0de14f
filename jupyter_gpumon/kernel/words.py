"""What a cell's record says, as the words of its badge: one line for everybody, a second for a careful reader."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Cell, Energy
from ..units import duration, quantity

_METHODS = {"counter": "energy counter", "power": "integral of power readings", "rapl": "RAPL", "estimate": "estimate"}
_HELD = {
    "held_power_cap": "power cap",
    "held_thermal": "heat",
    "held_hw_thermal": "heat (hardware)",
    "held_power_brake": "power brake",
    "held_sync_boost": "sync boost",
}
_UNRESOLVED = 3.0
"""Highest over lowest possible energy from which on a single number would pretend (energy.md §3.6)."""


def used(cell: Cell) -> list[str]:
    """Names of the devices that count in the cell's totals."""
    return [device.name for device in cell.devices if device.used]


def total(parts: Iterable[Energy]) -> Energy:
    """The sum of energies; ``joules`` is None where one of them is not resolved, ``high`` where one is unknown."""
    parts = list(parts)
    return Energy(
        joules=_sum(e.joules for e in parts),
        low=_sum(e.joules if e.low is None else e.low for e in parts),
        high=_sum(e.joules if e.high is None else e.high for e in parts),
        method=parts[0].method if parts else "counter",
        final=all(e.final for e in parts),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if not known or None in known else sum(value for value in known if value is not None)


def energy(value: Energy) -> str:
    """``4.13 kJ ±0.6 %``, or ``≤ 18.0 J``, or "energy unknown"; never 0."""
    low, high = value.low, value.high
    if value.joules is not None and not value.final and value.method == "power":
        return f"about {quantity(value.joules, 'joules')}"
    if value.joules is None:
        return "energy unknown" if high is None else f"≤ {quantity(high, 'joules')}"
    if low is None or high is None or high <= low:
        return quantity(value.joules, "joules")
    if high > _UNRESOLVED * low:
        return f"≤ {quantity(high, 'joules')}"
    return f"{quantity(value.joules, 'joules')} ±{_percent((high - low) / 2 / value.joules)}"


def _percent(ratio: float) -> str:
    percent = ratio * 100
    return f"{percent:.2g} %" if percent < 10 else f"{percent:.0f} %"


def cost(cell: Cell) -> str:
    """What the devices that count have used; where no device is known, why nothing was measured."""
    if not cell.devices:
        reason = cell.notes[0] if cell.notes else "no GPU is known here"
        return f"not measured: {reason.rstrip('.')}"
    names = used(cell)
    return energy(total(cell.energy[name] for name in names if name in cell.energy)) if names else "no GPU used"


def headline(cell: Cell) -> str:
    """What the cell cost, in one line."""
    names = used(cell)
    parts = [cost(cell), duration(cell.duration)]
    if names:
        parts += [*_power(cell, names), *_memory(cell, names), *_busy(cell, names)]
    if len(names) > 1:
        parts.append(f"{len(names)} GPUs")
    return " · ".join(parts)


def _values(part: dict[str, dict[str, float]], names: list[str], metric: str) -> list[float]:
    return [part[name][metric] for name in names if metric in part.get(name, {})]


def _power(cell: Cell, names: list[str]) -> Iterable[str]:
    mean, peak = _values(cell.mean, names, "power"), _values(cell.peak, names, "power")
    if mean:
        # The peaks of several GPUs need not coincide: their sum would be a power that never was.
        top = f", peak {quantity(peak[0], 'watts')}" if len(names) == 1 and peak else ""
        yield f"mean {quantity(sum(mean), 'watts')}{top}"


def _memory(cell: Cell, names: list[str]) -> Iterable[str]:
    peak, rise = _values(cell.peak, names, "memory_used"), _values(cell.rise, names, "memory_used")
    if peak:
        grown = f" (+{quantity(sum(rise), 'bytes')})" if sum(rise) > 0 else ""
        yield f"{quantity(sum(peak), 'bytes')} peak{grown}"


def _busy(cell: Cell, names: list[str]) -> Iterable[str]:
    busy = _values(cell.mean, names, "utilization")
    if busy:
        yield f"{quantity(sum(busy) / len(busy), 'ratio')} busy"


def small_print(cell: Cell) -> str:
    """What a careful reader must know: what held it back, by which method, with whom it was shared, what is missing."""
    parts = [] if cell.final else ["being completed"]
    if cell.simulated:
        parts.append("simulated")
    if cell.status != "ok":
        parts.append({"error": "ended with an error", "interrupted": "interrupted"}.get(cell.status, cell.status))
    parts += [*_held(cell), *_method(cell), *_host(cell), *_company(cell)]
    notes = cell.notes if cell.devices else cell.notes[1:]  # the first is in the headline then
    return " · ".join([*parts, *notes])


def _held(cell: Cell) -> Iterable[str]:
    for metric, word in _HELD.items():
        longest = max(_values(cell.delta, used(cell), metric), default=0.0)
        if longest >= 0.05:
            yield f"{word} held it back for {duration(longest)}"


def _method(cell: Cell) -> Iterable[str]:
    names = used(cell)
    methods = sorted({cell.energy[name].method for name in names if name in cell.energy})
    periods = [device.counter_period for device in cell.devices if device.used and device.counter_period]
    for method in methods:
        period = f", {duration(max(periods))}" if method == "counter" and periods else ""
        yield f"{_METHODS.get(method, method)}{period}"
    unresolved = [cell.energy[name] for name in names if name in cell.energy and cell.energy[name].joules is None]
    if any(value.high is None for value in unresolved):
        yield "no reading of the energy counter near it"
    elif unresolved:
        yield "too short for the counter to resolve"
    if cell.waited >= 0.05:
        yield f"{duration(cell.waited)} of it waiting for the GPU"


def _host(cell: Cell) -> Iterable[str]:
    if cell.host_energy:
        yield f"CPU and memory {energy(total(cell.host_energy.values()))}"


def _company(cell: Cell) -> Iterable[str]:
    others = max((cell.shared.get(name, 0) for name in used(cell)), default=0)
    if others:
        yield f"shared with {others} other process{'es' if others > 1 else ''}: theirs is in these numbers"
