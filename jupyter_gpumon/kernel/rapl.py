"""Energy of CPU and memory over a cell, from the host's counters, which are read once a second."""

from __future__ import annotations

from ..model import Energy, Host

_COUNTERS = {"cpu_energy": "cpu", "dram_energy": "memory"}
Reading = tuple[float, float]
"""(monotonic seconds, joules)"""


class HostEnergy:
    """Keeps the readings around the start and the end of one window."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._readings: dict[str, list[Reading]] = {}

    def add(self, mono: float, host: Host) -> None:
        """Take one reading of the host."""
        for metric, name in _COUNTERS.items():
            joules = getattr(host, metric)
            if joules is not None:
                kept = self._readings.setdefault(name, [])
                kept.append((mono, joules))
                # Only the readings beside the start and the newest ones matter: a cell may run for days.
                if len(kept) > 8 and kept[2][0] > self._start:
                    del kept[3]
                elif len(kept) > 16:
                    del kept[0]

    def over(self, end: float) -> dict[str, Energy]:
        """Energy from the start to ``end`` per domain; no entry where the counter cannot be read."""
        found = {name: _between(readings, self._start, end) for name, readings in self._readings.items()}
        return {name: energy for name, energy in found.items() if energy is not None}


def _between(readings: list[Reading], start: float, end: float) -> Energy | None:
    first, last = _at(readings, start), _at(readings, end)
    if first is None or last is None or last[0] < first[0]:
        return None  # too few readings, or the counter began anew
    return Energy(
        joules=last[0] - first[0], low=max(0.0, last[1] - first[2]), high=max(0.0, last[2] - first[1]), method="rapl"
    )


def _at(readings: list[Reading], moment: float) -> tuple[float, float, float] | None:
    """(value, lowest, highest) of a growing counter at a moment: linear between two readings, and on from the last."""
    if len(readings) < 2 or moment < readings[0][0]:
        return None
    after = next((i for i, (mono, _) in enumerate(readings) if mono >= moment), len(readings))
    (t0, e0), (t1, e1) = readings[max(0, min(after, len(readings) - 1) - 1) :][:2]
    value = e0 + (e1 - e0) * (moment - t0) / (t1 - t0)
    if moment > t1:
        # No reading yet: the power may have been anything from nothing to twice what it was.
        return value, e1, 2 * value - e1
    return value, e0, e1
