"""Works expressions out, for all devices at once: a column is one value per device, None where it is not known.

Unknown stays unknown: ``None > 3`` is None, ``None and False`` is False, ``None and True`` is None. Nothing raises.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from .expression import names
from .expression.nodes import Binary, Number

Column = list[Any]


def binary(node: Binary, left: Column, right: Column) -> Column:
    """Both sides of ``node`` put together."""
    if isinstance(node.right, Number) and node.op in ("<", "<=", ">", ">="):
        return _against(node.op, left, node.right.value)
    return _BINARY[node.op](left, right)


def _against(op: str, left: Column, number: float) -> Column:
    """The usual case, as fast as it can be."""
    if op == ">":
        return [None if a is None else a > number for a in left]
    if op == "<":
        return [None if a is None else a < number for a in left]
    if op == ">=":
        return [None if a is None else a >= number for a in left]
    return [None if a is None else a <= number for a in left]


def _plain(function: Callable[[Any, Any], Any]) -> Callable[[Column, Column], Column]:
    def both(left: Column, right: Column) -> Column:
        return [None if a is None or b is None else function(a, b) for a, b in zip(left, right, strict=True)]

    return both


def _divided(left: Column, right: Column) -> Column:
    return [None if a is None or not b else a / b for a, b in zip(left, right, strict=True)]


def _and(left: Column, right: Column) -> Column:
    pairs = zip(left, right, strict=True)
    return [False if a is False or b is False else None if a is None or b is None else True for a, b in pairs]


def _or(left: Column, right: Column) -> Column:
    pairs = zip(left, right, strict=True)
    return [True if a is True or b is True else None if a is None or b is None else False for a, b in pairs]


def _first(left: Column, right: Column) -> Column:
    return [b if a is None else a for a, b in zip(left, right, strict=True)]


_BINARY: dict[str, Callable[[Column, Column], Column]] = {
    "+": _plain(operator.add), "-": _plain(operator.sub), "*": _plain(operator.mul), "/": _divided,
    "<": _plain(operator.lt), "<=": _plain(operator.le), ">": _plain(operator.gt), ">=": _plain(operator.ge),
    "==": _plain(operator.eq), "!=": _plain(operator.ne), "and": _and, "or": _or, names.FIRST: _first,
}  # fmt: skip


_UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "not": operator.not_, "abs": abs}


def unary(op: str, column: Column) -> Column:
    """``-``, ``not`` or ``abs``."""
    function = _UNARY[op]
    return [None if value is None else function(value) for value in column]


def across(function: str, column: Sequence[float | None]) -> Column:
    """One value of all devices, for each of them; None where none is known."""
    known = [value for value in column if value is not None]
    if not known:
        return [None] * len(column)
    value = {"fleet_mean": sum(known) / len(known), "fleet_max": max(known), "fleet_min": min(known)}[function]
    return [value] * len(column)
