"""``%gpumon report``: every cell that was measured in this kernel, and their sum."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..model import Cell, Energy
from ..units import duration
from . import completion
from .show import Shown
from .tables import as_html, as_text
from .words import cost, energy, total, used

_HEAD = ("when", "what", "took", "energy", "status")


def show() -> None:
    """Show it."""
    cells = sorted(completion.done, key=lambda cell: cell.start)
    if not cells:
        Shown().draw(
            {"text/plain": "No cell has been measured yet: begin one with %%gpumon, or use %gpumon summary on."}
        )
        return
    rows = [*(_row(cell) for cell in cells), _sum(cells)]
    Shown().draw({"text/plain": as_text(_HEAD, rows, words=2), "text/html": as_html(_HEAD, rows, words=2)})


def _row(cell: Cell) -> tuple[str, ...]:
    return (
        time.strftime("%H:%M:%S", time.localtime(cell.start)),
        _name(cell),
        duration(cell.duration),
        cost(cell),
        f"{cell.status}, simulated" if cell.simulated else cell.status,
    )


def _name(cell: Cell) -> str:
    number = f"[{cell.count}]" if cell.count else ""
    return f"{number} {cell.title}".strip() or "—"


def _sum(cells: list[Cell]) -> tuple[str, ...]:
    """All of it. A cell inside another (``measure()`` in a cell) is in both lines, and once in the sum."""
    outer = [cell for cell in cells if not any(_within(cell, other) for other in cells)]
    parts = [cell.energy[name] for cell in outer for name in used(cell) if name in cell.energy]
    return "", f"{len(outer)} in all", duration(sum(cell.duration for cell in outer)), _whole(outer, parts), ""


def _whole(cells: list[Cell], parts: list[Energy]) -> str:
    if parts:
        return energy(altogether(parts))
    return "no GPU used" if any(cell.devices for cell in cells) else "not measured"


def altogether(parts: Iterable[Energy]) -> Energy:
    """The sum for a report. A part that is only bounded lies somewhere between 0 and its bound: it widens the interval
    of the sum, and does not take away its number."""
    return total(_middle(part) for part in parts)


def _middle(part: Energy) -> Energy:
    if part.joules is not None or part.high is None:
        return part
    low = part.low or 0.0
    return Energy(joules=(low + part.high) / 2, low=low, high=part.high, method=part.method, final=part.final)


def _within(cell: Cell, other: Cell) -> bool:
    return other is not cell and other.start <= cell.start and cell.end <= other.end and other.duration > cell.duration
