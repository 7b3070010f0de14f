"""How late a counter is: found where power changes, by when the counter shows what the power readings showed. Pure.

An update at ``e`` shows the energy up to ``e - delay``. Between two updates whose moments are known, the growth of the
counter must therefore be the integral of power between the same two moments less the delay. While power is constant any
delay will do; each step narrows it down, and the steps of many cells together to a millisecond or two.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ..model import Edge

FROM, TO, STEP = -0.06, 0.30, 0.004
"""Delays that are tried, seconds. Less than none means that the power readings are the later ones."""
_DELAYS = tuple(FROM + n * STEP for n in range(round((TO - FROM) / STEP) + 1))
NARROW = 0.025
"""Seconds within which the moment of an update must be known."""
CONTRAST = (15.0, 0.2)
"""Watts, and share of the highest power, by which power must change for a stretch to tell something."""
ROUNDING = 0.004
"""Share by which counter and power may differ for other reasons."""
SURE = 0.0025
"""Seconds (standard deviation) to which a delay must be known to be told."""
STEPS = 3
"""Stretches with a change that it must rest on."""
SETTLED = 30
"""Stretches after which no more are taken."""
NEWS = 0.0015
"""Seconds by which another delay is worth telling, where it is known that well."""


class Found(NamedTuple):
    """A delay and its standard deviation, seconds."""

    delay: float
    off: float


class DelayFit:
    """The delay of one board's counter, from stretches of edges and power readings."""

    def __init__(self) -> None:
        self._chi = [0.0] * len(_DELAYS)
        """How badly each delay fits: the sum of squared misfits, each over what the edges' moments leave open."""
        self._rows = 0
        self.stretches = 0
        """How many have told something."""

    def take(self, edges: Sequence[Edge], readings: Sequence[tuple[float, float]]) -> bool:
        """Take edges, and (monotonic time, watts): each the mean since the one before. True where they told something.

        The readings must begin ``TO`` before the first edge and end ``-FROM`` after the last.
        """
        watts = [power for _, power in readings]
        if len(edges) < 2 or not watts or max(watts) - min(watts) < max(CONTRAST[0], CONTRAST[1] * max(watts)):
            return False
        trace = _Integral(readings)
        pairs = list(pairwise(edge for edge in edges if _width(edge) < NARROW))
        if not pairs:
            return False
        swing = max(watts) - min(watts)
        grown = [b.joules - a.joules for a, b in pairs]
        doubts = [
            (swing * math.hypot(_width(a), _width(b)) / math.sqrt(12)) ** 2 + (ROUNDING * joules) ** 2 + 1e-6
            for (a, b), joules in zip(pairs, grown, strict=True)
        ]
        for n, delay in enumerate(_DELAYS):
            drawn = [trace.at(_middle(b) - delay) - trace.at(_middle(a) - delay) for a, b in pairs]
            # Sensors may differ by some percent in scale; that is not what is looked for.
            scale = sum(grown) / max(1e-9, sum(drawn))
            rows = zip(grown, drawn, doubts, strict=True)
            self._chi[n] += sum((joules - scale * power) ** 2 / doubt for joules, power, doubt in rows)
        self._rows += len(pairs)
        self.stretches += 1
        return True

    @property
    def found(self) -> Found | None:
        """The delay that fits best; None while it is not known well enough."""
        best = min(range(len(_DELAYS)), key=self._chi.__getitem__)
        if self.stretches < STEPS or not 0 < best < len(_DELAYS) - 1:
            return None
        before, here, after = self._chi[best - 1 : best + 2]
        bend = before + after - 2 * here
        if bend <= 0:
            return None
        scatter = max(1.0, here / max(1, self._rows))
        off = STEP * math.sqrt(2 * scatter / bend)
        shift = STEP * (before - after) / (2 * bend)
        return Found(_DELAYS[best] + shift, off) if off <= SURE else None


class _Integral:
    """Energy over time of readings, each the mean since the one before."""

    def __init__(self, readings: Sequence[tuple[float, float]]) -> None:
        self._monos = [mono for mono, _ in readings]
        self._joules = [0.0]
        for (since, _), (until, watts) in pairwise(readings):
            self._joules.append(self._joules[-1] + watts * (until - since))

    def at(self, mono: float) -> float:
        """Joules since the first reading."""
        i = min(max(1, bisect_left(self._monos, mono)), len(self._monos) - 1)
        since, until = self._monos[i - 1], self._monos[i]
        slope = (self._joules[i] - self._joules[i - 1]) / max(1e-9, until - since)
        return self._joules[i - 1] + slope * (mono - since)


def _width(edge: Edge) -> float:
    return edge.mono - edge.since


def _middle(edge: Edge) -> float:
    return (edge.mono + edge.since) / 2


class DelayWatch:
    """Feeds the fits of all boards as edges and readings come, in stretches of a second or two."""

    def __init__(self) -> None:
        self._fits: dict[str, DelayFit] = {}
        self._edges: dict[str, list[Edge]] = {}
        self._readings: dict[str, list[tuple[float, float]]] = {}
        self._told: dict[str, float] = {}

    def learns(self, uuid: str) -> bool:
        """Whether more is worth knowing about this board."""
        return uuid not in self._fits or self._fits[uuid].stretches < SETTLED

    def note(self, edges: Sequence[Edge]) -> None:
        """Take edges as they come."""
        for edge in edges:
            kept = self._edges.setdefault(edge.uuid, [])
            if kept and edge.joules < kept[-1].joules:
                kept.clear()  # A counter that began anew.
            kept.append(edge)
            del kept[:-200]

    def take(self, uuid: str, readings: Sequence[tuple[float, float]], told: float | None) -> float | None:
        """Take readings of a board in ascending time; a delay that is worth telling, given the one that was told."""
        kept = self._readings.setdefault(uuid, [])
        if kept and readings and not kept[-1][0] < readings[0][0] < kept[-1][0] + 0.5:
            kept.clear()  # Nobody looked in between.
        kept += readings
        if not kept:
            return None
        fit = self._fits.setdefault(uuid, DelayFit())
        edges = self._edges.get(uuid, [])
        ready = [edge for edge in edges if kept[0][0] + TO < _middle(edge) < kept[-1][0] + FROM]
        if len(ready) < 2 or ready[-1].mono - ready[0].mono < 0.8:
            return None
        fit.take(ready, kept)
        last = ready[-1]  # It opens the next stretch.
        self._edges[uuid] = [edge for edge in edges if edge.mono >= last.mono]
        self._readings[uuid] = [each for each in kept if each[0] > _middle(last) - TO - 0.15]
        found = fit.found
        if found is None or (told is not None and abs(found.delay - told) < max(NEWS, 1.5 * found.off)):
            return None
        return found.delay
