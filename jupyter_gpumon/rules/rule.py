"""What a rule is, and the kind that is a line of data: a threshold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from ..findings import Code, Finding
from ..units import duration, quantity
from .expression import Node, describe, metrics_of, names
from .expression.nodes import Binary, Name, Over, walk
from .expression.parse import COMPARISONS
from .holders import owned
from .window import Window


class Rule(Protocol):
    """A judgement: a pure function of a window."""

    @property
    def id(self) -> str:
        """The same wherever it is shown, configured and switched off: lower case with ``-``."""

    @property
    def hold(self) -> float:
        """Seconds for which it has to find the same thing before that is an alert."""

    def conditions(self) -> Iterable[Node]:
        """Expressions that it asks the window for, so that the window keeps what they look back on."""

    def check(self, window: Window) -> Iterable[Finding]:
        """What is the case now."""

    def still(self, window: Window, finding: Finding) -> bool:
        """Whether what it found before, and what does not hold any more, is not over yet (hysteresis)."""


class Threshold(Struct, frozen=True, kw_only=True):
    """A condition on metrics, checked for each device. What users write is read to this (``data``)."""

    id: str
    when: Node
    text: str
    """The condition as it was written."""
    hold: float = 0.0
    clear: Node | None = None
    clear_text: str = ""
    level: str = "warning"
    title: str = ""
    detail: str = ""
    steps: tuple[str, ...] = ()
    cause: str = ""
    code: Code | None = None
    devices: tuple[str, ...] = ()
    """Labels or UUIDs of the devices it is for; empty is all."""

    def conditions(self) -> Iterable[Node]:
        """Both."""
        return (self.when,) if self.clear is None else (self.when, self.clear)

    def check(self, window: Window) -> Iterable[Finding]:
        """A finding for each device for which the condition is true."""
        column = window.column(self.when)
        if True not in column:
            return ()
        every = zip(window.uuids, column, strict=True)
        return [self._finding(window, uuid) for uuid, true in every if true and self._meant(window, uuid)]

    def still(self, window: Window, finding: Finding) -> bool:
        """Until ``clear`` is true, where there is one; while it is not known, too."""
        if self.clear is None or finding.uuid not in window.uuids:
            return False
        return not window.value(self.clear, finding.uuid)

    def _meant(self, window: Window, uuid: str) -> bool:
        return not self.devices or uuid in self.devices or window.label(uuid) in self.devices

    def _finding(self, window: Window, uuid: str) -> Finding:
        subject = measured(self.when)
        metrics = metrics_of(self.when)
        found = Finding(
            rule=self.id,
            level=self.level,
            title=self.title or self.id,
            detail=self.detail or said(window, self.when, uuid),
            steps=self.steps,
            uuid=uuid,
            cause=self.cause,
            value=None if subject is None else window.value(subject, uuid),
            unit=describe(metrics[0])[1] if isinstance(subject, Name) and metrics else "",
            code=self.code,
        )
        return owned(window, found)


def measured(node: Node) -> Node | None:
    """What a condition measures: the left side of its first comparison."""
    compared = (part for part in walk(node) if isinstance(part, Binary) and part.op in COMPARISONS)
    first = next(compared, None)
    return None if first is None else first.left


def said(window: Window, node: Node, uuid: str) -> str:
    """The numbers of a condition in words: ``Temperature 91 °C; mean of Power over 1 min 0 s 640 W``."""
    parts: list[str] = []
    inner: set[Node] = set()
    for part in reversed(list(walk(node))):
        if part in inner:
            continue
        if isinstance(part, Over):
            inner.update(walk(part.arg))
            parts += [] if window.value(part, uuid) is None else [_looked_back(window, part, uuid)]
        elif isinstance(part, Name) and names.metric(part.name) is not None:
            title, unit = describe(part.name)
            value = window.value(part, uuid)
            parts += [] if value is None else [f"{title} {quantity(value, unit)}"]
    return "; ".join(dict.fromkeys(reversed(parts)))


def _looked_back(window: Window, node: Over, uuid: str) -> str:
    found = [describe(part.name) for part in walk(node.arg) if isinstance(part, Name)]
    title = " / ".join(title for title, _ in found)
    unit = found[0][1] if len(found) == 1 else "ratio" if len(found) == 2 else "count"
    share = node.function == "rate" and unit == "seconds"
    value = quantity(window.value(node, uuid), "ratio" if share else unit, rate=node.function == "rate")
    return f"{node.function} of {title} over {duration(node.seconds)}: {value}"
