"""What many values are like: mean, spread and percentiles, without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from ..experiments import Stats


def of(values: Sequence[float]) -> Stats:
    """The statistics of these finite values, in the order in which they came."""
    if not values:
        return Stats()
    ranked = sorted(values)
    return Stats(
        count=len(values),
        sum=math.fsum(values),
        last=values[-1],
        mean=fmean(values),
        std=stdev(values) if len(values) > 1 else None,
        min=ranked[0],
        median=percentile(ranked, 0.5),
        max=ranked[-1],
        p95=percentile(ranked, 0.95),
        p99=percentile(ranked, 0.99),
    )


def percentile(ranked: Sequence[float], share: float) -> float:
    """The value below which lies this share of the ascending ``ranked``: between two of them in proportion.

    Hyndman and Fan's definition 7, which numpy and spreadsheets use.
    """
    place = share * (len(ranked) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (place - below)
