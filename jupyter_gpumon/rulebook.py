"""The words in which rules and alerts are listed and tried out: what ``gpumon/api/alerts`` and ``rules`` answer."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from .findings import Alert, Delivery


class RuleItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule, as it judges now."""

    rule: dict[str, Any]
    """What it says of itself: id, when, for, clear, level, title, detail, steps, cause, code, devices. A rule in Python
    has no ``when``, and cannot be changed."""
    origin: str
    """``shipped``, ``plugin``, ``configured`` (traits or the file of rules), or ``yours`` (made in the editor)."""
    enabled: bool = True
    editable: bool = True
    """Whether its condition can be changed; it can be switched off in any case."""
    changed: bool = False
    """Whether the editor has changed it or switched it: ``DELETE`` takes that back."""
    help: str = ""
    """A rule in Python: its condition in words, and when it is over."""


class RuleProblem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule that does not judge, because it cannot be read; the others go on."""

    origin: str
    """As of ``RuleItem``."""
    message: str
    id: str = ""
    column: int | None = None
    """Where in the condition the mistake is, counted from 1."""


class RuleBook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All rules, and what is wrong with some."""

    rules: tuple[RuleItem, ...]
    problems: tuple[RuleProblem, ...] = ()


class AlertBook(Struct, frozen=True, kw_only=True):
    """What fires, what has, and where it was sent."""

    enabled: bool
    """False where nobody judges (``c.GpuMon.alerts``)."""
    alerts: tuple[Alert, ...]
    """Those that fire, the latest first."""
    history: tuple[Alert, ...]
    """Those that are over, the latest first; 200 at most."""
    deliveries: tuple[Delivery, ...]
    problems: tuple[str, ...]
    """What is wrong with rules or with the history, for people."""


class Preview(Struct, frozen=True, kw_only=True):
    """What a rule would have said of the past."""

    alerts: tuple[Alert, ...]
    """In their last state, in the order in which they would have fired."""
    seconds: float
    """What was asked for."""
    covered: float
    """Seconds of that of which there are numbers."""
    known: bool
    """Whether its condition ever was known: of metrics that are not kept as history, and of processes, it never is."""
    unknown: tuple[str, ...]
    """Names in its condition of which nothing is kept."""
