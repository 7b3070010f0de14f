"""Ring buffers of one series: fixed steps of time, in arrays that grow until they are full and then go round.

A slot is ``floor(axis / step)``. Unknown is NaN in here and None outside.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

NAN = float("nan")
NEVER = -(1 << 62)
"""A slot before all others: a recording of a day, played on a machine that is up for an hour, begins before zero."""


class Ring:
    """One series at one step. A gauge keeps float32 means (and extremes), a counter its last value as float64.

    Args:
        step: seconds per slot.
        size: number of slots kept.
        counter: keep the last value of a slot, in full precision, in place of its mean.
        spread: keep the extremes of each slot as well.
    """

    __slots__ = ("_at", "columns", "count", "counter", "first", "last", "size", "step")

    def __init__(self, step: float, size: int, *, counter: bool, spread: bool) -> None:
        self.step, self.size, self.counter = step, size, counter
        self.columns = [array("d" if counter else "f") for _ in range(3 if spread and not counter else 1)]
        self.first, self.last, self.count = 0, NEVER, 0
        self._at = 0
        """Where the last slot is in its columns."""

    def write(self, slot: int, value: float, hold: float) -> None:
        """Put a value into a slot. Slots skipped since the last one, within ``hold`` seconds, are taken to be alike."""
        if slot == self.last:
            self._merge(value)
        elif slot > self.last:
            self._advance(slot, value, hold)

    def _merge(self, value: float) -> None:
        # Hundreds of series come by here every second: whatever can be done without is.
        at, columns = self._at, self.columns
        main = columns[0]
        if self.counter:
            main[at] = value
            return
        self.count += 1
        main[at] += (value - main[at]) / self.count
        if len(columns) == 3:
            if value < columns[1][at]:
                columns[1][at] = value
            if value > columns[2][at]:
                columns[2][at] = value

    def _advance(self, slot: int, value: float, hold: float) -> None:
        skipped = slot - self.last - 1
        if not self.columns[0] or skipped >= self.size:
            self._clear(slot)
        elif skipped:
            self._fill(slot, value, known=(skipped + 1) * self.step <= hold)
        self._put(slot, value)
        self.last, self.count = slot, 1

    def _clear(self, slot: int) -> None:
        for column in self.columns:
            del column[:]
        self.first = slot

    def _fill(self, slot: int, value: float, *, known: bool) -> None:
        before = self.columns[0][(self.last - self.first) % self.size]
        width = slot - self.last
        for n in range(1, width):
            between = before + (value - before) * n / width if self.counter else value
            self._put(self.last + n, between if known else NAN)

    def _put(self, slot: int, value: float) -> None:
        self._at = at = (slot - self.first) % self.size
        for column in self.columns:
            if at == len(column):
                column.append(value)
            else:
                column[at] = value

    def read(self, first: int, stop: int, which: int = 0) -> array[float]:
        """Copy the slots from ``first`` up to ``stop``: values, or with ``which`` the lowest (1) or highest (2)."""
        column = self.columns[which if which < len(self.columns) else 0]
        unknown = array(column.typecode, [NAN])
        low = max(first, self.last - len(column) + 1)
        high = min(stop, self.last + 1)
        if low >= high:
            return unknown * (stop - first)
        start, count = (low - self.first) % self.size, high - low
        part = column[start : start + count]
        part.extend(column[: count - len(part)])
        return unknown * (low - first) + part + unknown * (stop - high)


class Series:
    """One metric of one device in all its tiers, finest first."""

    __slots__ = ("rings",)

    def __init__(self, tiers: Sequence[tuple[float, float]], *, counter: bool) -> None:
        finest = min(step for step, _ in tiers)
        self.rings = [
            Ring(step, max(1, round(kept / step)), counter=counter, spread=step > finest) for step, kept in tiers
        ]

    def write(self, slots: Mapping[float, int], value: float, hold: float) -> None:
        """Put a value into every tier; ``slots`` says for each step which one is now."""
        for ring in self.rings:
            ring.write(slots[ring.step], value, hold)

    def ring(self, step: float) -> Ring:
        """The tier with this step, or the nearest coarser one this series has."""
        return next((ring for ring in self.rings if ring.step >= step), self.rings[-1])
