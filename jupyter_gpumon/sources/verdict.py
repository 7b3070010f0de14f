"""What a trial says about a board's sensors: from the updates and readings it saw to a ``model.Sensor``. Pure."""

from __future__ import annotations

import cmath
import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import replace

from ..energy import sensors
from ..model import Device, Sensor

AGREES = (0.9, 1.1)
"""The counter's growth over the integral of power, beyond which the counter is not believed."""
DISTURBED = 0.97
"""Growth while polled over growth while left alone, below which polling disturbs the counter."""
SLOW_READS = 1.0
"""Least seconds between reads of a counter that polling disturbs."""
CONTINUOUS = 0.015
"""Updates closer than this cannot be told apart by reads that take milliseconds."""
VAGUE = 0.6
"""Share of a period from which a bracket says nothing about when the update was."""
FEWEST = 4
"""Updates from which a period is told."""


class Bracket(NamedTuple):
    """An update: at ``since`` the old value was still there, at ``until`` the new one."""

    since: float
    until: float
    joules: float = 0.0
    """What the counter showed then."""

    @property
    def width(self) -> float:
        """Seconds for which it is not known."""
        return self.until - self.since

    @property
    def middle(self) -> float:
        """When it was, as far as is known."""
        return (self.since + self.until) / 2


class Grid(NamedTuple):
    """Where updates are: at ``phase + n * period``, give or take ``jitter`` (standard deviation). Seconds."""

    period: float
    phase: float
    jitter: float

    def before(self, mono: float) -> float:
        """The last update at or before that moment."""
        if self.period < CONTINUOUS:
            return mono
        return self.phase + math.floor((mono - self.phase) / self.period) * self.period

    def nearest(self, mono: float) -> float:
        """The update next to that moment."""
        return self.phase + round((mono - self.phase) / self.period) * self.period

    def middle(self, mono: float) -> float:
        """The first moment from ``mono`` on that is far from every update, so that a read there is told surely."""
        if self.period < CONTINUOUS:
            return mono
        return self.phase + (math.ceil((mono - self.phase) / self.period - 0.5) + 0.5) * self.period

    def is_clear(self, mono: float) -> bool:
        """Whether that moment is far from every update."""
        return self.period < CONTINUOUS or 0.25 < (mono - self.phase) / self.period % 1 < 0.75


def grid_of(updates: Sequence[Bracket]) -> Grid | None:
    """The regular grid that lies best through brackets that follow on each other; None where there are too few."""
    if len(updates) < FEWEST:
        return None
    gap = spacing(updates)
    if gap < CONTINUOUS:
        return Grid(gap, updates[-1].until, 0.0)
    sharp = sharp_ones(updates, gap)
    if len(sharp) < FEWEST:
        return None
    period, phase = _rhythm(sharp, gap)
    for _ in range(2):
        period, phase = _line([round((each.middle - phase) / period) for each in sharp], sharp)
    return Grid(period, phase, _scatter(Grid(period, phase, 0.0), sharp))


def spacing(updates: Sequence[Bracket]) -> float:
    """Median seconds from one update that was seen to the next; infinity before the second one."""
    gaps = [b.until - a.until for a, b in pairwise(updates)]
    return statistics.median(gaps) if gaps else math.inf


def sharp_ones(updates: Sequence[Bracket], period: float) -> list[Bracket]:
    """Those that say when in the period the update was."""
    return [each for each in updates if each.width < VAGUE * period]


def _rhythm(updates: Sequence[Bracket], gap: float) -> tuple[float, float]:
    """(period, phase) at which these agree best: the strongest line of their periodogram, and the slowest such.

    Reads that are not much denser than updates, or late at times, miss some and show others late: the gaps alone would
    mislead. Their median is at least the period and seldom more than twice as much.
    """
    origin, span = updates[0].middle, updates[-1].middle - updates[0].middle
    rows = [(max(each.width, 1e-4) ** -2, 2j * math.pi * (each.middle - origin)) for each in updates]
    step = 1 / (8 * span)
    rates = [0.67 / gap + n * step for n in range(math.ceil((2.1 - 0.67) / gap / step) + 1)]
    waves = [sum(weight * cmath.exp(rate * turn) for weight, turn in rows) for rate in rates]
    strongest = max(abs(wave) for wave in waves)
    best = next(n for n, wave in enumerate(waves) if abs(wave) >= 0.85 * strongest)
    while best + 1 < len(waves) and abs(waves[best + 1]) > abs(waves[best]):
        best += 1
    return 1 / rates[best], origin + cmath.phase(waves[best]) / (2 * math.pi * rates[best])


def refined(grid: Grid, updates: Sequence[Bracket]) -> Grid:
    """The same grid as all these brackets have it, of which some may be far apart or vague."""
    sharp = sharp_ones(updates, grid.period)
    if grid.period < CONTINUOUS or len(sharp) < FEWEST:
        return grid
    for share in (0.5, 0.7, 0.85, 1.0):  # Step by step: far off, a period that is a little wrong is a whole one wrong.
        near = sharp[: max(FEWEST, round(share * len(sharp)))]
        period, phase = _line([round((each.middle - grid.phase) / grid.period) for each in near], near)
        grid = Grid(period, phase, grid.jitter)
    return grid._replace(jitter=_scatter(grid, sharp))


def holds(grid: Grid, updates: Sequence[Bracket]) -> bool:
    """Whether nearly all brackets have an update of the grid in them, jitter allowed; a wrong period misses half."""
    sharp = sharp_ones(updates, grid.period)
    room = 2 * grid.jitter + 0.002
    hits = sum(each.since - room <= grid.nearest(each.middle) <= each.until + room for each in sharp)
    return grid.period < CONTINUOUS or hits >= 0.8 * len(sharp)


def _line(numbers: Sequence[int], updates: Sequence[Bracket]) -> tuple[float, float]:
    """(period, moment of number 0): the straight line that fits best, a sharper bracket counting for more."""
    rows = [(max(each.width, 1e-4) ** -2, n, each.middle) for n, each in zip(numbers, updates, strict=True)]
    total = sum(weight for weight, _, _ in rows)
    n0 = sum(weight * n for weight, n, _ in rows) / total
    t0 = sum(weight * t for weight, _, t in rows) / total
    slope = sum(w * (n - n0) * (t - t0) for w, n, t in rows) / sum(w * (n - n0) ** 2 for w, n, _ in rows)
    return slope, t0 - slope * n0


def _scatter(grid: Grid, updates: Sequence[Bracket]) -> float:
    """Standard deviation of updates round their grid, seconds: told by what the counter grows by from one to the next.

    At steady power that is as uneven as the time between them, and known to the millijoule, while reads know an update
    to ten milliseconds. What power itself is uneven by makes it seem larger, never smaller.
    """
    steps = [
        b.joules - a.joules
        for a, b in pairwise(updates)
        if round((grid.nearest(b.middle) - a.middle) / grid.period) == 1
    ]
    if len(steps) < FEWEST or not sum(steps):
        return 0.0
    return grid.period * statistics.pstdev(steps) / statistics.fmean(steps) / math.sqrt(2)


class Growth(NamedTuple):
    """What a counter grew by between two reads, and the mean of the power readings in that time."""

    start: float
    end: float
    joules: float
    watts: float | None

    @property
    def rate(self) -> float:
        """The counter's growth in watts."""
        return self.joules / max(1e-9, self.end - self.start)

    @property
    def share(self) -> float | None:
        """The counter's growth over the integral of power; None where there is no power to compare with."""
        return self.rate / self.watts if self.watts else None


class Findings(NamedTuple):
    """What a trial saw."""

    kind: str | None
    """Of the power readings: ``instant``, ``average``; None where there are none."""
    update: float | None
    counts: bool
    """Whether the board has a counter."""
    grid: Grid | None
    alone: Growth | None
    polled: Growth | None


def assumed(device: Device, kind: str | None, counts: bool) -> Sensor:
    """What is known of a board's sensors before there was a trial."""
    facts = sensors.known(device, kind or "instant")
    method = "counter" if counts else kind or "none"
    reason = "" if counts else _without(kind)
    known = replace(facts, method=method, reason=reason)
    return replace(known, update=None, window=None, duty=None, provenance="") if kind is None else known


def _without(kind: str | None) -> str:
    return "this board tells neither its energy nor its power" if kind is None else "this board has no energy counter"


def judged(device: Device, found: Findings, checked: float) -> Sensor:
    """The sensor as the trial found it.

    Args:
        device: the board, for what its architecture is known for.
        found: what was seen.
        checked: Unix time of the trial.
    """
    sensor = replace(assumed(device, found.kind, found.counts), checked=checked)
    if found.update is not None:
        sensor = replace(sensor, update=_rounded(found.update))
    if not found.counts:
        return sensor
    agreement = found.alone.share if found.alone else None
    polled = _polled(found.alone, found.polled) if found.alone and found.polled else None
    period, jitter = (found.grid.period, found.grid.jitter) if found.grid else (None, None)
    told = {"period": period, "jitter": jitter, "agreement": agreement, "polled": polled}
    return downgraded(replace(sensor, **{name: _rounded(value) for name, value in told.items()}), found.kind)


def _polled(alone: Growth, polled: Growth) -> float | None:
    """Growth while polled over growth while left alone.

    Power is steady, but not quite: it may have changed a little from the one to the other, which its readings tell, or
    the readings are noisy, which the counter is not. Of the ratio with and without them, the one nearer to 1 is fair.
    """
    if alone.rate <= 0:
        return None
    plain = polled.rate / alone.rate
    scale = alone.watts / polled.watts if alone.watts and polled.watts else 1.0
    return min(plain, plain * scale, key=lambda ratio: abs(ratio - 1))


def _rounded(value: float | None) -> float | None:
    """To ten microseconds, or a thousandth of a percent: no trial knows more."""
    return None if value is None else round(value, 5)


def downgraded(sensor: Sensor, kind: str | None) -> Sensor:
    """The same, less the trust that the counter does not deserve."""
    if sensor.agreement is not None and not AGREES[0] <= sensor.agreement <= AGREES[1]:
        reason = _distrust(sensor.agreement)
        return replace(sensor, method=kind or "counter", reason=reason)
    if sensor.polled is not None and sensor.polled < DISTURBED:
        reason = (
            f"the counter falls {_percent(1 - sensor.polled)} behind while it is polled: it is read "
            f"at most once in {SLOW_READS:g} s, and power readings fill in what lies between"
        )
        return replace(sensor, reason=reason)
    return sensor


def _distrust(agreement: float) -> str:
    what = "stands still" if agreement < 0.001 else f"reads {_percent(agreement)} of the power's integral"
    return f"the counter {what}: energy comes from power readings"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def minds_reads(sensor: Sensor | None) -> bool:
    """Whether the counter is used, but only when read seldom."""
    used = sensor is not None and sensor.method == "counter" and sensor.polled is not None
    return used and sensor is not None and sensor.polled is not None and sensor.polled < DISTURBED


def steady(readings: Sequence[tuple[float, float]]) -> bool:
    """Whether (monotonic time, watts) show one level: the means of four quarters of the time are within 5 %, or 2 W."""
    if len(readings) < 8:
        return len(readings) == 0
    start, end = readings[0][0], readings[-1][0]
    quarters: list[list[float]] = [[], [], [], []]
    for mono, watts in readings:
        quarters[min(3, int(4 * (mono - start) / max(end - start, 1e-9)))].append(watts)
    means = [statistics.fmean(quarter) for quarter in quarters if quarter]
    return max(means) - min(means) <= max(2.0, 0.05 * statistics.fmean(means))
