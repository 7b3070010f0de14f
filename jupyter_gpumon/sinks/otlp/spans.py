"""A measured cell, or a block within one, as a span: what it cost and held, still without OpenTelemetry's SDK.

The ids are made of the record's own, so that what is nested finds its parent's span without anybody having to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from ...energy.sums import total
from ...model import Cell, CellDevice, Energy
from .points import nanoseconds

Value = str | bool | int | float | Sequence[str] | Sequence[float] | Sequence[int]


@dataclass(frozen=True)
class Span:
    """What a span holds."""

    name: str
    trace: int
    """128 bits: of the outermost measurement."""
    id: int
    """64 bits."""
    parent: int | None
    start: int
    end: int
    attributes: Mapping[str, Value]
    error: str
    """How it failed; empty where it did not."""


def span(cell: Cell) -> Span:
    """The span of a record."""
    path = (*cell.within, cell.id)
    return Span(
        name=name(cell),
        trace=_id(path[0], 16),
        id=_id(cell.id, 8),
        parent=_id(path[-2], 8) if len(path) > 1 else None,
        start=nanoseconds(cell.start),
        end=nanoseconds(cell.end),
        attributes=attributes(cell),
        error="" if cell.status == "ok" else cell.status,
    )


def name(cell: Cell) -> str:
    """Its title, or which cell of the notebook it was."""
    return cell.title or (f"cell [{cell.count}]" if cell.count is not None else "cell")


def _id(key: str, size: int) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=size).digest(), "big")


def attributes(cell: Cell) -> dict[str, Value]:
    """Energy, memory, and where it ran; what is not known is left out."""
    known: dict[str, Value | None] = {
        **cell.attributes,
        **_energy(cell),
        "gpumon.cell.id": cell.id,
        "gpumon.cell.count": cell.count,
        "gpumon.notebook": cell.notebook,
        "gpumon.kernel.id": cell.kernel_id,
        "gpumon.simulated": cell.simulated or None,
        "gpumon.xids": cell.xids or None,
        "gpumon.notes": cell.notes or None,
        **_memory(cell),
        **{f"gpumon.count.{unit}": number for unit, number in cell.counts.items()},
        **{f"gpumon.metric.{name}": number for name, number in cell.metrics.items()},
        **_footprint(cell),
    }
    return {key: value for key, value in known.items() if value is not None}


def _used(cell: Cell) -> list[CellDevice]:
    return [device for device in cell.devices if device.used]


def _energy(cell: Cell) -> dict[str, Value | None]:
    """Of all GPUs together, and of each."""
    used = [device for device in _used(cell) if device.name in cell.energy]
    parts = [cell.energy[device.name] for device in used]
    if not parts:
        return {}
    # What is only estimated is not added to what was measured.
    measured = [part for part in parts if part.method != "estimate"] or parts
    alone = [cell.exclusive[device.name] for device in used if device.name in cell.exclusive]
    return {
        **_amount("gpumon.energy", total(measured)),
        "gpumon.energy.exclusive": total(alone).joules if len(alone) == len(used) else None,
        "gpumon.gpu.names": [device.name for device in used],
        "gpumon.gpu.models": [device.model for device in used],
        "gpumon.gpu.energies": whole([part.joules for part in parts]),
    }


def _amount(key: str, energy: Energy) -> dict[str, Value | None]:
    return {
        key: energy.joules,
        f"{key}.low": energy.low,
        f"{key}.high": energy.high,
        f"{key}.net": energy.net,
        f"{key}.method": energy.method,
    }


def _memory(cell: Cell) -> dict[str, Value | None]:
    """The most that was allocated, of the GPU that had the most, and of each."""
    peaks = [cell.peak.get(device.name, {}).get("memory_used") for device in _used(cell)]
    known = [peak for peak in peaks if peak is not None]
    return {"gpumon.memory.peak": max(known, default=None), "gpumon.gpu.memory.peaks": whole(peaks)}


def whole(values: list[float | None]) -> list[float] | None:
    """The list where all of it is known: OpenTelemetry has no gaps in one."""
    known = [value for value in values if value is not None]
    return known if known and len(known) == len(values) else None


def _footprint(cell: Cell) -> dict[str, Value | None]:
    found = cell.footprint
    if found is None:
        return {}
    return {
        "gpumon.co2.grams": found.grams,
        "gpumon.co2.region": found.region or None,
        "gpumon.cost": found.cost,
        "gpumon.cost.currency": found.currency or None,
    }
