"""Small arithmetic on columns: None is what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median

Values = Sequence[float | None]
SEVERAL = 3.0
"""Rows further apart than so many steps have a gap between them."""


def known(values: Values) -> list[float]:
    """Without what is not known."""
    return [value for value in values if value is not None]


def mean(values: Values) -> float | None:
    """Of what is known; None where nothing is."""
    found = known(values)
    return fmean(found) if found else None


def share(values: Values, low: float, high: float = float("inf")) -> float:
    """Share of what is known that lies from ``low`` up to, and without, ``high``; 0 where nothing is known."""
    found = known(values)
    return sum(low <= value < high for value in found) / len(found) if found else 0.0


def step_of(times: Sequence[float]) -> float:
    """The usual time between two rows."""
    return median(b - a for a, b in pairwise(times)) if len(times) > 1 else 1.0


def rates(values: Values, times: Sequence[float], step: float) -> list[float | None]:
    """Growth per second of a counter from row to row; None across gaps, and where it began anew."""
    found: list[float | None] = [None] * len(values)
    for row in range(1, len(values)):
        before, now, seconds = values[row - 1], values[row], times[row] - times[row - 1]
        if before is not None and now is not None and now >= before and 0 < seconds <= SEVERAL * step:
            found[row] = (now - before) / seconds
    return found


def slope(values: Sequence[float]) -> tuple[float, float]:
    """Growth per place by least squares, and how well a line fits: R², 0 to 1."""
    middle, height = (len(values) - 1) / 2, fmean(values)
    across = sum((place - middle) ** 2 for place in range(len(values)))
    along = sum((place - middle) * (value - height) for place, value in enumerate(values))
    spread = sum((value - height) ** 2 for value in values)
    if not across or not spread:
        return 0.0, 0.0
    return along / across, along * along / (across * spread)


def rising(values: Sequence[float], slack: float) -> range:
    """The longest run of places over which no value is more than ``slack`` below the one before."""
    best, first = range(0), 0
    for place in range(1, len(values) + 1):
        if place == len(values) or values[place] - values[place - 1] < -slack:
            best = max(best, range(first, place), key=len)
            first = place
    return best
