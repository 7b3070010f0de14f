"""Attribution: the energy of every device over time, charged to claims as it becomes known; none lost, none twice.

Time is cut wherever a claim begins or ends and wherever somebody looked who was on the device. Each piece is divided
(``shares.divide``); a group's part goes to its innermost open claims in equal parts, or where none is open to the work
that its last claim left behind. Sums go on while claims come and go, so a claim may last for days.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from itertools import chain, pairwise

from .claims import Charge, Claim, Family, told
from .pages import Look, Page, Sums
from .shares import Division, Part, Present, divide

Curve = Callable[[Sequence[float]], Sequence[float | None]]
"""The energy counter in joules at these moments (monotonic seconds, ascending); None where it cannot be known."""

RESET = 200.0
"""Joules: a counter that falls by more began anew; by less, an earlier reading of it is corrected."""
KEPT = 2000
"""Claims that are over and still have their charges."""
MANY = 64
"""Claims from which on it is looked whether some of them are long over."""
LAG = 60.0
"""Seconds by which a device may be charged later than another, and still to the right claims."""


class Attribution:
    """Claims of any number of groups on any number of devices. Safe from any thread.

    Args:
        own: the groups that make claims; others have none, and what they draw goes to ``Sums.others``.
    """

    def __init__(self, *own: str) -> None:
        self._own = set(own)
        self._pages: dict[str, Page] = {}
        self._claims: dict[str, Claim] = {}
        self._recent: list[Claim] = []
        """Those that time which is still to be charged may belong to."""
        self._last: dict[str, list[Claim]] = {}
        self._lock = threading.RLock()

    def begin(self, uuid: str, mono: float) -> None:
        """Charge this device from that moment on; again does nothing, but after ``reboot``."""
        with self._lock:
            page = self._pages.setdefault(uuid, Page(mono))
            if page.stopped:
                page.start = page.cursor = mono

    def reboot(self) -> None:
        """The clock begins anew. What is charged stays, and open claims go on; no work outlives its claim by this.

        Nobody knows what was drawn from the last moment that is charged until somebody looks again.
        """
        with self._lock:
            for page in self._pages.values():
                self._stop(page)
            self._recent = [claim for claim in self._recent if claim.end is None]
            for claim in chain(self._claims.values(), *self._last.values()):
                claim.start, claim.end = -math.inf, None if claim.end is None else -math.inf
            for who, ended in self._last.items():
                ended.append(_nothing(who, -math.inf))

    def _stop(self, page: Page) -> None:
        if page.looks and page.looks[-1].mono > page.cursor:
            since, until = page.cursor, page.looks[-1].mono
            family = Family((claim for claim in self._recent if claim.holds(since, until)), self._claims)
            _note_unknown(page, family, until - since)
        page.stop()

    def look(self, uuid: str, mono: float, present: Sequence[Present]) -> None:
        """Take who was on a device since the last look."""
        with self._lock:
            page = self._pages.get(uuid)
            if page is not None and (not page.looks or mono > page.looks[-1].mono):
                page.looks.append(Look(mono, tuple(present)))

    def open(self, claim: Claim) -> None:
        """A claim begins: at its start, or where time is charged beyond that already, from there on."""
        with self._lock:
            self._own.add(claim.who)
            self._claims[claim.key] = claim
            self._recent.append(claim)
            if len(self._recent) > MANY:
                self._thin_out()

    def close(self, key: str, end: float) -> None:
        """A claim ends; what was charged beyond that already stays."""
        with self._lock:
            claim = self._claims.get(key)
            if claim is not None and claim.end is None:
                claim.end = end
                ended = self._last.setdefault(claim.who, [])
                ended.append(claim)
                ended.sort(key=lambda one: one.end or 0.0)
                self._prune(ended)

    def mark(self, who: str, mono: float) -> None:
        """Something else of this group begins, without a claim: what it draws is not its last claim's background."""
        with self._lock:
            self._last.setdefault(who, []).append(_nothing(who, mono))

    def forget(self, key: str) -> None:
        """A claim that turned out to be none; what it was charged already stays in the sums."""
        with self._lock:
            claim = self._claims.pop(key, None)
            self._recent = [other for other in self._recent if other is not claim]
            for page in self._pages.values():
                page.charges.pop(key, None)
            for other in self._claims.values():
                if claim is not None and other.parent == key:
                    other.parent = claim.parent

    def ended(self, who: str) -> bool:
        """Whether no claim of this group is open."""
        with self._lock:
            return not any(claim.end is None for claim in self._claims.values() if claim.who == who)

    def span(self, uuid: str) -> tuple[float, float] | None:
        """From when to when this device's time is charged."""
        with self._lock:
            page = self._pages.get(uuid)
            return (page.start, page.cursor) if page else None

    def reached(self, uuid: str) -> float | None:
        """Until when this device's time is charged."""
        page = self._pages.get(uuid)
        return page.cursor if page else None

    def looks(self, uuid: str) -> list[float]:
        """When was looked who is on a device, in the time that is not charged yet; the newest first."""
        page = self._pages.get(uuid)
        return [look.mono for look in reversed(page.looks) if look.mono > page.cursor] if page else []

    def looked(self, uuid: str) -> float | None:
        """When was last looked who is on a device."""
        page = self._pages.get(uuid)
        return page.looks[-1].mono if page and page.looks else None

    def advance(self, uuid: str, until: float, curve: Curve, idle: float | None = None) -> None:
        """Charge a device's time up to there.

        Args:
            uuid: the device.
            until: monotonic seconds; earlier than what is charged already does nothing.
            curve: its energy counter.
            idle: watts it draws without work; None takes all of it for work.
        """
        with self._lock:
            page = self._pages.get(uuid)
            if page is None or until <= page.cursor:
                return
            near = [c for c in self._recent if c.start < until and (c.end is None or c.end >= page.cursor)]
            cuts = page.cuts(until, near)
            values = list(curve(cuts))
            if page.value is not None and values[0] is not None:
                values[0] = page.value  # what was charged already is not charged again
            rising = _rising(values)
            for (since, to), (before, after) in zip(pairwise(cuts), pairwise(rising), strict=True):
                family = Family((claim for claim in near if claim.holds(since, to)), self._claims)
                grown = _grown(before, after)
                if grown is None:
                    _note_unknown(page, family, to - since)
                else:
                    present = page.present(to)
                    division = divide(grown, (idle or 0.0) * (to - since), present)
                    self._charge(page, family, division, (since, to), grown)
            page.cursor, page.value = until, rising[-1]
            page.forget_looks()

    def charge(self, uuid: str, key: str) -> Charge:
        """What a claim is charged on a device so far."""
        with self._lock:
            page = self._pages.get(uuid)
            found = page.charges.get(key) if page else None
            return found or Charge()

    def adopt(self, uuid: str, key: str) -> None:
        """Charge a claim with what is nobody's in its time: it used the device, and nobody else was seen on it.

        Its processes may have come to the device, or been seen there, only after its start.
        """
        with self._lock:
            page, claim = self._pages.get(uuid), self._claims.get(key)
            charge = page.charges.get(key) if page else None
            if page is None or claim is None or charge is None or charge.company:
                return
            idle, work = charge.left_idle, charge.left_work
            part = Part(idle + work, idle, idle + work, idle + work)
            page.sums.idle -= idle
            page.sums.unattributed -= work
            page.sums.cells[claim.who] = page.sums.cells.get(claim.who, 0.0) + part.joules
            page.charges.setdefault(told(claim, self._claims).key, Charge()).add_exclusive(part)
            above: Claim | None = claim
            while above is not None:
                round_it = page.charges.get(above.key)
                if round_it is not None:
                    round_it.add(part)
                    round_it.left_idle -= idle
                    round_it.left_work -= work
                above = self._claims.get(above.parent) if above.parent else None

    def sums(self) -> dict[str, Sums]:
        """Where the energy went, by device."""
        with self._lock:
            return {uuid: page.sums for uuid, page in self._pages.items()}

    def _charge(
        self,
        page: Page,
        family: Family,
        division: Division,
        piece: tuple[float, float],
        joules: float,
    ) -> None:
        sums = page.sums
        sums.total += joules
        sums.idle += division.idle
        sums.unattributed += division.unattributed
        for key in family.open:
            charge = page.charges.setdefault(key, Charge())
            charge.whole += joules
            charge.left_idle += division.idle
            charge.left_work += division.unattributed
        for who, part in division.parts.items():
            if who not in self._own:
                sums.others[who] = sums.others.get(who, 0.0) + part.joules
            elif family.of(who):
                sums.cells[who] = sums.cells.get(who, 0.0) + part.joules
                _share(page, family, who, part)
            else:
                self._leave(page, who, part.joules, piece)
            if part.joules > 0:
                for claim in family.open.values():
                    if claim.who != who:
                        page.charges[claim.key].company.add(who)

    def _leave(self, page: Page, who: str, joules: float, piece: tuple[float, float]) -> None:
        """Charge a group none of whose claims is open."""
        since, to = piece
        last = next((c for c in reversed(self._last.get(who, ())) if c.end is not None and c.end <= since), None)
        if last is not None and last.key and page.works_on(who, to, last.end or 0.0):
            page.charges.setdefault(last.key, Charge()).background += joules
            page.sums.background[who] = page.sums.background.get(who, 0.0) + joules
        else:
            page.sums.between[who] = page.sums.between.get(who, 0.0) + joules

    def _thin_out(self) -> None:
        ahead = max((page.cursor for page in self._pages.values()), default=0.0)
        self._recent = [claim for claim in self._recent if claim.end is None or claim.end > ahead - LAG]

    def _prune(self, ended: list[Claim]) -> None:
        """Forget the oldest charges, so that a kernel may run for months."""
        while len(ended) > KEPT:
            self._claims.pop(ended[0].key, None)
            for page in self._pages.values():
                page.charges.pop(ended[0].key, None)
            del ended[0]


def _nothing(who: str, mono: float) -> Claim:
    """Ends the time in which what a group draws is its last claim's background."""
    return Claim("", who, mono, mono)


def _share(page: Page, family: Family, who: str, part: Part) -> None:
    """A group's part in equal parts to its innermost claims, and to those round them."""
    leaves = family.of(who)
    each = Part(*(value / len(leaves) for value in part))
    if len(leaves) > 1:  # work of one process cannot be told apart: any of them may have done all of it
        each = each._replace(low=0.0, high=part.high)
    for leaf in leaves:
        charge = page.charges[leaf.key]
        charge.add(each)
        page.charges[family.told(leaf).key].add_exclusive(each)
        charge.company.update(family.beside(leaf))
    for key in family.open.keys() - {leaf.key for leaf in leaves}:
        below = [leaf for leaf in leaves if key in family.above[leaf.key]]
        if below:
            outer, number = page.charges[key], len(below)
            whole = number == len(leaves)
            outer.add(part if whole else each._replace(joules=each.joules * number, idle=each.idle * number))
            outer.nested |= any(family.told(leaf).key != key for leaf in below)
            outer.company.update(family.beside(family.open[key]))


def _rising(values: Sequence[float | None]) -> list[float | None]:
    """A counter does not fall: where a later reading corrects an earlier one a little, what is charged stays."""
    highest: float | None = None
    found: list[float | None] = []
    for value in values:
        highest = value if value is None or highest is None or value < highest - RESET else max(highest, value)
        found.append(highest)
    return found


def _grown(before: float | None, after: float | None) -> float | None:
    """What a counter grew by; None where that cannot be known, as after it began anew."""
    return None if before is None or after is None or after < before else after - before


def _note_unknown(page: Page, family: Family, seconds: float) -> None:
    page.sums.unknown += seconds
    for key in family.open:
        page.charges.setdefault(key, Charge()).unknown += seconds
