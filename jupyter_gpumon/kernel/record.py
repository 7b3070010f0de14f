"""How a cell's record is shown and saved: text/plain, static text/html, and the record itself.

What is saved in a notebook names GPUs by index and model: no UUID, host, user, path or kernel id.
"""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from ..model import Cell
from ..units import quantity
from .tables import as_html
from .words import energy, headline, small_print, total, used

MIME = "application/vnd.gpumon.cell+json"
_MARGIN = "#0072B2"
_UNSURE = "#B26A00"


def saved(cell: Cell) -> dict[str, Any]:
    """The record as it may be kept in a notebook that is given away; what readers look for is there by name."""
    public = msgspec.structs.replace(cell, notebook=None, cell_id=None, kernel_id=None)
    record: dict[str, Any] = msgspec.to_builtins(public)
    record |= {"version": cell.version, "status": cell.status, "final": cell.final, "simulated": cell.simulated}
    for table, energies in (("energy", cell.energy), ("host_energy", cell.host_energy)):
        for name, value in energies.items():
            record[table][name]["method"] = value.method
    record["devices"] = [
        {**kept, "used": device.used} for kept, device in zip(record.get("devices", ()), cell.devices, strict=True)
    ]
    return record


def bundle(cell: Cell) -> dict[str, Any]:
    """The record for every front end, by mime type."""
    return {"text/plain": plain(cell), "text/html": html(cell), MIME: saved(cell)}


def plain(cell: Cell) -> str:
    """Two lines, each set off by what measured it."""
    title = f"{cell.title}: " if cell.title else ""
    small = small_print(cell)
    return f"gpumon │ {title}{headline(cell)}" + (f"\n       │ {small}" if small else "")


def html(cell: Cell) -> str:
    """The same, quiet enough for a notebook of a hundred cells; with several GPUs a table to unfold."""
    cost = total(cell.energy[name] for name in used(cell) if name in cell.energy)
    margin = _UNSURE if used(cell) and cost.joules is None else _MARGIN
    title = f"<b>{escape(cell.title)}</b> · " if cell.title else ""
    return (
        f'<div style="border-left: 3px solid {margin}; padding: 2px 10px; margin: 4px 0; line-height: 1.5">'
        f"<div>{title}{escape(headline(cell))}</div>"
        f'<div style="font-size: 85%; opacity: 0.7">{escape(small_print(cell))}</div>{_details(cell)}</div>'
    )


def _details(cell: Cell) -> str:
    if len(cell.devices) < 2:
        return ""
    head = ("GPU", "model", "energy", "mean power", "busy", "memory, peak")
    rows = [_row(cell, device.name, device.model, device.used) for device in cell.devices]
    return f'<details style="font-size: 85%"><summary>each GPU</summary>{as_html(head, rows, words=2)}</details>'


def _row(cell: Cell, name: str, model: str, counted: bool) -> tuple[str, ...]:
    mean, peak = cell.mean.get(name, {}), cell.peak.get(name, {})
    cost = energy(cell.energy[name]) if name in cell.energy else "—"
    return (
        name if counted else f"{name} (not used)",
        model,
        cost,
        quantity(mean.get("power"), "watts"),
        quantity(mean.get("utilization"), "ratio"),
        quantity(peak.get("memory_used"), "bytes"),
    )
