"""The words of judgement: what a rule finds, what rests on it, and an alert that somebody has to see.

Like everything in ``model`` these travel as they are: REST, websocket, recordings, the report, SQL.
"""

from __future__ import annotations

from msgspec import Struct

LEVELS = ("critical", "warning", "info")
"""In the order in which they are shown."""


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Numbers that a finding rests on, enough to draw a small picture of: one metric over a stretch of time."""

    metric: str
    """A metric of the catalogue, ``host.`` before one of the host's; or a few words."""
    unit: str = ""
    uuid: str | None = None
    time: tuple[float, ...] = ()
    """Unix seconds, ascending, as long as ``values``."""
    values: tuple[float | None, ...] = ()
    limit: float | None = None
    """What it is compared with, where that is one number."""


class Code(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Code that helps, ready to be put into a cell below."""

    source: str
    title: str = ""


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one rule concludes of one thing at one moment, or over one stretch of time."""

    rule: str
    """Id of the rule."""
    level: str = "warning"
    """``critical``, ``warning`` or ``info``."""
    title: str
    """A few words, the same wherever it is shown; without numbers."""
    detail: str = ""
    """What is the case, with its numbers."""
    steps: tuple[str, ...] = ()
    """What to do, the most useful first."""
    uuid: str | None = None
    """The device it is about; None where it is about all, or about none."""
    subject: str = ""
    """What tells it from other findings of this rule on this device: a pid, an XID, a notebook."""
    cause: str = ""
    """Findings of one cause on one device are one trouble (``heat``, ``memory``): the gravest stands for all."""
    value: float | None = None
    unit: str = ""
    notebook: str | None = None
    kernel: str | None = None
    pid: int | None = None
    evidence: tuple[Evidence, ...] = ()
    confidence: float = 1.0
    """How sure the rule is, 0 to 1."""
    code: Code | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for two findings of the same thing."""
        return self.rule, self.uuid or "", self.subject


class Alert(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finding that held long enough: when it fired, and what became of it."""

    id: str
    """Unique; the same through all its states."""
    finding: Finding
    """As it was found last."""
    state: str = "firing"
    """``firing`` or ``resolved``."""
    since: float
    """Unix time at which its condition began to hold."""
    fired: float
    """Unix time at which it fired."""
    resolved: float | None = None
    acknowledged: float | None = None
    """Unix time at which somebody said "seen"; it stays, without calling for attention."""
    snoozed: float | None = None
    """Unix time until which it does not call for attention."""
    peak: float | None = None
    """The greatest value while it fired."""


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a policy does about an alert: planned, with its countdown, or how it ended."""

    id: str
    """Unique; the same through all its states."""
    policy: str
    do: str
    """``notify``, ``webhook``, ``interrupt``, ``pause``, ``resume``, ``stop``, ``run`` or ``power-limit``."""
    what: str = ""
    """The same in words: "interrupt the kernel of train.ipynb"."""
    cause: str = ""
    """Title and numbers of the alert."""
    state: str = "waiting"
    """``waiting`` (the countdown runs), ``done``, ``cancelled``, ``over`` (the alert was, before it was done),
    ``refused`` (it may not be done), ``failed``, ``undone`` or ``dry-run`` (it would have been done)."""
    time: float
    """Unix time at which it was planned."""
    due: float | None = None
    """Unix time at which it is done, while it waits."""
    ended: float | None = None
    """Unix time at which it came to its end."""
    result: str = ""
    """What came of it, or why nothing did."""
    by: str = ""
    """Who cancelled it."""
    alert: str = ""
    """Id of the alert."""
    rule: str = ""
    uuid: str | None = None
    kernel: str | None = None
    notebook: str | None = None
    pids: tuple[int, ...] = ()


class Delivery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it goes with one target that alerts are sent to."""

    name: str
    """What it is called; without secrets."""
    problem: str = ""
    """What is the matter; empty when all is well."""
    sent: int = 0
    """Alerts that fired, changed or ended, and were handed over."""
    waiting: int = 0
    """Those that are still to be."""
    failed: int = 0
    """Those that were given up: refused, or waited for too long."""


def gravest(findings: tuple[Finding, ...] | list[Finding]) -> list[Finding]:
    """In the order in which they are shown: the gravest first, the surest of those first."""
    return sorted(findings, key=lambda finding: (LEVELS.index(finding.level), -finding.confidence))
