"""``%gpumon report``: every cell that was measured in this kernel, and their sum."""

from __future__ import annotations

import time

from ..model import Cell
from ..units import duration
from . import completion
from .show import Shown
from .tables import as_html, as_text
from .words import energy, total, used

_HEAD = ("when", "what", "took", "energy", "status")


def show() -> None:
    """Show it."""
    cells = list(completion.done)
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
        _cost(cell),
        cell.status,
    )


def _name(cell: Cell) -> str:
    number = f"[{cell.count}]" if cell.count else ""
    return f"{number} {cell.title}".strip() or "—"


def _cost(cell: Cell) -> str:
    names = [name for name in used(cell) if name in cell.energy]
    return energy(total(cell.energy[name] for name in names)) if names else "no GPU used"


def _sum(cells: list[Cell]) -> tuple[str, ...]:
    """All of it. A cell inside another (``measure()`` in a cell) is in both lines, and once in the sum."""
    outer = [cell for cell in cells if not any(_within(cell, other) for other in cells)]
    parts = [cell.energy[name] for cell in outer for name in used(cell) if name in cell.energy]
    cost = energy(total(parts)) if parts else "no GPU used"
    return "", f"{len(outer)} in all", duration(sum(cell.duration for cell in outer)), cost, ""


def _within(cell: Cell, other: Cell) -> bool:
    return other is not cell and other.start <= cell.start and cell.end <= other.end and other.duration > cell.duration
