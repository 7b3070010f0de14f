"""What one GPU can tell: the way that works for each metric, or why there is none. Asked once, for asking costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from .driver import ERROR, MIG, PERMISSION, UNSUPPORTED, Absent
from .fields import Entry
from .table import Table
from .ways import Activity, Call, Fields, Look, Plan, Way

RETRY = 60.0
"""Seconds until a metric that was refused, or failed thrice on end, is asked for again."""

PATIENCE = 3
"""Failures on end that are passed over in silence: most heal by themselves."""


class Ability:
    """The memory of one GPU; ``now`` is the caller's monotonic clock.

    Args:
        table: metric → ways.
        links: NVLinks of this GPU.
        not_with_mig: metrics that are absent because of MIG, without asking.
    """

    def __init__(self, table: Table, links: int = 0, not_with_mig: Iterable[str] = ()) -> None:
        self._ways = {
            name: [way.on(links) if isinstance(way, Fields) else way for way in ways] for name, ways in table.items()
        }
        self._missing: dict[str, Absent] = dict.fromkeys(not_with_mig, MIG)
        self._retry: dict[str, float] = {}
        self._failures: Counter[str] = Counter()
        self._proven: set[str] = set()
        self._plans: dict[frozenset[str], Plan] = {}

    @property
    def absent(self) -> dict[str, str]:
        """Metric → reason."""
        return {name: missing.reason for name, missing in self._missing.items()}

    @property
    def awaited(self) -> frozenset[str]:
        """Metrics that will be there after a second look."""
        return frozenset(name for name, reason in self.absent.items() if reason == "not-yet")

    def way(self, name: str) -> Way:
        """The way that works for this metric, as far as is known yet."""
        return self._ways[name][0]

    def plan(self, wanted: frozenset[str], now: float) -> Plan:
        """How to look for the wanted; made once, until something else is known."""
        plan = self._plans.get(wanted)
        if plan is None or now >= plan.until:
            plan = self._plans[wanted] = self._plan(wanted, now)
        return plan

    def read(self, name: str, look: Look, now: float) -> Any:
        """The metric's value in base units, or None; why is in ``absent``."""
        ways = self._ways[name]
        value = look.read(ways[0])
        while value == UNSUPPORTED and len(ways) > 1:
            ways.pop(0)
            value = look.read(ways[0])
        if isinstance(value, Absent):
            self._remember(name, value, now)
            return None
        if name not in self._proven or name in self._missing:
            self._proven.add(name)
            self._missing.pop(name, None)
            self._plans.clear()
        if self._failures:
            self._failures.pop(name, None)
        return value

    def _plan(self, wanted: frozenset[str], now: float) -> Plan:
        names = tuple(name for name in self._ways if name in wanted and self._is_askable(name, now))
        fields: dict[Entry, None] = {}
        calls: dict[tuple[str, tuple[Any, ...]], None] = {}
        activities: set[int] = set()
        for name in names:
            way = self._ways[name][0]
            if isinstance(way, Activity):
                activities.add(way.metric)
            elif isinstance(way, Call):
                calls[way.function, way.args] = None
            elif isinstance(way, Fields) and name in self._proven:  # one unproven id could spoil a batch
                fields.update(dict.fromkeys(way.entries))
        until = min((self._retry[name] for name in wanted - set(names) if name in self._retry), default=math.inf)
        return Plan(names, tuple(fields), tuple(sorted(activities)), tuple(calls), until)

    def _is_askable(self, name: str, now: float) -> bool:
        missing = self._missing.get(name)
        if missing in (UNSUPPORTED, MIG):
            return False
        return missing not in (PERMISSION, ERROR) or now >= self._retry[name]

    def _remember(self, name: str, missing: Absent, now: float) -> None:
        if missing == ERROR:
            self._failures[name] += 1
            if self._failures[name] < PATIENCE:
                return
        self._missing[name] = missing
        self._plans.clear()
        if missing in (PERMISSION, ERROR):
            self._retry[name] = now + RETRY
