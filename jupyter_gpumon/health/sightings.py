"""XIDs that the driver has told of, by GPU: how often, when, who was running, and whether somebody has seen it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from .. import xids
from ..checkups import Sighting
from ..findings import Finding
from ..model import Event, Process

LASTS = 86_400.0
"""Seconds for which an XID that nobody has acknowledged makes its GPU unwell."""
MOST = 64
"""Codes that are kept per GPU."""


class Book(Struct, kw_only=True):
    """All sightings, as they are kept over restarts; those of another boot are over."""

    boot_id: str = ""
    gpus: dict[str, dict[int, Sighting]] = {}

    def booted(self, boot_id: str) -> None:
        """The machine that speaks runs since this boot; what was before it was ended by the restart."""
        if boot_id and boot_id != self.boot_id:
            self.gpus = {} if self.boot_id else self.gpus
            self.boot_id = boot_id

    def note(self, event: Event, processes: Iterable[Process]) -> None:
        """Take an XID event."""
        if event.code is None:
            return
        seen = self.gpus.setdefault(event.uuid or "", {})
        before, known = seen.get(event.code), xids.of(event.code)
        seen[event.code] = Sighting(
            code=event.code,
            title=known.title,
            level=known.level,
            count=1 + (before.count if before else 0),
            first=before.first if before else event.time,
            last=event.time,
            who=_who(processes) or (before.who if before else ()),
            steps=known.steps,
        )
        while len(seen) > MOST:
            del seen[min(seen, key=lambda code: seen[code].last)]

    def acknowledge(self, uuid: str, code: int, time: float | None) -> bool:
        """Note that it was seen at this time; None takes that back. False where there is no such XID."""
        seen = self.gpus.get(uuid, {})
        if code not in seen:
            return False
        seen[code] = replace(seen[code], acknowledged=time)
        return True

    def clear(self, uuid: str, code: int) -> bool:
        """Forget it. False where there is no such XID."""
        return self.gpus.get(uuid, {}).pop(code, None) is not None

    def of(self, uuid: str, now: float) -> tuple[Sighting, ...]:
        """Those of a GPU, the latest first."""
        seen = sorted(self.gpus.get(uuid, {}).values(), key=lambda each: -each.last)
        return tuple(replace(each, counts=_counts(each, now)) for each in seen)


def _counts(seen: Sighting, now: float) -> bool:
    """What a program has done to itself is listed, and says nothing of the GPU; DCGM warns of 94 all the same."""
    own = xids.of(seen.code).remedy == "program" and seen.code != CONTAINED
    return seen.level != "info" and not own and seen.acknowledged is None and now - seen.last < LASTS


CONTAINED = 94


def _who(processes: Iterable[Process]) -> tuple[str, ...]:
    """Notebooks, else names, else pids."""
    found = (each.notebook or each.name or (each.pid and f"pid {each.pid}") for each in processes)
    return tuple(sorted({str(each) for each in found if each}))


def findings(uuid: str, seen: Iterable[Sighting]) -> list[Finding]:
    """Of each that counts; one that follows from an error is told by that."""
    return [
        Finding(
            rule="health-xid",
            level="critical" if each.code in xids.DEVASTATING else each.level,
            title=each.title,
            detail=_said(each),
            steps=each.steps,
            uuid=uuid,
            subject=str(each.code),
            cause="xid",
            value=float(each.code),
        )
        for each in seen
        if each.counts
    ]


def _said(seen: Sighting) -> str:
    times = "Once" if seen.count == 1 else f"{seen.count} times"
    running = f"; {', '.join(seen.who)} ran on it" if seen.who else ""
    return f"{times}{running}."
