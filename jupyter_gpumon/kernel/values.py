"""``%%gpumon --metric tokens=len(out)``: numbers that the user's own code has found when the cell is over.

An expression is looked at in the user's namespace after the cell's window has closed: what it costs is not the cell's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

from msgspec import structs

from ..errors import GpuMonError
from ..model import Cell
from ..runs.log import number
from . import open_runs


class ExpressionError(GpuMonError):
    """An expression cannot be what was said."""


@dataclass(frozen=True)
class Expression:
    """A name, and the code that gives its value."""

    name: str
    code: CodeType


def expression(text: str) -> Expression:
    """``tokens=len(out)`` as a name and compiled code.

    Raises:
        ExpressionError: it has no name, or is no expression.
    """
    name, _, code = (part.strip() for part in text.partition("="))
    if not name or not code:
        raise ExpressionError(f"--metric takes NAME=EXPRESSION, such as tokens=len(out); not {text!r}.")
    try:
        return Expression(name, compile(code, f"<--metric {name}>", "eval"))
    except SyntaxError as e:
        raise ExpressionError(
            f"--metric {name}: {code!r} is no expression ({e.msg}). Put quotes round one that holds spaces or quotes: "
            f'--metric "{name}=…".'
        ) from None


class Values:
    """What the expressions of one cell gave."""

    def __init__(self, expressions: Sequence[Expression], names: dict[str, Any]) -> None:
        """``names`` is the user's namespace."""
        self._expressions, self._names = expressions, names
        self._found: dict[str, float] = {}
        self._notes: list[str] = []

    def take(self) -> None:
        """Look at all of them; log each in the run that is open, if one is."""
        for each in self._expressions:
            try:
                self._put(each.name, eval(each.code, self._names))  # noqa: S307 - the user typed it
            except GpuMonError as e:
                self._notes.append(f"--metric {e}".rstrip("."))
            except (Exception, KeyboardInterrupt) as e:  # The user's own code may raise anything; the others go on.
                self._notes.append(f"--metric {each.name}: {type(e).__name__}: {e}".rstrip(":. "))

    def _put(self, name: str, value: object) -> None:
        found = number(name, value)
        if not math.isfinite(found):
            raise ExpressionError(f"{name} is {found}: there is nothing to log.")
        self._found[name] = found
        run = open_runs.here()
        if run is not None:
            run.log_metric(name, found)

    def amend(self, cell: Cell) -> Cell:
        """The record with them, and with what could not be found."""
        return structs.replace(cell, metrics=dict(self._found), notes=(*cell.notes, *self._notes))
