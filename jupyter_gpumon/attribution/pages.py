"""What attribution keeps of one device: how far its time is charged, who was seen on it, and where its energy went."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .claims import Charge, Claim
from .shares import Present


class Look(NamedTuple):
    """Who was on a device in the time before ``mono``, back to the look before."""

    mono: float
    present: tuple[Present, ...]


@dataclass
class Sums:
    """Where the energy of one device went since attribution began, in joules. The parts add up to ``total``."""

    total: float = 0.0
    cells: dict[str, float] = field(default_factory=dict)
    """By group: to its claims, each joule once."""
    background: dict[str, float] = field(default_factory=dict)
    """By group: to work that outlived a claim."""
    between: dict[str, float] = field(default_factory=dict)
    """By group: outside its claims, while it did nothing or what nobody wanted to be measured."""
    others: dict[str, float] = field(default_factory=dict)
    """By group that has no claims here."""
    idle: float = 0.0
    """While nobody was on the device."""
    unattributed: float = 0.0
    unknown: float = 0.0
    """Seconds for which nobody knows what the device drew; they are in no sum."""


class Page:
    """One device: how far its time is charged, who was looked at beyond that, and where the energy went."""

    def __init__(self, start: float) -> None:
        self.start = self.cursor = start
        self.value: float | None = None
        """The counter at the cursor."""
        self.looks: list[Look] = []
        self.charges: dict[str, Charge] = {}
        self.sums = Sums()

    def stop(self) -> None:
        """The clock begins anew: no time is charged before somebody looks again."""
        self.cursor, self.value, self.looks = math.inf, None, []

    @property
    def stopped(self) -> bool:
        """Whether nobody has looked since ``stop``."""
        return self.cursor == math.inf

    def present(self, until: float) -> tuple[Present, ...]:
        """Who was there just before that moment; after the last look, who was there then."""
        index = bisect_left(self.looks, until, key=lambda look: look.mono)
        return self.looks[min(index, len(self.looks) - 1)].present if self.looks else ()

    def works_on(self, who: str, until: float, ended: float) -> bool:
        """Whether a group was at work just before that moment, after its last claim had ended.

        A look that reaches back into the claim may have seen the claim's own work: then the next look tells.
        """
        index = bisect_left(self.looks, until, key=lambda look: look.mono)
        if index == 0 or self.looks[index - 1].mono < ended:
            index += 1
        return index < len(self.looks) and any(one.who == who and one.busy for one in self.looks[index].present)

    def cuts(self, until: float, claims: Sequence[Claim]) -> list[float]:
        """Where the time from the cursor to there is to be cut."""
        moments = {self.cursor, until}
        moments.update(look.mono for look in self.looks)
        moments.update(claim.start for claim in claims)
        moments.update(claim.end for claim in claims if claim.end is not None)
        return sorted(moment for moment in moments if self.cursor <= moment <= until)

    def forget_looks(self) -> None:
        """Those that will not be asked for again: the last one stands until there is a newer one."""
        index = bisect_left(self.looks, self.cursor, key=lambda look: look.mono)
        del self.looks[: max(0, min(index, len(self.looks) - 1) - 1)]
