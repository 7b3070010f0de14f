"""Whose energy it was: what a device drew in a moment, divided among those who were on it.

The idle part (what the device draws without work) goes by memory held, the rest by how busy each kept the device
(energy.md §3.8). Who is the only one at work, or the only one there, has all of it. What nobody can be charged for is
kept apart, and the parts always add up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

DOUBT = 0.2
"""Share of a part by which it may be wrong where two were at work: busy time is not power (energy.md §3.8)."""


class Present(NamedTuple):
    """A group of processes with a context on a device: a kernel's process tree, or all that are nobody's."""

    who: str
    busy: float | None = None
    """Share of the time in which they kept the device busy; None where nobody knows."""
    memory: float | None = None
    """Bytes they hold on it."""


class Part(NamedTuple):
    """What one group is charged for one moment, in joules."""

    joules: float = 0.0
    idle: float = 0.0
    """Part of ``joules``: its share of what the device draws without work."""
    low: float = 0.0
    high: float = 0.0
    """Between these the part lies, taking the whole as given."""


class Division(NamedTuple):
    """One moment's energy: the parts by who, and what is left. They add up to the whole."""

    parts: dict[str, Part]
    idle: float = 0.0
    """Drawn without work while nobody was there."""
    unattributed: float = 0.0
    """Drawn by work, and nobody knows whose."""


def divide(joules: float, idle: float, present: Sequence[Present]) -> Division:
    """Divide what a device drew among those on it.

    Args:
        joules: all of it.
        idle: what it would have drawn without work; more than ``joules`` counts as all of it.
        present: who had a context.
    """
    idle = min(max(idle, 0.0), joules)
    if not present:
        return Division({}, idle=idle, unattributed=joules - idle)
    active = [one for one in present if one.busy]
    alone = _alone(present)
    if alone is not None:
        return Division({alone.who: Part(joules, idle, joules, joules)})
    held = dict(zip((one.who for one in present), by_memory(idle, present), strict=True))
    work = joules - idle
    if not active:
        return Division({who: Part(part, part, part, part) for who, part in held.items()}, unattributed=work)
    busy = sum(one.busy or 0.0 for one in present)
    return Division({one.who: _part(held[one.who], work * (one.busy or 0.0) / busy, work, one.busy) for one in present})


def _alone(present: Sequence[Present]) -> Present | None:
    """The only one there, or the only one at work while all others are known to rest."""
    at_work = [one for one in present if one.busy != 0]
    if len(present) == 1:
        return present[0]
    return at_work[0] if len(at_work) == 1 and at_work[0].busy else None


def _part(idle: float, work: float, all_work: float, busy: float | None) -> Part:
    # Of one whose activity is unknown beside others at work nothing but the bounds can be said.
    low, high = ((1 - DOUBT) * work, min(all_work, (1 + DOUBT) * work)) if busy is not None else (0.0, all_work)
    return Part(idle + work, idle, idle + low, idle + high)


def by_memory(joules: float, present: Sequence[Present]) -> list[float]:
    """Parts in proportion to the memory held; equal ones where anybody's is unknown."""
    held = [one.memory for one in present]
    known = [bytes_ for bytes_ in held if bytes_ is not None]
    if len(known) < len(held) or not sum(known):
        return [joules / len(held)] * len(held)
    return [joules * bytes_ / sum(known) for bytes_ in known]


def together(rows: Iterable[Present]) -> tuple[Present, ...]:
    """One entry per group. Its memory is unknown where one of its processes' is; its activity where all are unknown."""
    groups: dict[str, list[Present]] = {}
    for row in rows:
        groups.setdefault(row.who, []).append(row)
    return tuple(_sum(who, group) for who, group in groups.items())


def _sum(who: str, group: list[Present]) -> Present:
    busy = [one.busy for one in group if one.busy is not None]
    memory = [one.memory for one in group if one.memory is not None]
    return Present(
        who, min(1.0, sum(busy)) if busy else None, sum(memory) if memory and len(memory) == len(group) else None
    )
