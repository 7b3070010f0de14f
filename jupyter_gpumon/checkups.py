"""The words of a checkup: how each watch stands on each GPU, and which XIDs the driver has told of.

Like everything in ``model`` these travel as they are: REST and the panel.
"""

from __future__ import annotations

from msgspec import Struct

from .findings import Finding

STATES = ("fail", "warn", "unknown", "warming", "pass")
"""The gravest first. ``warming``: not watched for long enough to know; ``unknown``: this cannot be read here."""


class Watched(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one watch stands on one GPU."""

    watch: str
    """``pcie``, ``memory``, ``inforom``, ``thermal``, ``power``, ``clocks``, ``nvlink``, ``driver`` or ``xids``."""
    state: str
    """One of ``STATES``."""
    title: str
    """What it is called."""
    detail: str = ""
    """What is the case, with its numbers; or why nothing is known."""
    steps: tuple[str, ...] = ()
    """What to do, in this order."""
    reason: str = ""
    """For ``unknown``: one of ``model.REASONS``."""
    since: float | None = None
    """Unix time since when it stands so."""
    findings: tuple[Finding, ...] = ()
    """What was found, the gravest first."""


class Sighting(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An XID on one GPU, all its times together."""

    code: int
    title: str
    level: str
    """``critical``, ``warning`` or ``info``."""
    count: int
    first: float
    """Unix time when it came first."""
    last: float
    who: tuple[str, ...] = ()
    """Who ran on the GPU when it came last: notebooks, names or pids, as far as they may be known."""
    steps: tuple[str, ...] = ()
    counts: bool = True
    """Whether it makes the GPU unwell: not once it is acknowledged, a day old, or a program's own fault."""
    acknowledged: float | None = None
    """Unix time at which somebody said "seen"."""


class Patient(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GPU."""

    uuid: str
    label: str
    name: str
    state: str
    """The gravest of its watches."""
    watches: tuple[Watched, ...]
    xids: tuple[Sighting, ...] = ()
    """The latest first."""


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All GPUs (``gpumon/api/health``)."""

    state: str
    """The gravest of all; ``unknown`` where there is no GPU."""
    time: float = 0.0
    """Unix time of the sample it was judged by."""
    devices: tuple[Patient, ...] = ()


def gravest(states: list[str]) -> str:
    """``fail`` or ``warn`` where there is one; else ``pass`` where anything is known, ``warming``, ``unknown``."""
    return next((state for state in ("fail", "warn", "pass", "warming") if state in states), "unknown")
