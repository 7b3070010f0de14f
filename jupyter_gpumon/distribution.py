"""How the values of a metric were distributed over a window: weighted by time, and in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

GRAIN = {"ratio": 0.01, "watts": 1.0, "celsius": 1.0, "hertz": 1e6, "bytes": 2.0**20, "count": 1.0, "seconds": 1.0}
"""What percentiles and the mode are told to: coarse enough that a mode is one, and days of values are few."""


class Spread(Struct, frozen=True, kw_only=True):
    """Where the values lay, in the metric's unit."""

    mean: float
    """Weighted by time."""
    max: float
    min: float
    mode: float
    """The value held longest."""
    p50: float
    p95: float


class Distribution:
    """Takes readings in order. Each stands for the time up to half-way to its neighbours.

    Args:
        unit: of the metric: says how fine percentiles and the mode are.
        start: of the window, monotonic seconds: the first reading stands from there on.
        hold: seconds for which a reading stands at most, on either side.
    """

    def __init__(self, unit: str, start: float, hold: float) -> None:
        self._grain, self._hold = GRAIN.get(unit, 1e-3), hold
        self._since, self._last = start, (start, 0.0)
        self._seconds: dict[int, float] = {}
        """Multiple of the grain → seconds for which that was the value."""
        self._sum = 0.0
        self._low, self._high = float("inf"), float("-inf")

    def add(self, mono: float, value: float) -> None:
        """Take one reading."""
        if self._low <= self._high:
            self._stand((self._last[0] + mono) / 2)
            self._since = max((self._last[0] + mono) / 2, mono - self._hold)
        else:
            self._since = max(self._since, mono - self._hold)
        self._last = mono, value
        self._low, self._high = min(self._low, value), max(self._high, value)

    def _stand(self, until: float) -> None:
        """The last reading stood until then."""
        mono, value = self._last
        seconds = max(0.0, min(until, mono + self._hold) - self._since)
        key = round(value / self._grain)
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds
        self._sum += value * seconds

    def close(self, end: float) -> Spread | None:
        """What is known when the window has ended at ``end``; None where there was no reading in it."""
        if self._low > self._high:
            return None
        self._stand(max(end, self._last[0]))
        whole = sum(self._seconds.values())
        return Spread(
            mean=self._sum / whole if whole else self._last[1],
            max=self._high,
            min=self._low,
            mode=self._within(max(self._seconds.items(), key=lambda each: each[1])[0]),
            p50=self._within(percentile(self._seconds, 0.50)),
            p95=self._within(percentile(self._seconds, 0.95)),
        )

    def _within(self, key: int) -> float:
        """A multiple of the grain as a value; never beyond what was seen."""
        return min(self._high, max(self._low, key * self._grain))


def percentile(weights: Mapping[int, float], share: float) -> int:
    """The least key that, with all smaller ones, has at least this share of the weight."""
    ordered, reached = sorted(weights), 0.0
    wanted = share * sum(weights.values())
    for key in ordered:
        reached += weights[key]
        if reached >= wanted:
            return key
    return ordered[-1]
