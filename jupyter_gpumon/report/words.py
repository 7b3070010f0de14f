"""What a cell's record says, as the words of its badge: one line for everybody, a second for a careful reader."""

from __future__ import annotations

from collections.abc import Iterable

from ..carbon import footprint
from ..energy.sums import total
from ..model import Cell, Energy, Repeats
from ..units import duration, quantity
from .amounts import ESTIMATE, Charge, charge, energy, net, percent, resolved, used
from .method import METHODS
from .preference import said

_HELD = {
    "held_power_cap": "power cap",
    "held_thermal": "heat",
    "held_hw_thermal": "heat (hardware)",
    "held_power_brake": "power brake",
    "held_sync_boost": "sync boost",
}
_ENDINGS = {
    "error": "ended with an error",
    "interrupted": "interrupted",
    "incomplete": "incomplete: its kernel ended before it",
}
_ID = 12
"""Characters from which on a name is a cell's id, which tells a reader nothing."""
_NOTABLE = 0.05
"""Seconds below which being held back or waiting is not worth a word."""


def cost(cell: Cell) -> str:
    """What the devices that count have used; where no device is known, why nothing was measured."""
    if not cell.devices:
        reason = cell.notes[0] if cell.notes else "no GPU is known here"
        return f"not measured: {reason.rstrip('.')}"
    if not used(cell):
        return "no GPU used"
    return _cost(charge(cell))


def _cost(costs: Charge) -> str:
    if costs.measured is None or costs.estimated is None:
        return energy(costs.whole)
    return f"{energy(costs.measured)} and apart from it {energy(costs.estimated)}"


def headline(cell: Cell) -> str:
    """What the cell cost, in one line."""
    names = used(cell)
    if cell.repeats is not None:
        parts = [*_repeated(cell.repeats), *_memory(cell, names)]
    else:
        costs = charge(cell) if names else None
        first = [_cost(costs), net(costs.whole)] if costs else [cost(cell)]
        parts = [*first, duration(cell.duration), *_per_unit(cell)]
        parts += [*_power(cell, names), *_memory(cell, names), *_busy(cell, names)] if names else []
    if len(names) > 1:
        parts.append(f"{len(names)} GPUs")
    parts += [f"{name} {_number(value)}" for name, value in cell.metrics.items()]
    return " · ".join(part for part in parts if part)


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def _repeated(found: Repeats) -> Iterable[str]:
    yield f"{per_run(found)} per run"
    if found.deviation is not None:
        yield f"sd {said(found.deviation)}"
    yield f"{duration(found.seconds)} per run"
    yield f"{found.runs} runs" + (f" in {len(found.joules)} windows" if found.batch > 1 else "")


def per_run(found: Repeats) -> str:
    """``1.23 J ±0.8 %``: the mean of the runs, with the interval that holds it with a likelihood of 95 %."""
    return energy(Energy(joules=found.mean, low=found.low, high=found.high))


def _per_unit(cell: Cell) -> Iterable[str]:
    """``2.15 mJ per token``, for all that was counted."""
    whole = charge(cell).whole if cell.counts else Energy()
    for unit, number in cell.counts.items():
        if whole.joules is not None and resolved(whole) and number > 0:
            yield f"{said(whole.joules / number)} per {unit}"


def _values(part: dict[str, dict[str, float]], names: list[str], metric: str) -> list[float]:
    return [part[name][metric] for name in names if metric in part.get(name, {})]


def _power(cell: Cell, names: list[str]) -> Iterable[str]:
    mean, peak = _values(cell.mean, names, "power"), _values(cell.peak, names, "power")
    if mean:
        yield f"mean {quantity(sum(mean), 'watts')}"
    # The peaks of several GPUs need not coincide: their sum would be a power that never was.
    if mean and peak and len(names) == 1:
        yield f"peak {quantity(peak[0], 'watts')}"


def _memory(cell: Cell, names: list[str]) -> Iterable[str]:
    peak, rise = _values(cell.peak, names, "memory_used"), _values(cell.rise, names, "memory_used")
    if peak:
        grown = f" (+{quantity(sum(rise), 'bytes')})" if sum(rise) > 0 else ""
        yield f"{quantity(sum(peak), 'bytes')} peak{grown}"


def _busy(cell: Cell, names: list[str]) -> Iterable[str]:
    busy = _values(cell.mean, names, "utilization")
    if busy:
        yield f"{quantity(sum(busy) / len(busy), 'ratio')} busy"


def advice(cell: Cell) -> str:
    """``advice: The GPU waits for its input; … · %gpumon advise``; empty where there is none."""
    titles = dict.fromkeys(finding.title for finding in cell.findings)
    return f"advice: {'; '.join(titles)} · %gpumon advise" if titles else ""


def small_print(cell: Cell) -> str:
    """What a careful reader must know: what held it back, by which method, with whom it was shared, what is missing."""
    parts = [] if cell.final else ["being completed"]
    if cell.simulated:
        parts.append("simulated")
    if cell.status != "ok":
        parts.append(_ENDINGS.get(cell.status, cell.status))
    parts += [*_held(cell), *_method(cell), *_around(cell), *_host(cell), *_company(cell)]
    if cell.footprint is not None:
        parts.append(footprint.words(cell.footprint))
    notes = cell.notes if cell.devices else cell.notes[1:]  # the first is in the headline then
    return " · ".join(part for part in (*parts, *notes) if part)


def _held(cell: Cell) -> Iterable[str]:
    for metric, word in _HELD.items():
        longest = max(_values(cell.delta, used(cell), metric), default=0.0)
        if longest >= _NOTABLE:
            yield f"{word} held it back for {duration(longest)}"


def _method(cell: Cell) -> Iterable[str]:
    names = used(cell)
    methods = sorted({cell.energy[name].method for name in names if name in cell.energy})
    periods = [device.counter_period for device in cell.devices if device.used and device.counter_period]
    for method in methods:
        period = f", {duration(max(periods))}" if method == "counter" and periods else ""
        yield f"{METHODS.get(method, method)}{period}"
    unresolved = [cell.energy[name] for name in names if name in cell.energy and cell.energy[name].joules is None]
    if any(value.high is None for value in unresolved):
        yield "no reading of the energy counter near it"
    elif unresolved:
        yield "too short for the counter to resolve"
    if cell.waited >= _NOTABLE:
        yield f"{duration(cell.waited)} of it waiting for the GPU"


def _around(cell: Cell) -> Iterable[str]:
    """What was drawn after the code had returned: within the window, and after it."""
    tail = charge(cell).whole.tail if cell.waited >= _NOTABLE else None
    late = total(cell.background.values()).joules if cell.background else None
    if tail:
        yield f"{said(tail)} of it after the code had returned"
    if late:
        yield f"{said(late)} more after it, by what it left running"


def _host(cell: Cell) -> Iterable[str]:
    for kinds in (
        [v for v in cell.host_energy.values() if (v.method == ESTIMATE) is estimated] for estimated in (0, 1)
    ):
        if kinds:
            yield f"CPU and memory {energy(total(kinds))}"


def _company(cell: Cell) -> Iterable[str]:
    others = max((cell.shared.get(name, 0) for name in used(cell)), default=0)
    known = charge(cell).whole
    apart = [f"{said(known.others)} charged to others" if known.others else ""]
    apart.append(f"{said(known.unattributed)} to nobody" if known.unattributed else "")
    charged = ", ".join(part for part in apart if part)
    if others:
        theirs = f"{charged}, not in these numbers" if charged else "theirs is in these numbers"
        yield f"shared with {others} other process{'es' if others > 1 else ''}: {theirs}"
    elif charged:
        yield charged
    kernels = [name for name in cell.corunning if len(name) < _ID]
    cells = len(cell.corunning) - len(kernels)
    told = [*kernels, *([f"{cells} other cell{'s' if cells > 1 else ''} of this notebook"] if cells else [])]
    if told:
        yield f"ran beside {', '.join(told)}"


__all__ = ["cost", "energy", "headline", "per_run", "percent", "small_print", "total", "used"]
