"""Means of repeated measurements, and whether two of them differ: Student's t and Welch's test, without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

SIGNIFICANT = 0.05
"""Likelihood of chance below which a difference counts."""
SIGMAS = NormalDist().inv_cdf(0.975)
"""Standard deviations that half a 95 % interval is wide."""
_EPS, _TINY, _STEPS = 1e-14, 1e-300, 500


class Spread(NamedTuple):
    """A mean with the interval that holds the true one with a likelihood of 95 %."""

    mean: float
    deviation: float
    """Of a single value, by n - 1."""
    low: float
    high: float


class Difference(NamedTuple):
    """How much greater one mean is than another, with its 95 % interval and the likelihood of so much by chance."""

    value: float
    low: float
    high: float
    p: float


class Side(NamedTuple):
    """One of two that are compared: its mean, the standard error of that, and the single values if there are any."""

    mean: float
    error: float
    values: tuple[float, ...] = ()


def difference(one: Side, other: Side) -> Difference:
    """By Welch's test where both have values; else by their errors, taken as normal and independent."""
    if len(one.values) > 1 and len(other.values) > 1:
        return welch(one.values, other.values)
    value, error = one.mean - other.mean, math.hypot(one.error, other.error)
    p = 2 * (1 - NormalDist().cdf(abs(value) / error)) if error else float(value == 0)
    return Difference(value, value - SIGMAS * error, value + SIGMAS * error, p)


def spread(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and 95 % interval of at least two values, taken as independent and normal."""
    mean, deviation = fmean(values), stdev(values)
    half = quantile(len(values) - 1) * deviation / math.sqrt(len(values))
    return Spread(mean, deviation, mean - half, mean + half)


class Moments(NamedTuple):
    """What a test needs of many values."""

    mean: float
    deviation: float
    number: int
    """Two at least."""


def welch(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Mean of ``first`` less that of ``second``, without taking their variances as equal (Welch 1947).

    Degrees of freedom by Welch and Satterthwaite. Each has at least two values.
    """
    return welch_of(*(Moments(fmean(values), stdev(values), len(values)) for values in (first, second)))


def welch_of(first: Moments, second: Moments) -> Difference:
    """The same of values that are known by their moments only."""
    shares = [side.deviation**2 / side.number for side in (first, second)]
    error, value = math.sqrt(sum(shares)), first.mean - second.mean
    if error == 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    parts = sum(share**2 / (side.number - 1) for share, side in zip(shares, (first, second), strict=True))
    freedom = error**4 / parts
    half = quantile(freedom) * error
    return Difference(value, value - half, value + half, beyond(value / error, freedom))


def holm(likelihoods: Sequence[float]) -> list[float]:
    """The same likelihoods, corrected for how many were looked at (Holm 1979): a chance finding among ten stays one."""
    ranked = sorted(range(len(likelihoods)), key=lambda at: likelihoods[at])
    found, highest = [0.0] * len(likelihoods), 0.0
    for rank, at in enumerate(ranked):
        highest = max(highest, min(1.0, likelihoods[at] * (len(likelihoods) - rank)))
        found[at] = highest
    return found


def beyond(t: float, freedom: float) -> float:
    """Likelihood that Student's t with so many degrees of freedom is further from 0 than ``t``, on either side."""
    return _beta_share(freedom / (freedom + t * t), freedom / 2, 0.5)


def quantile(freedom: float, share: float = 0.05) -> float:
    """The t beyond which, on both sides together, lies this share; found by halving."""
    low, high = 0.0, 1.0
    while beyond(high, freedom) > share:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle, freedom) > share else (low, middle)
    return (low + high) / 2


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) (Abramowitz and Stegun 26.5)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(scale) * _fraction(x, a, b) / a
    return 1 - math.exp(scale) * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Its continued fraction (26.5.8), by Lentz's method."""
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / _off_zero(1 + term * d), _off_zero(1 + term / c)
            result *= c * d
        if abs(c * d - 1) < _EPS:
            break
    return result


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
