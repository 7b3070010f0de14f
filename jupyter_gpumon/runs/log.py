"""What a run logs. Whoever logs only appends to a list; all else is done when somebody looks."""

from __future__ import annotations

import math
import re
import threading
from array import array
from bisect import bisect_left
from collections.abc import Mapping

from ..errors import RunError
from ..experiments import KINDS, Logged, Stats, bounds
from . import stats

KEPT = 2000
"""Values kept of a metric to be drawn; its statistics are of all that were logged."""

_UNITS = (
    (r"_(s|secs?|seconds)$", "seconds"), (r"_bytes$", "bytes"), (r"_(j|joules)$", "joules"),
    (r"_(w|watts)$", "watts"), (r"_(ratio|share)$", "ratio"),
)  # fmt: skip
"""The end of a metric's name → its unit, where nobody said one. ``_per_s`` is a rate, and no time."""

_LEVELS = ("cache_hit_rate", "task_success_rate")


class Metric:
    """One metric: ``append((time, value))`` is all that logging does."""

    def __init__(self, kind: str, unit: str) -> None:
        self.kind, self.unit, self.skipped = kind, unit, 0
        self._new: list[tuple[float, float]] = []
        self.append = self._new.append
        self._times, self._values = array("d"), array("d")
        self._bounds = bounds(unit) if kind == "histogram" else ()
        self._buckets = [0] * (len(self._bounds) + 1) if self._bounds else []
        self._lock = threading.Lock()

    def take(self) -> array[float]:
        """Put by what was appended since the last call, and give all values. Safe while another thread appends."""
        with self._lock:
            count = len(self._new)
            for time, value in self._new[:count]:
                if math.isfinite(value):
                    self._times.append(time)
                    self._values.append(value)
                    if self._bounds:
                        self._buckets[bisect_left(self._bounds, value)] += 1
                else:
                    self.skipped += 1
            del self._new[:count]
            return self._values

    def brief(self) -> Logged:
        """How it stands: what can be told without sorting."""
        values = self.take()
        if not values:
            return Logged(kind=self.kind, unit=self.unit, skipped=self.skipped)
        total = math.fsum(values)
        said = Stats(count=len(values), sum=total, last=values[-1], mean=total / len(values))
        return Logged(kind=self.kind, unit=self.unit, stats=said, buckets=tuple(self._buckets), skipped=self.skipped)

    def logged(self, start: float) -> Logged:
        """All of it, with values to draw; times count from ``start``."""
        values = self.take()
        every = max(1, math.ceil(len(values) / KEPT))
        return Logged(
            kind=self.kind,
            unit=self.unit,
            stats=stats.of(values),
            times=tuple(round(time - start, 6) for time in self._times[::every]),
            values=tuple(values[::every]),
            buckets=tuple(self._buckets) if values else (),
            skipped=self.skipped,
        )


class Log:
    """The metrics of one run by name."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def metric(self, name: str, kind: str | None = None, unit: str | None = None) -> Metric:
        """The metric of that name, made when it is first asked for.

        Raises:
            RunError: the name is empty, or there is no such kind, or it is of another kind already.
        """
        found = self._metrics.get(name)
        if found is None:
            found = self._metrics.setdefault(_checked(name), Metric(_kind(kind or "gauge"), unit or unit_of(name)))
        if kind is not None and kind != found.kind:
            raise RunError(f"{name} is a {found.kind} in this run; it cannot be a {_kind(kind)} too. Use another name.")
        return found

    def has(self, name: str) -> bool:
        """Whether a metric of that name was logged."""
        return name in self._metrics

    def brief(self) -> dict[str, Logged]:
        """How all of them stand."""
        return {name: metric.brief() for name, metric in tuple(self._metrics.items())}

    def logged(self, start: float) -> dict[str, Logged]:
        """All of them in full."""
        return {name: metric.logged(start) for name, metric in tuple(self._metrics.items())}


def value_of(metric: Logged) -> float | None:
    """The one number that counts: a gauge's last value, a counter's sum, a histogram's median."""
    said = metric.stats
    return {"counter": said.sum, "histogram": said.median}.get(metric.kind, said.last)


def single(value: float, unit: str = "", kind: str = "gauge") -> Logged:
    """A metric of one value, known at the end."""
    return Logged(kind=kind, unit=unit, stats=stats.of([value]))


def unit_of(name: str) -> str:
    """The unit that a name says; empty where it says none."""
    if name.split(".")[0] in _LEVELS:
        return "ratio"
    if re.search(r"_per_[a-z]+$", name):
        return ""
    return next((unit for end, unit in _UNITS if re.search(end, name)), "")


def number(name: str, value: object) -> float:
    """A logged value as a number; a tensor of one element is one.

    Raises:
        RunError: it is none.
    """
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise RunError(f"{name} takes a number, not {type(value).__name__}.") from None


def numbers(values: object) -> dict[str, float]:
    """A mapping of names to numbers.

    Raises:
        RunError: it is not one.
    """
    if not isinstance(values, Mapping):
        raise RunError(f"log_metrics takes a dict of names and numbers, not {type(values).__name__}.")
    return {str(name): number(str(name), value) for name, value in values.items()}


def _checked(name: str) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise RunError('A metric needs a name of up to 200 characters: log_metric("loss", 0.3).')
    return name


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise RunError(f"A metric is a {', '.join(KINDS[:-1])} or {KINDS[-1]}; not {kind!r}.")
    return kind
