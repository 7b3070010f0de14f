"""What a check says: a line, its state, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from .settings import Settings

STATES = ("ok", "warning", "fault")
"""From good to bad; the place in the list is the exit code."""


class Line(Struct, frozen=True, kw_only=True):
    """What was found out about one thing."""

    check: str
    state: str = "ok"
    says: str
    fix: str = ""
    """What to do, in a sentence; empty where all is well."""


class Asked(Struct, frozen=True, kw_only=True):
    """What the checks are to look at."""

    settings: Settings
    source: str
    exporter: str = "http://127.0.0.1:9401/metrics"
    provisioning: tuple[Path, ...] = ()
    """Folders of Grafana's provisioning files."""
    root: Path = Path("/")
    """Of device files and sysfs; another one in tests."""


Check = Callable[[Asked], Iterable[Line]]


def ok(check: str, says: str) -> Line:
    """All is well."""
    return Line(check=check, says=says)


def warning(check: str, says: str, fix: str) -> Line:
    """It works, but not all of it, or not as it might be meant."""
    return Line(check=check, state="warning", says=says, fix=fix)


def fault(check: str, says: str, fix: str) -> Line:
    """It does not work."""
    return Line(check=check, state="fault", says=says, fix=fix)


def worst(lines: Iterable[Line]) -> int:
    """0 where all is well, 1 with warnings, 2 with faults."""
    return max((STATES.index(line.state) for line in lines), default=0)
