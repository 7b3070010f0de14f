"""How a cell's record is shown and saved: text/plain, static text/html, and the record itself.

What is saved in a notebook names GPUs by index and model: no UUID, host, user, path or kernel id.
"""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from ..carbon import footprint
from ..energy.sums import total
from ..model import Cell, CellDevice, Energy
from ..units import quantity
from . import method
from .amounts import between, charge, energy, half, used
from .preference import said
from .tables import as_html, filled, sentences
from .words import advice, headline, small_print

MIME = "application/vnd.gpumon.cell+json"
_MARGIN = "#0072B2"
_UNSURE = "#B26A00"
_HEAD = (
    "GPU", "model", "energy", "certainly", "idle share", "net", "after the code", "of others", "of nobody",
    "background", "mean power", "busy", "memory, peak",
)  # fmt: skip


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
    lines = headline(cell), small_print(cell)
    return {"text/plain": _plain(cell, *lines), "text/html": _html(cell, *lines), MIME: saved(cell)}


def plain(cell: Cell) -> str:
    """Two lines, each set off by what measured it."""
    return _plain(cell, headline(cell), small_print(cell))


def _plain(cell: Cell, line: str, small: str) -> str:
    title = f"{cell.title}: " if cell.title else ""
    trace = f"trace: {cell.trace}" if cell.trace else ""
    lines = [f"gpumon │ {title}{line}", *(f"       │ {more}" for more in (small, advice(cell), trace) if more)]
    return "\n".join(lines)


def _html(cell: Cell, line: str, small: str) -> str:
    """The same, quiet enough for a notebook of a hundred cells; where it was measured, with the details to unfold."""
    margin = _UNSURE if used(cell) and charge(cell).whole.joules is None else _MARGIN
    title = f"<b>{escape(cell.title)}</b> · " if cell.title else ""
    return (
        f'<div style="border-left: 3px solid {margin}; padding: 2px 10px; margin: 4px 0; line-height: 1.5">'
        f"<div>{title}{escape(line)}</div>"
        f'<div style="font-size: 85%; opacity: 0.7">{escape(small)}</div>{_advice(cell)}{_trace(cell)}'
        f"{_details(cell) if cell.final else ''}</div>"
    )


def _trace(cell: Cell) -> str:
    """A link to the profiler's file, which stays beside the notebook."""
    if not cell.trace:
        return ""
    link = f'<a href="{escape(cell.trace, quote=True)}">{escape(cell.trace)}</a>'
    return f'<div style="font-size: 85%">trace: {link} (ui.perfetto.dev or chrome://tracing shows it)</div>'


def _advice(cell: Cell) -> str:
    said = advice(cell)
    return f'<div style="font-size: 85%; color: {_UNSURE}">{escape(said)}</div>' if said else ""


def _details(cell: Cell) -> str:
    if not cell.devices:
        return ""
    rows = [_row(cell, device) for device in cell.devices]
    if len(used(cell)) > 1:
        rows.append(_sum(cell))
    head, filled_rows = filled(_HEAD, rows, kept=3)
    page = as_html(head, filled_rows, words=2) + _repeats(cell) + sentences(method.statement([cell]) + _footing(cell))
    return f'<details style="font-size: 85%"><summary>details</summary>{page}</details>'


def _footing(cell: Cell) -> list[str]:
    return [] if cell.footprint is None else [method.capital(footprint.statement(cell.footprint))]


def _row(cell: Cell, device: CellDevice) -> tuple[str, ...]:
    mean, peak = cell.mean.get(device.name, {}), cell.peak.get(device.name, {})
    return (
        device.name if device.used else f"{device.name} (not used)",
        device.model,
        *_parts(cell.energy.get(device.name), cell.background.get(device.name)),
        quantity(mean.get("power"), "watts"),
        quantity(mean.get("utilization"), "ratio"),
        quantity(peak.get("memory_used"), "bytes"),
    )


def _parts(value: Energy | None, background: Energy | None) -> tuple[str, ...]:
    """An energy and where it went: a column each, an em dash where nothing is known."""
    if value is None:
        return ("—",) * 8
    spread = half(value)
    net = said(value.net) + (f" ± {said(spread)}" if spread and value.net is not None else "")
    return (
        energy(value),
        between(value.least, value.most),
        said(value.idle),
        net,
        said(value.tail),
        said(value.others),
        said(value.unattributed),
        "—" if background is None else energy(background),
    )


def _sum(cell: Cell) -> tuple[str, ...]:
    costs = charge(cell)
    late = total(cell.background.values()) if cell.background else None
    return ("together", "", *_parts(costs.measured, late), *("",) * 3)


def _repeats(cell: Cell) -> str:
    """What each window of a repeated cell gave."""
    if cell.repeats is None or not cell.repeats.joules:
        return ""
    values = ", ".join(said(joules) for joules in cell.repeats.joules)
    return f"<div>Per run, window by window: {escape(values)}</div>"
