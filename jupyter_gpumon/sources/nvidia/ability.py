"""What one GPU can tell: the way that works for each metric, or why there is none. Asked once, for asking costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from .driver import ERROR, MIG, PERMISSION, UNSUPPORTED, Absent
from .table import Table
from .ways import Activity, Look, Way

RETRY = 60.0
"""Seconds until a metric that was refused, or failed thrice on end, is asked for again."""

PATIENCE = 3
"""Failures on end that are passed over in silence: most heal by themselves."""


class Ability:
    """The memory of one GPU; ``now`` is the caller's monotonic clock."""

    def __init__(self, table: Table, not_with_mig: Iterable[str] = ()) -> None:
        self._ways = {name: list(ways) for name, ways in table.items()}
        self._missing: dict[str, Absent] = dict.fromkeys(not_with_mig, MIG)
        self._retry: dict[str, float] = {}
        self._failures: Counter[str] = Counter()
        self._proven: set[str] = set()

    @property
    def absent(self) -> dict[str, str]:
        """Metric → reason."""
        return {name: missing.reason for name, missing in self._missing.items()}

    @property
    def awaited(self) -> list[str]:
        """Metrics that will be there after a second look."""
        return [name for name, reason in self.absent.items() if reason == "not-yet"]

    def askable(self, wanted: Iterable[str], now: float) -> list[str]:
        """Those of the wanted that are worth a call now."""
        return [name for name in wanted if name in self._ways and self._is_askable(name, now)]

    def expected(self, names: Iterable[str]) -> list[Way]:
        """The ways that will be gone, as far as known. Unproven field ids are left out, for one could spoil a batch."""
        first = ((name, self._ways[name][0]) for name in names)
        return [way for name, way in first if name in self._proven or isinstance(way, Activity)]

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
        self._proven.add(name)
        self._failures.pop(name, None)
        self._missing.pop(name, None)
        return value

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
        self._retry[name] = now + RETRY
