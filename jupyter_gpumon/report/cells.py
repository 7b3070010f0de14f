"""Measured cells as a table: a row each, their sum with every joule once, and how the numbers came about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from ..carbon import footprint
from ..energy.sums import placed, total
from ..errors import GpuMonError
from ..model import Cell, Energy, Footprint
from ..units import duration
from . import method
from .amounts import Charge, charge, charge_of, energy, net, resolved, used
from .tables import filled
from .words import cost

_HEAD = ("when", "what", "took", "energy", "net", "footprint", "status")


class OrderError(GpuMonError):
    """A table cannot be sorted so; the text names how it can."""


def joules_of(cell: Cell) -> float:
    """What it cost; 0 where nothing is known."""
    return charge_together([cell]).whole.joules or 0.0


ORDERS: dict[str, Callable[[Cell], float | str]] = {
    "start": lambda cell: cell.start,
    "energy": lambda cell: -joules_of(cell),
    "net": lambda cell: -(charge(cell).whole.net or 0.0),
    "duration": lambda cell: -cell.duration,
    "title": lambda cell: name(cell).casefold(),
}
"""Name of an order → what a table of cells is sorted by: the greatest first, except for time and title."""


def ordered(cells: Iterable[Cell], order: str = "") -> list[Cell]:
    """Cells in this order; by start where none is named.

    Raises:
        OrderError: there is no such order.
    """
    if order and order not in ORDERS:
        raise OrderError(f"--sort takes {', '.join(ORDERS)}; not {order!r}.")
    return sorted(cells, key=ORDERS[order or "start"])


def table(cells: Sequence[Cell]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """A row per cell and one for their sum; columns of which nothing is known are left out."""
    head, rows = filled(_HEAD, [*(_row(cell) for cell in cells), _sum(cells)], kept=4)
    return head, list(rows)


def stated(cells: Sequence[Cell]) -> list[str]:
    """Method and provenance, in sentences."""
    whole = footprint_of(cells)
    said = [] if whole is None else [method.capital(footprint.statement(whole))]
    return [*method.statement(cells), *said]


def footprint_of(cells: Iterable[Cell]) -> Footprint | None:
    """Carbon and cost of these cells together, each joule once; where only a bound is known, as for energies."""
    return footprint.total(footprint.told(cell.footprint, _charged(cell)) for cell in outer(cells))


def _charged(cell: Cell) -> list[Energy]:
    """The energies of the devices that count, ready for a sum."""
    return [placed(cell.energy[name]) for name in used(cell) if name in cell.energy]


def _row(cell: Cell) -> tuple[str, ...]:
    status = [cell.status, "simulated" if cell.simulated else ""]
    return (
        time.strftime("%H:%M:%S", time.localtime(cell.start)),
        name(cell),
        duration(cell.duration),
        cost(cell),
        net(charge(cell).whole).removeprefix("net "),
        "" if cell.footprint is None else _short(cell.footprint),
        ", ".join(word for word in status if word),
    )


def _short(value: Footprint) -> str:
    """Carbon and cost without their provenance, which stands below the table."""
    words = footprint.words(value)
    return " · ".join(part.split(" (")[0] for part in words.split(" · "))


def name(cell: Cell) -> str:
    """``[3] title``."""
    number = f"[{cell.count}]" if cell.count else ""
    return f"{number} {cell.title}".strip() or "—"


def outer(cells: Iterable[Cell]) -> list[Cell]:
    """Those that are not within another: a ``measure()`` block in a measured cell is in both lines, once in a sum."""
    cells = list(cells)
    return [cell for cell in cells if not any(_within(cell, other) for other in cells)]


def charge_together(cells: Iterable[Cell]) -> Charge:
    """What cells that are not within one another have cost, measured and estimated apart.

    A part that is only bounded lies somewhere between 0 and its bound: it widens the interval of the sum, and does not
    take away its number.
    """
    return charge_of(part for cell in cells for part in _charged(cell))


def _sum(cells: Sequence[Cell]) -> tuple[str, ...]:
    whole = outer(cells)
    costs, print_ = charge_together(whole), footprint_of(cells)
    said = [energy(part) for part in costs if part is not None]
    nothing = "no GPU used" if any(cell.devices for cell in whole) else "not measured"
    known = total(charge(cell).whole for cell in whole if resolved(charge(cell).whole) and used(cell))
    return (
        "",
        f"{len(whole)} in all",
        duration(sum(cell.duration for cell in whole)),
        " and apart from it ".join(said) or nothing,
        net(known).removeprefix("net "),
        "" if print_ is None else _short(print_) + _of_how_many(whole),
        "",
    )


def _of_how_many(cells: Sequence[Cell]) -> str:
    """How many of the cells have a footprint, where some were measured before a region or a price was set."""
    known = sum(cell.footprint is not None for cell in cells)
    return "" if known == len([cell for cell in cells if used(cell)]) else f" ({known} of {len(cells)})"


def altogether(parts: Iterable[Energy]) -> Energy:
    """The sum for a report, bounded parts by their middle."""
    return total(map(placed, parts))


def _within(cell: Cell, other: Cell) -> bool:
    return other is not cell and other.start <= cell.start and cell.end <= other.end and other.duration > cell.duration
