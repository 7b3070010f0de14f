"""Readings of power as the updates of an energy counter there is not: when the sensor looked, and the energy by then.

A reading shows the sensor's last update, and an update is the mean of power over a window that ends with it. Where the
windows touch, energy is their sum. Where they overlap (a mean of one second, ten times a second), the energy of one
window is known from each, and by the energy before the window so is that at its end: C(t) = C(t - W) + W * R(t).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .beat import Beat, find
from .phase import Timed

UPDATE = 0.1
"""Seconds between updates where no source tells; most sensors do so (``sensors``)."""
AROUND = 300
"""Changes of the reading to which one grid of times is laid."""
ANCHOR = 30.0
"""Seconds after which a chain of windows begins anew: what each adds to the error grows with their number."""
LEVEL = 0.03
"""Share by which readings may differ and still be one level."""
QUIET = 1.05
"""Windows for which readings must stay level to be quiet: a short load that is over is in a mean for one window."""
QUANTUM = 0.001
"""Watts to which a reading is rounded."""


class Update(NamedTuple):
    """One update of a power sensor: at ``time``, surely between ``low`` and ``high``."""

    time: float
    low: float
    high: float
    watts: float
    seen: bool = True
    """False where no read came between this update and the next: its watts are those of its neighbours."""


class Curve(NamedTuple):
    """Energy since the first point. ``doubts`` are the joules by which each point may be wrong (95 %)."""

    points: list[Timed]
    doubts: list[float]

    def doubt(self, time: float) -> float:
        """That of the point at this time or just after it."""
        i = bisect_left(self.points, time, key=lambda point: point.time)
        return self.doubts[min(i, len(self.doubts) - 1)] if self.doubts else 0.0


def updates(
    monos: Sequence[float], watts: Sequence[float], update: float | None, *, exact: bool = False
) -> list[Update]:
    """When a sensor was updated, from reads of it.

    A new value was there at some time between two reads; updates come on a grid, which narrows that down. Where the
    value stayed, as many updates as fit in have brought the same.

    Args:
        monos: when it was read, ascending.
        watts: what it said.
        update: seconds between two updates, as far as is known; the reads may correct it by a few percent.
        exact: the times are those of the updates (the driver's buffer), not of reads.
    """
    if not monos:
        return []
    if exact:
        return [Update(mono, mono, mono, power) for mono, power in zip(monos, watts, strict=True)]
    changes = [i for i in range(1, len(monos)) if watts[i] != watts[i - 1]]
    spans = [(monos[i - 1], monos[i]) for i in changes]
    beats = [find(_chunk(spans, n), update) for n in range(0, max(1, len(spans)), AROUND)]
    period = next((beat.period for beat in beats if beat), update or UPDATE)
    timed = [_placed((monos[0] - period, monos[0]), watts[0], beats[0], period)]
    for n, (span, change) in enumerate(zip(spans, changes, strict=True)):
        timed.append(_placed(span, watts[change], beats[n // AROUND], period))
    return _filled(timed, monos, period)


def _chunk(spans: Sequence[tuple[float, float]], first: int) -> Sequence[tuple[float, float]]:
    """So many from there on; the last few are laid out together with some before them."""
    return spans[max(0, min(first, len(spans) - AROUND)) :][:AROUND]


def _placed(span: tuple[float, float], watts: float, beat: Beat | None, period: float) -> Timed:
    """A change on its grid; where that has none in the bracket, or none is known, in the middle of the bracket."""
    since, until = max(span[0], span[1] - 1.05 * period), span[1]
    if beat is None:
        return Timed((since + until) / 2, since, until, watts)
    at = beat.last(until + beat.off)
    if at < since - beat.off:
        return Timed((since + until) / 2, since, until, watts)
    return Timed(at, at - beat.off, at + beat.off, watts)


def _filled(timed: Sequence[Timed], monos: Sequence[float], period: float) -> list[Update]:
    """All updates: those that brought a new value, and between them those that brought the same or were not read."""
    found: list[Update] = []
    last = Timed(monos[-1] + period, monos[-1], monos[-1] + period, timed[-1].joules)
    for a, b in pairwise([*timed, last]):
        found.append(Update(a.time, a.low, a.high, a.joules))
        count = round((b.time - a.time) / period)
        for n in range(1, count):
            at = a.time + n * (b.time - a.time) / count
            i = bisect_left(monos, at)
            seen = i < len(monos) and monos[i] < min(at + period, b.high - 1e-9)
            if b is last and not seen:
                break
            power = a.joules if seen else (a.joules + b.joules) / 2
            found.append(Update(at, at - (a.time - a.low), at + (a.high - a.time), power, seen))
    return found


def integral(found: Sequence[Update]) -> Curve:
    """Energy from a sensor that looks all the time: each update is the mean of the time since the one before.

    Of an update that was not read, nothing is known but its neighbours.
    """
    points, doubts = [], []
    joules = doubt = 0.0
    for i, update in enumerate(found):
        if i:
            seconds = update.time - found[i - 1].time
            joules += update.watts * seconds
            if not update.seen:
                differ = abs(found[i - 1].watts - found[min(i + 1, len(found) - 1)].watts)
                doubt = math.hypot(doubt, differ * seconds / 2)
        points.append(Timed(update.time, update.low, update.high, joules))
        doubts.append(doubt)
    return Curve(points, doubts)


class Anchor(NamedTuple):
    """A moment up to which power was level for one window at least, and the joules (95 %) by which it was not."""

    mono: float
    doubt: float


def deconvolved(found: Sequence[Update], window: float, near: float, anchor: Anchor | None = None) -> Curve:
    """Energy from a sensor whose windows overlap.

    Each window is chained to the one that ended where it begins. In a level stretch all chains are set to the same
    straight line: else what one of them has wrong would stay for ever.

    Args:
        found: updates; what was not read is left out.
        window: seconds over which each is averaged.
        near: watts up to which a level is one of rest; another one counts where the chains agree that it is level.
        anchor: where to begin; None begins with the first update, whatever power was then.
    """
    begin = -math.inf if anchor is None else anchor.mono - window
    read = [update for update in found if update.seen and update.time >= begin]
    if not read:
        return Curve([], [])
    anchor = anchor or _first(read, window)
    last = max(0, bisect_right(read, anchor.mono, key=_time) - 1)
    base = read[last].watts
    points = [_at(update, base * (update.time - read[0].time)) for update in read[: last + 1]]
    doubts = [anchor.doubt] * len(points)
    anchored, first = anchor.mono, 0
    for k, update in enumerate(read[last + 1 :], last + 1):
        joules, doubt = _chained(points, doubts, update, window, base)
        points.append(_at(update, joules))
        doubts.append(doubt)
        while read[first + 1].time < update.time - QUIET * window:
            first += 1
        level = update.time > anchored + ANCHOR and _quiet(read[first : k + 1], window)
        if level and (update.watts <= near or _even(points, first, k)):
            anchored = update.time
            points[first:] = _straight(points[first:], update.watts)
            doubts[first:] = [min(each, _pattern(read[first : k + 1], window)) for each in doubts[first:]]
    return Curve(points, doubts)


def _at(update: Update, joules: float) -> Timed:
    return Timed(update.time, update.low, update.high, joules)


def _first(read: Sequence[Update], window: float) -> Anchor:
    """The beginning as an anchor: as good as power was level then."""
    early = read[: 1 + bisect_left(read, read[0].time + QUIET * window, key=_time)]
    if _quiet(early, window):
        return Anchor(read[0].time, _pattern(early, window))
    powers = [update.watts for update in early]
    return Anchor(read[0].time, max(LEVEL * powers[0], max(powers) - min(powers)) * window / 2)


def _straight(points: Sequence[Timed], watts: float) -> list[Timed]:
    """The same energy in the middle, and that power all along."""
    base = sum(point.joules - watts * point.time for point in points) / len(points)
    return [Timed(point.time, point.low, point.high, base + watts * point.time) for point in points]


def _quiet(stretch: Sequence[Update], window: float) -> bool:
    """Whether updates stay level for longer than a short load that is over could hold them up."""
    if stretch[-1].time - stretch[0].time < QUIET * window:
        return False
    powers = [update.watts for update in stretch]
    return max(powers) - min(powers) <= max(0.5, LEVEL * powers[-1])


def _pattern(stretch: Sequence[Update], window: float) -> float:
    """Joules by which chains may be apart in a quiet stretch (95 %), as the noise of its updates tells.

    From one update to the next a mean of ``many`` changes by what one part gains on the one that it replaces.
    """
    steps = [(b.watts - a.watts) ** 2 for a, b in pairwise(stretch)]
    seconds = (stretch[-1].time - stretch[0].time) / len(steps)
    many = max(1.0, window / seconds)
    part = many * math.sqrt(sum(steps) / len(steps) / 2)
    return part * seconds * math.sqrt(many) + window * QUANTUM


def _even(points: Sequence[Timed], first: int, last: int) -> bool:
    """Whether the chains agree that power was level: a load that repeats within the window looks level in its mean."""
    powers = [_slope(a, b) for a, b in pairwise(points[first:last])]
    return bool(powers) and max(powers) - min(powers) <= max(3.0, 2 * LEVEL * max(powers))


def _time(update: Update) -> float:
    return update.time


def anchor_before(
    monos: Sequence[float], watts: Sequence[float], window: float, near: float, lowest: float
) -> Anchor | None:
    """The last of these readings up to which power was level for a window; None where it never was.

    It was where readings stay level for longer than a short load that is over could hold them up; and where a single
    one says no more than the least the board draws, for then power was there in all of its window.
    """
    for end in range(len(monos) - 1, 0, -1):
        low = watts[end] <= lowest * (1 + LEVEL)
        if low and monos[end] - monos[0] > window:
            return Anchor(monos[end], (watts[end] - lowest * (1 - LEVEL / 3)) * window / 2)
        begin = max(0, bisect_right(monos, monos[end] - QUIET * window) - 1)
        stretch = watts[begin : end + 1]
        level = watts[end] <= near and max(stretch) - min(stretch) <= LEVEL / 3 * watts[end]
        if level and monos[end] - monos[begin] >= QUIET * window:
            return Anchor(monos[end], (max(stretch) - min(stretch)) * window / 2)
    return None


def _chained(
    points: Sequence[Timed], doubts: Sequence[float], update: Update, window: float, before: float
) -> tuple[float, float]:
    """Energy by now, from that a window ago; before the first point power was as it was there."""
    start = update.time - window
    i = bisect_right(points, start, key=lambda point: point.time) - 1
    if i < 0:
        return (start - points[0].time) * before + window * update.watts, doubts[0]
    if i + 1 >= len(points):  # read once in longer than a window: what was in between is not known
        gap = start - points[-1].time
        return points[-1].joules + gap * update.watts + window * update.watts, doubts[-1] + gap * update.watts / 2
    a, b = points[i], points[i + 1]
    share = (start - a.time) / (b.time - a.time)
    joules = a.joules + share * (b.joules - a.joules) + window * update.watts
    bend = _bend(points, i) * min(share, 1 - share) * (b.time - a.time) / 2
    return joules, math.hypot(max(doubts[i], doubts[i + 1]), bend, window * QUANTUM)


def _bend(points: Sequence[Timed], i: int) -> float:
    """Watts by which the powers round the stretch after point ``i`` differ."""
    near = [_slope(a, b) for a, b in pairwise(points[max(0, i - 1) : i + 3])]
    return max(near) - min(near)


def _slope(a: Timed, b: Timed) -> float:
    return (b.joules - a.joules) / max(b.time - a.time, 1e-6)
