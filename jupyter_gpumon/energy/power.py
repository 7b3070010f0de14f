"""Energy of one device from readings of its power: where there is no energy counter, or none to be trusted.

A sensor that looks all the time is made into a counter (``pseudo``) and measured as one (``curve``). One that looks
part of the time, or is read too seldom, gives the mean of its looks and what they may have missed (``sampled``). Where
there is no power at all, a share of the limit is an estimate.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ..model import Device, Energy, PowerRun, Sensor
from . import estimate, pseudo, sampled, sensors
from .curve import Marks
from .integrated import DEPTH, HEADROOM, Bounds, between, certain, ends_of, finite, said, slots
from .readings import STALE, Readings

BEFORE, LONG_BEFORE = 35.0, 150.0
"""Seconds of readings before a window that are looked at; and for a quiet stretch to begin with, if one is needed."""
AFTER = 0.4
"""Seconds of readings after a window that are waited for: three updates, which tell the power then."""
NEAR_IDLE, NEAR_LIMIT = 1.25, 0.2
"""Times idle power, or the limit, up to which a level of power is one of rest; above, it may hide what repeats."""
WHOLE = 0.9
"""Share of the time from which on a sensor counts as looking all the time."""
UNKNOWN = 0.25
"""Share of the time that a sensor of which nobody knows is taken to look: the least that is known of any."""
DRIFT, LONG = 0.002, 5.0
"""Seconds by which the updates' times may be off differently at a window's ends, if it lasts so many seconds."""
TOLD = 64
"""Windows whose final answer is kept: it stays, whatever is found out later."""
LEVEL = 1.0
"""Seconds between the readings from which idle is told."""
PREFERRED = ("instant", "buffer", "average")
"""Kinds of readings: the first of those that tell about the same share of the time."""
ESTIMATE = "estimate"


class PowerTrace:
    """Readings of one device's power of the last so many seconds, and the energy of windows of that time.

    Args:
        seconds: for which readings are kept.
        marks: where windows begin and end, those of other devices too.
    """

    def __init__(self, seconds: float, marks: Marks | None = None) -> None:
        self._seconds = seconds
        self._marks = marks or Marks()
        self._kinds: dict[str, Readings] = {}
        self._sensors: dict[str, Sensor] = {}
        self._plain = "instant"
        self._limit: float | None = None
        self._levels: list[float] = []
        self._level_at = -math.inf
        self._told: dict[tuple[float, float], Energy] = {}
        self._origin = (-math.inf, 0.0)

    def meet(self, device: Device) -> None:
        """Take what is known of the device's sensor, by trial or else of its architecture, and its limit."""
        self._sensors = {kind: _sensor(device, kind) for kind in PREFERRED}
        self._limit = device.power_limit_max

    def add(self, mono: float, watts: float, kind: str | None = None) -> None:
        """Take one reading: a kind of ``PowerRun``, or ``estimate``.

        None is a sample's own, as instantaneous as the board can tell: of what kind that is, its finer readings say.
        """
        kind = kind or self._plain
        readings = self._kinds.setdefault(kind, Readings())
        readings.add(mono, watts)
        if kind != ESTIMATE and mono >= self._level_at + LEVEL:
            self._level_at = mono
            insort(self._levels, watts)
            self._levels = self._levels[::2] if len(self._levels) > 2 * self._seconds / LEVEL else self._levels
        if readings.monos[0] < readings.monos[-1] - 1.2 * self._seconds:
            readings.drop(readings.monos[-1] - self._seconds)

    def take(self, run: PowerRun) -> None:
        """Take readings that came together."""
        self._plain = run.kind if run.kind in ("instant", "average") else self._plain
        for mono, watts in zip(run.monos, run.watts, strict=True):
            self.add(mono, watts, run.kind)

    @property
    def idle(self) -> float | None:
        """Watts without work: the 10th percentile of what was seen."""
        return self._levels[len(self._levels) // 10] if self._levels else None

    def settled(self, end: float) -> bool:
        """Whether all that a window ending then needs has come."""
        return any(kept.monos[-1] >= end + self._after(kind, end) for kind, kept in self._kinds.items())

    def _after(self, kind: str, end: float) -> float:
        """Seconds of readings that are waited for after a window."""
        gap = self._kinds[kind].gap(end, end)
        return max(AFTER, (3 if kind == "average" else 1) * gap) if gap < STALE else AFTER

    def measure(self, start: float, end: float, *, mark: bool = True) -> Energy:
        """Energy between two monotonic times; without a number where nobody watched.

        Args:
            start: monotonic seconds.
            end: the same.
            mark: whether other work than before and after runs in this time.
        """
        if (start, end) in self._told:
            return self._told[start, end]
        if mark:
            self._marks.add(start, end)
        final = self.settled(end)
        best = self._best(start, end) if end > start else None
        if best is None:
            return self._foreseen(start, end, final=final)
        if best == ESTIMATE:
            return estimate.energy(self._kinds[best].held(start, end)[1], final=final)
        share = self._share(best, start, end)
        counted = best != "instant" or share >= WHOLE
        found = self._counted(best, start, end, share) if counted else self._sampled(best, start, end, share)
        if found is None:
            return self._foreseen(start, end, final=final)
        idle = None if self.idle is None or found.joules is None else self.idle * (end - start)
        found = replace(found, idle=idle, method="power", final=final)
        if final:
            self._told[start, end] = found
            if len(self._told) > TOLD:
                del self._told[next(iter(self._told))]
        return found

    def at(self, moments: Sequence[float]) -> list[float | None]:
        """Joules since some time, at these ascending moments; None where nobody watched. Differences are what counts.

        A moment between two updates is on the straight line between them.
        """
        if not moments:
            return []
        since = self._origin[0] if moments[0] - STALE < self._origin[0] + BEFORE else moments[0]
        best = self._best(min(since, moments[0]), moments[-1])
        if best is None:
            return [None] * len(moments)
        points = self._counter(best, min(since, moments[0]), max(since, moments[-1])).points
        base = self._origin[1] - between(points, since)
        values = [base + between(points, moment) for moment in moments]
        self._origin = (moments[-1], values[-1])
        return list(values)

    def _best(self, start: float, end: float) -> str | None:
        """The kind of readings that tells about most of the time of a window; measured ones before estimates."""
        measured = [kind for kind in PREFERRED if kind in self._kinds] or list(self._kinds)
        shares = {k: round(self._share(k, start, end), 2) for k in measured if self._kinds[k].cover(start, end)}
        return max(shares, key=lambda kind: shares[kind], default=None)

    def _share(self, kind: str, start: float, end: float) -> float:
        """Part of the time of a window that this kind of reading tells about."""
        sensor, gap = self._sensor(kind), 0.98 * self._kinds[kind].gap(start, end)
        window = sensor.window or pseudo.UPDATE
        if sensor.window is None or sensor.duty is None:
            return UNKNOWN * min(1.0, window / gap)
        return sensor.duty * min(1.0, window / gap) if kind == "average" else min(sensor.duty, window / gap)

    def _sensor(self, kind: str) -> Sensor:
        return self._sensors.get(kind) or Sensor(method=kind)

    def _every(self, kind: str) -> float:
        return self._sensor(kind).update or pseudo.UPDATE

    def _bounds(self, near: Iterable[float]) -> Bounds:
        least = min([*near, *self._levels[:1]], default=0.0)
        return Bounds(DEPTH * max(0.0, least), HEADROOM * self._limit if self._limit else math.inf)

    def _updates(self, kind: str, start: float, end: float) -> list[pseudo.Update]:
        monos, watts = self._kinds[kind].between(start - BEFORE, end + self._after(kind, end))
        return pseudo.updates(monos, watts, self._sensor(kind).update, exact=kind == "buffer")

    def _counter(self, kind: str, start: float, end: float) -> pseudo.Curve:
        """The readings round a window as a counter."""
        if kind != "average":
            return pseudo.integral(self._updates(kind, start, end))
        window = self._sensor(kind).window or 1.0
        lowest = self._levels[0] if self._levels else 0.0
        near = max(NEAR_IDLE * (self.idle or 0.0), NEAR_LIMIT * (self._limit or 0.0))
        anchor = pseudo.anchor_before(*self._kinds[kind].between(start - LONG_BEFORE, start), window, near, lowest)
        found = self._updates(kind, start if anchor is None else min(start, anchor.mono - window + BEFORE), end)
        return pseudo.deconvolved(found, window, near, anchor)

    def _counted(self, kind: str, start: float, end: float, share: float) -> Energy | None:
        """As from a counter, with what the readings leave open on top; None where they do not reach far enough."""
        curve = self._counter(kind, start, end)
        together = self._kinds[kind].gap(start, end) < 1.3 * self._every(kind)
        ends = ends_of(curve, self._marks, self.idle or 0.0, start, end, together=together)
        if ends is None:
            return None
        opened, closed, doubt = ends
        joules, seconds = closed.energy(end) - opened.energy(start), end - start
        doubt += joules * DRIFT * min(1.0 / seconds, 1.0 / LONG)
        powers = slots(curve.points, start, end)
        bounds = self._bounds(powers)
        if share >= WHOLE:
            return said(joules, (joules - doubt, joules + doubt), certain(curve, start, end, bounds))
        below, above = sampled.doubt(powers, share, bounds.floor, self._limit or bounds.ceiling)
        likely = joules - doubt - below * seconds, joules + doubt + above * seconds
        found = said(joules, likely, (bounds.floor * seconds, bounds.ceiling * seconds))
        return replace(found, warning=self._caution(kind, powers, share, self._every(kind)))

    def _caution(self, kind: str, watts: Sequence[float], share: float, update: float) -> str:
        return sampled.caution(watts, None if self._sensor(kind).duty is None else share, update)

    def _sampled(self, kind: str, start: float, end: float, share: float) -> Energy:
        """The mean of the looks that surely saw nothing but the window."""
        gap = self._kinds[kind].gap(start, end)
        window = self._sensor(kind).window or (gap if kind == "buffer" else pseudo.UPDATE)
        looks = [
            sampled.Look(update.time - window, update.time, (update.high - update.low) / 2, update.watts)
            for update in self._updates(kind, start, end)
            if update.seen
        ]
        inside, seconds = sampled.within(looks, start, end), end - start
        watts = [look.watts for look in inside]
        bounds = self._bounds(watts)
        sure = bounds.floor * seconds, bounds.ceiling * seconds
        warning = self._caution(kind, watts, share, max(gap, self._every(kind)))
        if not inside:
            return Energy(high=finite(sure[1]), least=sure[0], most=finite(sure[1]), warning=warning)
        middle = sampled.mean(inside, start, end)
        below, above = sampled.doubt(watts, share, bounds.floor, self._limit or bounds.ceiling)
        return replace(
            said(middle * seconds, ((middle - below) * seconds, (middle + above) * seconds), sure), warning=warning
        )

    def _foreseen(self, start: float, end: float, *, final: bool) -> Energy:
        """While readings are still to come, or too few for more: straight lines between them, and the last goes on.

        Each stretch may have had any power that the readings next to it had. Nothing where nobody looked.
        """
        for kind, kept in ((kind, self._kinds[kind]) for kind in PREFERRED if kind in self._kinds and end > start):
            if kept.monos[-1] + STALE >= end and kept.cover(start, min(end, kept.monos[-1])):
                low, joules, high = kept.held(start, end)
                bounds = self._bounds([])
                sure = bounds.floor * (end - start), bounds.ceiling * (end - start)
                likely = (low, high) if kept.monos[-1] >= end and kind != "average" else sure
                return replace(said(joules, likely, sure), method="power", final=final)
        return Energy(method="power", final=final)


def _sensor(device: Device, kind: str) -> Sensor:
    """What is known of a kind of reading: a trial goes before the table."""
    known, tried = sensors.known(device, kind), device.sensor
    if tried is None or kind != (tried.method if tried.method in PREFERRED else "instant"):
        return known
    return replace(
        known,
        update=tried.update or known.update,
        window=tried.window or known.window,
        duty=tried.duty or known.duty,
        provenance=tried.provenance or known.provenance,
    )
