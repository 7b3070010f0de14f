"""Energy from a sensor that looks only part of the time: what it saw, and how much of what it did not see may differ.

Between the looks nobody knows. Two things are reckoned with: looks vary, so their mean is not that of all the time; and
for some share of the time the board may have been unlike any look (the rule of three: what was seen in none of N looks
takes less than 1 - 0.05^(1/N) of the time, at 95 %). Neither helps where the load repeats in step with the looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SURE = 0.05
"""One minus the likelihood for which intervals are made."""
ALIKE = 0.02
"""Share of their mean by which looks differ at most where the load is flat, or in step with the sensor."""
REPEATS = 0.8
"""Correlation of the looks with themselves some looks earlier, from which a load repeats."""
FEWEST = 6
"""Looks from which a repetition can be told from chance."""
_STUDENT = (12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""Two-sided 95 % quantiles of Student's t with 1, 2, … degrees of freedom."""


class Look(NamedTuple):
    """The mean power from ``since`` to ``until``; both may be off by ``off`` seconds."""

    since: float
    until: float
    off: float
    watts: float


def within(looks: Sequence[Look], start: float, end: float) -> list[Look]:
    """Those that surely saw nothing but this window."""
    return [look for look in looks if look.since - look.off >= start and look.until + look.off <= end]


def mean(looks: Sequence[Look], start: float, end: float) -> float:
    """Mean power of a window: a straight line from look to look, level before the first and after the last."""
    points = [((look.since + look.until) / 2, look.watts) for look in looks]
    joules = points[0][1] * (points[0][0] - start) + points[-1][1] * (end - points[-1][0])
    joules += sum((a[1] + b[1]) / 2 * (b[0] - a[0]) for a, b in pairwise(points))
    return joules / (end - start)


def doubt(watts: Sequence[float], share: float, floor: float, ceiling: float) -> tuple[float, float]:
    """Watts by which the mean of a window may really be lower and higher (95 %).

    Args:
        watts: the looks at it, at least one.
        share: of the window that they saw, 0 to 1.
        floor: the least the board draws, in watts.
        ceiling: the most.
    """
    middle, count = sum(watts) / len(watts), len(watts)
    unseen = (1 - share) * (1 - SURE ** (1 / count))
    different = 1 if (lag := repetition(watts)) is None else count / lag
    varies = _student(count) * _spread(watts) * math.sqrt((1 - share) * different / count)
    below, above = unseen * max(0.0, middle - floor), unseen * max(0.0, ceiling - middle)
    return math.hypot(varies, below), math.hypot(varies, above)


def _spread(watts: Sequence[float]) -> float:
    """Standard deviation round what changes slowly: from the steps between one look and the next (von Neumann)."""
    steps = [(b - a) ** 2 for a, b in pairwise(watts)]
    return math.sqrt(sum(steps) / len(steps) / 2) if steps else 0.0


def _student(count: int) -> float:
    return _STUDENT[min(max(count - 1, 1), len(_STUDENT)) - 1] if count <= len(_STUDENT) + 1 else 2.0 + 2.3 / count


def repetition(watts: Sequence[float]) -> int | None:
    """After how many looks the load repeats; None where it does not, or cannot be seen to."""
    if len(watts) < FEWEST or flat(watts):
        return None
    middle = sum(watts) / len(watts)
    off = [power - middle for power in watts]
    for lag in range(2, len(watts) // 2 + 1):
        early, late = off[:-lag], off[lag:]
        scale = math.sqrt(sum(a * a for a in early) * sum(b * b for b in late))
        if scale and sum(a * b for a, b in zip(early, late, strict=True)) > REPEATS * scale and _turns(off[: lag + 1]):
            return lag
    return None


def _turns(off: Sequence[float]) -> bool:
    """Whether it went up and down within one repetition: what only grows or falls resembles itself, too."""
    return any(a > 0 >= b for a, b in pairwise(off)) and any(a <= 0 < b for a, b in pairwise(off))


def flat(watts: Sequence[float]) -> bool:
    """Whether all looks saw the same."""
    return max(watts) - min(watts) <= ALIKE * max(watts)


def caution(watts: Sequence[float], share: float | None, update: float) -> str:
    """What to say of a value from such looks: it holds as long as the load does not repeat in step with them.

    Args:
        watts: the looks.
        share: of the time that they saw; None where nobody knows.
        update: seconds from one to the next.
    """
    if share is None:
        seen = "what share of the time the sensor looks is not known"
    else:
        seen = f"the sensor looks {share:.0%} of the time, every {update:.2g} s".replace("%", " %")
    lag = repetition(watts) if watts else None
    if lag is not None:
        return f"aliasing: {seen}, and the load repeats every {lag * update:.2g} s"
    return f"aliasing possible: {seen}; a load that repeats in step with it would be misread"
