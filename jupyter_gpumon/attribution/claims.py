"""Claims on energy: the cells and measured blocks of one or more kernels, side by side and within each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .shares import Part


@dataclass
class Claim:
    """A window of time for which a group of processes wants to know its energy; open while ``end`` is None."""

    key: str
    who: str
    start: float
    end: float | None = None
    parent: str | None = None
    """Key of the claim within which this one was made."""
    part: bool = False
    """It has no record: what it is charged is in the record of the claim within which it was made."""

    def holds(self, since: float, until: float) -> bool:
        """Whether all of this time is within the claim."""
        return self.start <= since and (self.end is None or until <= self.end)


@dataclass
class Charge:
    """What one claim is charged on one device, in joules. ``whole`` is all the device drew in its time."""

    joules: float = 0.0
    """With the claims nested in it."""
    exclusive: float = 0.0
    """Without those of them that have records of their own."""
    idle: float = 0.0
    """Part of ``joules``: its share of what the device draws without work."""
    low: float = 0.0
    high: float = 0.0
    """Between these ``joules`` lies, taking ``whole`` as given."""
    exclusive_idle: float = 0.0
    exclusive_low: float = 0.0
    exclusive_high: float = 0.0
    whole: float = 0.0
    left_idle: float = 0.0
    """Part of ``whole``: drawn without work while nobody was there."""
    left_work: float = 0.0
    """Part of ``whole``: drawn by work, nobody knows whose."""
    background: float = 0.0
    """Beyond ``whole``: drawn by its processes after its end, before the next claim of theirs began."""
    company: set[str] = field(default_factory=set)
    """Who else was charged: keys of claims that are neither within this one nor round it, and other groups."""
    nested: bool = False
    """Whether there were claims within it that have records."""
    unknown: float = 0.0
    """Seconds for which nobody knows what the device drew."""

    @property
    def unattributed(self) -> float:
        """What nobody can be charged for, joules."""
        return self.left_idle + self.left_work

    @property
    def others(self) -> float:
        """What went to everybody else in its time, joules."""
        return max(0.0, self.whole - self.joules - self.unattributed)

    def add(self, part: Part) -> None:
        """Charge it or a claim within it."""
        self.joules += part.joules
        self.idle += part.idle
        self.low += part.low
        self.high += part.high

    def add_exclusive(self, part: Part) -> None:
        """The part of a moment in which no claim was open within it."""
        self.exclusive += part.joules
        self.exclusive_idle += part.idle
        self.exclusive_low += part.low
        self.exclusive_high += part.high


class Family:
    """Which of the claims open at one moment lie within which."""

    def __init__(self, open_now: Iterable[Claim], known: dict[str, Claim]) -> None:
        self.open = {claim.key: claim for claim in open_now}
        self._known = known
        parents = {key: set(self._above(claim)) for key, claim in self.open.items()}
        self.above = parents
        """Key → keys of the open claims round it."""
        round_others = set().union(*parents.values()) if parents else set()
        self.leaves = [claim for claim in self.open.values() if claim.key not in round_others]
        """The innermost ones: what is drawn now is theirs."""

    def of(self, who: str) -> list[Claim]:
        """The innermost claims of a group."""
        return [claim for claim in self.leaves if claim.who == who]

    def told(self, claim: Claim) -> Claim:
        """The open claim in whose record it is what this one alone is charged."""
        return told(claim, self.open)

    def beside(self, claim: Claim) -> Iterator[str]:
        """Keys of its group's open claims that are neither within this one nor round it."""
        for key, other in self.open.items():
            if (
                key != claim.key
                and other.who == claim.who
                and key not in self.above[claim.key]
                and claim.key not in self.above[key]
            ):
                yield key

    def _above(self, claim: Claim) -> Iterator[str]:
        seen = {claim.key}
        parent = claim.parent
        while parent is not None and parent not in seen:
            seen.add(parent)
            if parent in self.open:
                yield parent
            above = self._known.get(parent)
            parent = above.parent if above else None


def told(claim: Claim, known: dict[str, Claim]) -> Claim:
    """The claim in whose record it is what this one alone is charged: itself, or the nearest round it that has one."""
    while claim.part and claim.parent in known:
        claim = known[claim.parent]
    return claim
