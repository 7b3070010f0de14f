"""Functions over the last so many seconds, for all devices at once, in memory that no sampling rate makes grow.

The time looked back over is kept in some blocks; what leaves the window leaves it a block at a time, so it is up to a
block longer than was asked for. A column is one value per device; None where it is not known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from operator import gt, lt

Column = list[float | None]
Sum = tuple[Column, list[float]]
"""Of one block or of several."""

BLOCKS = 16
"""Parts in which a window is kept."""
COVERED = 0.9
"""Share of the window from which on it is known; before, it is warming up."""


class Block:
    """A part of a window: for each device the sum and weight, the extreme, or the first value and the growth."""

    __slots__ = ("first", "second", "since")

    def __init__(self, since: float, first: Column, second: list[float]) -> None:
        self.since, self.first, self.second = since, first, second

    @property
    def sum(self) -> Sum:
        """What of it is summed up."""
        return self.first, self.second


class Running:
    """One function over a time. ``push`` each tick, then ``column``.

    Blocks that are over are summed up in two parts, so that a block that comes or goes costs one sum, and nothing is
    ever subtracted: ``_older`` holds the sum of all blocks up to where it was made, of all but the first of them, and
    so on; ``_newer`` is the sum of those since.

    Args:
        seconds: how far it looks back.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._each = seconds, seconds / BLOCKS
        self._blocks: deque[Block] = deque()
        self._older: list[Sum] = []
        self._newer: Sum | None = None
        self._total: Sum | None = None
        """Of all blocks but the last, which goes on; None where there is none."""
        self._starts: list[float | None] = []
        self._last: Column = []
        self._mono: float | None = None

    def push(self, mono: float, column: Column, gap: float) -> None:
        """Take a tick's values.

        Args:
            mono: monotonic seconds.
            column: a value per device, in the same order as before (``realign`` where it changed).
            gap: a silence of more than so many seconds starts anew.
        """
        if self._mono is not None and not 0 <= mono - self._mono <= gap:
            self.restart()
        elapsed = 0.0 if self._mono is None else mono - self._mono
        if not self._starts:
            self._starts = [None] * len(column)
        if None in self._starts:
            self._starts = [
                mono if start is None and value is not None else start
                for start, value in zip(self._starts, column, strict=True)
            ]
        if not self._blocks or mono - self._blocks[-1].since >= self._each:
            self._roll(mono, column)
        self._add(self._blocks[-1], column, elapsed)
        self._last, self._mono = self._remembered(column), mono

    def _roll(self, mono: float, column: Column) -> None:
        """Begin a block; the one before is over, and the oldest go."""
        if self._blocks:
            self._newer = self._joined(self._newer, self._blocks[-1].sum)
        self._blocks.append(self._fresh(mono, column))
        while len(self._blocks) > 2 and self._blocks[1].since <= mono - self._seconds:
            self._blocks.popleft()
            if self._older:
                self._older.pop()
            else:
                self._sum_up()
        self._total = self._joined(self._older[-1] if self._older else None, self._newer)

    def _sum_up(self) -> None:
        """Make ``_older`` anew, of all blocks that are over."""
        self._older, self._newer, total = [], None, None
        for block in islice(reversed(self._blocks), 1, None):
            total = self._joined(block.sum, total)
            if total is not None:
                self._older.append(total)
        self._total = total

    def _joined(self, one: Sum | None, other: Sum | None) -> Sum | None:
        """The sum of both; either may be of nothing."""
        if one is None or other is None:
            return one or other
        return self._both(one, other)

    def restart(self) -> None:
        """Forget everything."""
        self._blocks.clear()
        self._older, self._newer, self._total = [], None, None
        self._starts, self._last, self._mono = [], [], None

    def realign(self, places: Sequence[int | None]) -> None:
        """The devices are others now: for each, its place before."""

        def moved(column: list[float | None]) -> list[float | None]:
            return [None if place is None else column[place] for place in places]

        if self._mono is None:
            return
        if not self._starts or not places:
            self.restart()  # there was, or is, nobody
            return
        for block in self._blocks:
            block.first = moved(block.first)
            block.second = [value or 0.0 for value in moved(list(block.second))] if block.second else []
        self._starts, self._last = moved(self._starts), moved(self._last)
        self._sum_up()

    def column(self) -> Column:
        """The function's value per device; None where it is not known yet."""
        if self._mono is None:
            return []
        enough = self._mono - COVERED * self._seconds
        return [
            value if start is not None and start <= enough else None
            for start, value in zip(self._starts, self._values(), strict=True)
        ]

    @property
    def counts(self) -> bool:
        """Whether it follows a counter, which begins again with its device."""
        return False

    def so_far(self) -> Column:
        """As ``column``, without waiting for the whole time: of a growth, the least that it can come to."""
        if self._mono is None:
            return []
        every = zip(self._starts, self._values(), strict=True)
        return [None if start is None else value for start, value in every]

    def _remembered(self, column: Column) -> Column:
        """What the next tick is compared with."""
        return column

    def _fresh(self, mono: float, column: Column) -> Block:
        raise NotImplementedError

    def _add(self, block: Block, column: Column, elapsed: float) -> None:
        raise NotImplementedError

    def _both(self, one: Sum, other: Sum) -> Sum:
        raise NotImplementedError

    def _values(self) -> Column:
        raise NotImplementedError


class Mean(Running):
    """The mean over time: each value counts for the time since the one before."""

    def _fresh(self, mono: float, column: Column) -> Block:
        return Block(mono, [0.0] * len(column), [0.0] * len(column))

    def _add(self, block: Block, column: Column, elapsed: float) -> None:
        block.first = [s if v is None else (s or 0.0) + v * elapsed for s, v in zip(block.first, column, strict=True)]
        block.second = [w if v is None else w + elapsed for w, v in zip(block.second, column, strict=True)]

    def _both(self, one: Sum, other: Sum) -> Sum:
        first: Column = [(a or 0.0) + (b or 0.0) for a, b in zip(one[0], other[0], strict=True)]
        return first, [a + b for a, b in zip(one[1], other[1], strict=True)]

    def _values(self) -> Column:
        sums, weights = self._joined(self._total, self._blocks[-1].sum) or ([], [])
        return [(value or 0.0) / weight if weight > 0 else None for value, weight in zip(sums, weights, strict=True)]


class Extreme(Running):
    """The greatest or the least value.

    Args:
        seconds: how far it looks back.
        beyond: whether a value is more extreme than another.
    """

    def __init__(self, seconds: float, beyond: Callable[[float, float], bool]) -> None:
        super().__init__(seconds)
        self._beyond = beyond

    def _fresh(self, mono: float, column: Column) -> Block:
        return Block(mono, list(column), [])

    def _add(self, block: Block, column: Column, elapsed: float) -> None:
        del elapsed
        block.first = self._both((block.first, []), (column, []))[0]

    def _both(self, one: Sum, other: Sum) -> Sum:
        beyond, every = self._beyond, zip(one[0], other[0], strict=True)
        return [a if b is None or (a is not None and not beyond(b, a)) else b for a, b in every], []

    def _values(self) -> Column:
        return (self._joined(self._total, self._blocks[-1].sum) or ([], []))[0]


class Change(Running):
    """By how much it changed; a counter's growth, which knows that a counter may begin again.

    Args:
        seconds: how far it looks back.
        counter: it only grows, until it begins again at 0.
        rate: per second.
    """

    def __init__(self, seconds: float, *, counter: bool, rate: bool) -> None:
        super().__init__(seconds)
        self._counter, self._rate = counter, rate

    @property
    def counts(self) -> bool:
        """As its counter."""
        return self._counter

    def _fresh(self, mono: float, column: Column) -> Block:
        # It begins where the last one ended: what changed in between belongs to it.
        since, first = (mono, column) if self._mono is None else (self._mono, self._last)
        return Block(since, list(first), [0.0] * len(column))

    def _add(self, block: Block, column: Column, elapsed: float) -> None:
        del elapsed
        block.first = [b if a is None else a for a, b in zip(block.first, column, strict=True)]
        if self._counter and self._last:
            every = zip(block.second, self._last, column, strict=True)
            block.second = [g if a is None or b is None or b < a else g + b - a for g, a, b in every]

    def _remembered(self, column: Column) -> Column:
        """A counter that was not read this time still is what it was."""
        if not self._counter or None not in column or not self._last:
            return column
        return [a if b is None else b for a, b in zip(self._last, column, strict=True)]

    def _both(self, one: Sum, other: Sum) -> Sum:
        return [], [a + b for a, b in zip(one[1], other[1], strict=True)]

    def _values(self) -> Column:
        oldest = self._blocks[0]
        span = (self._mono or 0.0) - oldest.since
        over = span if self._rate else 1.0
        if over <= 0:
            return [None] * len(self._starts)
        if self._counter:
            _, growth = self._joined(self._total, self._blocks[-1].sum) or ([], [])
            return [each / over for each in growth]
        ends = zip(oldest.first, self._last, strict=True)
        return [None if a is None or b is None else (b - a) / over for a, b in ends]


def running(function: str, seconds: float, *, counter: bool) -> Running:
    """The function of this name (``mean``, ``max``, ``min``, ``rate``, ``delta``) over so many seconds."""
    if function == "mean":
        return Mean(seconds)
    if function in ("max", "min"):
        return Extreme(seconds, gt if function == "max" else lt)
    return Change(seconds, counter=counter, rate=function == "rate")
