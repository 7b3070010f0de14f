"""Showing a record where this code runs: redrawn in place in a notebook, printed once in a terminal."""

from __future__ import annotations

import sys
from typing import Any

from ..model import Cell
from ..report.record import bundle
from . import context


class Shown:
    """One output that can be drawn again. Calling it with a record draws it."""

    def __init__(self) -> None:
        self._handle: Any | None = None

    def __call__(self, cell: Cell) -> None:
        """Draw a record."""
        self.draw(bundle(cell), final=cell.final)

    def draw(self, parts: dict[str, Any], *, final: bool = True) -> None:
        """Draw by mime type; once more draws in the same place."""
        if context.kernel() is None:
            if final:
                sys.stdout.write(parts["text/plain"] + "\n")  # a terminal cannot redraw: it gets the last word only
        elif self._handle is None:
            from IPython.display import display

            self._handle = display(parts, raw=True, display_id=True)
        else:
            self._handle.update(parts, raw=True)
