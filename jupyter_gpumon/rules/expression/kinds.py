"""What kind of thing a part of an expression is, and which of them go together.

A number has a unit, empty where it could be any: ``power > 300`` is in watts. Units are followed as far as they tell a
mistake: ``utilization > 85`` can never be true, and ``power > 40 GB`` means nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from ...errors import RuleError
from . import names
from .nodes import Binary, Name, Node, Number, Unary

TRUTH = "truth"
"""Unit of what is true or false."""
FREE = ""
"""Unit of what could be in any."""


class Typed(NamedTuple):
    """A part, its unit, and where it begins."""

    node: Node
    unit: str
    column: int
    constant: bool = False

    def number(self, where: str) -> Typed:
        """Itself, if it is a number."""
        if self.unit == TRUTH:
            raise RuleError(f"{where} takes a number, not something true or false.", column=self.column)
        return self


def boolean(node: Node, column: int) -> Typed:
    """Something that is true or false."""
    return Typed(node, TRUTH, column)


def condition(part: Typed, where: str) -> Typed:
    """The part, if it is true or false."""
    if part.unit != TRUTH:
        raise RuleError(
            f"{where} is to be true or false: compare with something, as in power > 300.", column=part.column
        )
    return part


def joined(op: str, left: Typed, right: Typed, column: int) -> Typed:
    """``and``, ``or``."""
    condition(left, f'What is before "{op}"')
    condition(right, f'What is after "{op}"')
    return boolean(Binary(op, left.node, right.node), column)


def negative(part: Typed, column: int) -> Typed:
    """``-x``."""
    part.number('"-"')
    if isinstance(part.node, Number):
        return Typed(Number(-part.node.value, f"-{part.node.text}"), part.unit, column, constant=True)
    return Typed(Unary("-", part.node), part.unit, column)


def arithmetic(op: str, left: Typed, right: Typed, column: int) -> Typed:
    """``+ - * /``, with the unit that comes of it."""
    left.number(f'"{op}"'), right.number(f'"{op}"')
    node = Binary(op, left.node, right.node)
    if op in "+-":
        _same(left, right, column)
        return Typed(node, left.unit or right.unit, column)
    if op == "*":
        return Typed(node, _times(left.unit, right.unit), column)
    if isinstance(right.node, Number) and right.node.value == 0:
        raise RuleError("That divides by zero.", column=right.column)
    return Typed(node, FREE if left.unit in (right.unit, FREE) else _times(left.unit, right.unit), column)


def first(left: Typed, right: Typed, column: int) -> Typed:
    """``first(a, b)``: two of one kind."""
    other = right.number("first(…)")
    _same(left, other, column)
    return Typed(Binary(names.FIRST, left.node, other.node), left.unit or other.unit, column)


def rated(function: str, unit: str) -> str:
    """The unit of a function over a time: of seconds per second it is a share of the time."""
    if function != "rate" or unit == FREE:
        return unit
    return "ratio" if unit == "seconds" else f"{unit}/s"


def _times(left: str, right: str) -> str:
    scale = (FREE, "ratio", "count")
    return right if left in scale else left if right in scale else FREE


def comparison(op: str, left: Typed, right: Typed, column: int) -> Typed:
    """``< <= > >= == !=``."""
    left.number(f'"{op}"'), right.number(f'"{op}"')
    left, right = _per_second(left, right), _per_second(right, left)
    _same(left, right, column)
    for metric, number in ((left, right), (right, left)):
        _percent(metric, number)
    if left.constant and right.constant:
        raise RuleError("Both sides are numbers: that is always the same.", column=column)
    return boolean(Binary(op, left.node, right.node), column)


def _per_second(part: Typed, other: Typed) -> Typed:
    """A constant that a rate is compared with is one: ``rate(memory_used, 5 min) > 10 MB``."""
    return part._replace(unit=other.unit) if part.constant and other.unit == f"{part.unit}/s" else part


def _same(left: Typed, right: Typed, column: int) -> None:
    units = {left.unit, right.unit} - {FREE, "count"}
    if len(units) > 1:
        raise RuleError(f"{left.unit} and {right.unit} cannot be compared or added.", column=column)


def _percent(metric: Typed, number: Typed) -> None:
    """A share is at most 1, but is often thought of in percent."""
    if not (isinstance(metric.node, Name) and metric.unit == "ratio" and isinstance(number.node, Number)):
        return
    value = number.node.value
    if number.unit == FREE and value > 2:
        raise RuleError(
            f"{metric.node.name} is a share from 0 to 1: write {value:g} % or {value / 100:g}.", column=number.column
        )
