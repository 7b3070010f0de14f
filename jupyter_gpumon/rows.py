"""Slots of a ring brought to the rows of a question: by slices, and value by value only where something is unknown."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, pairwise

from .rings import NAN, Ring

Choose = Callable[[Sequence[float]], float]
"""What a row holds of its slots, all of which are known: their mean, the lowest, the highest or the last."""

_WHOLE = 6_755_399_441_055_744.0
"""1.5 * 2**52: a float of up to 2**51 loses its fraction, rounded, when this is added and taken away again."""


def mean(values: Sequence[float]) -> float:
    """The mean of some values."""
    return sum(values) / len(values)


def last(values: Sequence[float]) -> float:
    """The last of some values."""
    return values[-1]


class Rows:
    """Rows of ``step`` seconds on the axis of the rings.

    Args:
        rows: their numbers: row ``n`` begins at ``n * step``.
        step: seconds per row.
    """

    def __init__(self, rows: range, step: float) -> None:
        self.all, self.step = rows, step
        self._kept: Sequence[bool] | None = None
        self._edges: dict[float, list[int]] = {}

    def keep(self, present: Sequence[float]) -> range | list[int]:
        """Leave out the rows for which this holds nothing; the numbers of the others."""
        kept = [value == value for value in present]
        self._kept = None if all(kept) else kept
        return self.all if self._kept is None else list(compress(self.all, kept))

    def copy(self, ring: Ring, which: int) -> array[float]:
        """The ring's slots under these rows: all that has to be done while nobody may write."""
        if not self.all:
            return array("d")
        first, stop = self.all[0] * self.step // ring.step, math.ceil((self.all[-1] + 1) * self.step / ring.step)
        return ring.read(int(first), max(stop, int(first) + 1), which)

    def fold(self, values: array[float], slot: float, choose: Choose) -> Sequence[float]:
        """One value a row out of slots of ``slot`` seconds; NaN where all that a row covers is unknown."""
        each, rest = divmod(self.step, slot)
        if not self.all or (each == 1 and not rest):
            return values
        if each and not rest:
            return _even(values, int(each), choose)
        if slot not in self._edges:
            self._edges[slot] = self._cut(slot)
        edges = self._edges[slot]
        if not each:
            return list(map(values.__getitem__, edges[:-1]))
        return [_known(values[a:b], choose) for a, b in pairwise(edges)]

    def _cut(self, slot: float) -> list[int]:
        """Where rows begin and end among slots that they are no whole number of."""
        edges = [int(row * self.step // slot) for row in range(self.all[0], self.all[-1] + 2)]
        return [edge - edges[0] for edge in edges]

    def listed(self, values: Sequence[float], grain: float | None) -> list[float | None]:
        """The kept rows, rounded to ``grain`` if there is one, with None for what is unknown."""
        kept: Iterable[float] = values if self._kept is None else compress(values, self._kept)
        rounded = list(kept) if grain is None else _rounded(kept, grain)
        if math.isnan(sum(rounded)):
            return [value if value == value else None for value in rounded]
        return rounded  # type: ignore[return-value] # a list of floats is one of floats or None: nobody appends to it


def _even(values: array[float], each: int, choose: Choose) -> Sequence[float]:
    """Rows of ``each`` slots."""
    if choose is last:
        rows = values[each - 1 :: each].tolist()
    elif choose is mean:
        rows = [sum(slots) / each for slots in zip(*[iter(values)] * each, strict=True)]
    else:
        rows = list(map(choose, zip(*[iter(values)] * each, strict=True)))
    if math.isnan(sum(rows)):  # Whatever was chosen, something unknown among the slots can only have made it NaN.
        for n in (n for n, value in enumerate(rows) if value != value):
            rows[n] = _known(values[n * each : (n + 1) * each], choose)
    return rows


def _known(slots: Iterable[float], choose: Choose) -> float:
    known = [value for value in slots if value == value]
    return choose(known) if known else NAN


def _rounded(values: Iterable[float], grain: float) -> list[float]:
    # Dividing by a whole number, not multiplying by a fraction, gives the shortest decimal.
    if grain < 1:
        parts = float(round(1 / grain))
        return [(value * parts + _WHOLE - _WHOLE) / parts for value in values]
    return [(value / grain + _WHOLE - _WHOLE) * grain for value in values]
