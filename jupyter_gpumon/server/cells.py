"""The cell records that kernels have posted, kept for the browser."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from ..errors import CellError
from ..model import Cell, Event

KEPT = 1000
_JUDGED = 100
"""Records by which the share of successes is told."""


class Cells:
    """The latest records, oldest first; a completed record takes the place of its draft."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._cells: OrderedDict[tuple[str, str], Cell] = OrderedDict()

    def __iter__(self) -> Iterator[Cell]:
        return iter(tuple(self._cells.values()))

    @property
    def success(self) -> float | None:
        """Share of the last hundred that ended without an error; None where there were none."""
        last = [cell.status == "ok" for cell in tuple(self._cells.values())[-_JUDGED:]]
        return sum(last) / len(last) if last else None

    def name(self, notebooks: Mapping[str, str]) -> None:
        """Fill in the notebook of the records whose kernel did not know it."""
        for key, cell in self._cells.items():
            if cell.notebook is None:
                self._cells[key] = replace(cell, notebook=notebooks.get(key[0]))

    def post(self, cell: Cell, kernel: str | None) -> None:
        """Keep a record from the kernel that was found to speak.

        Raises:
            CellError: the record names another kernel.
        """
        if kernel is None or cell.kernel_id != kernel:
            raise CellError("A cell record is accepted only from the kernel that it names.")
        self._cells[kernel, cell.id] = cell
        while len(self._cells) > self._kept:
            self._cells.popitem(last=False)


def announced(cell: Cell, mono: float) -> Event:
    """The event that tells the others that there is a new record."""
    title = cell.title or cell.notebook or "Cell"
    return Event(kind="cell", time=cell.start, until=cell.end, mono=mono, title=title, detail=cell.id)
