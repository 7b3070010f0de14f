"""What the rules have in common that are Python, because an expression cannot say them."""

from __future__ import annotations

from collections.abc import Iterable

from ...findings import Finding
from ..expression import Node
from ..window import Window


class Written:
    """A rule in Python. What it says of itself is shown where rules are listed, in place of a condition."""

    id = ""
    title = ""
    level = "warning"
    cause = ""
    hold = 0.0
    steps: tuple[str, ...] = ()
    help = ""
    """The condition in words, with its numbers."""
    ends = ""
    """When it is over, in words; empty where that is when the condition does not hold any more."""

    def conditions(self) -> Iterable[Node]:
        """Nothing is looked back on, unless a rule says so."""
        return ()

    def check(self, window: Window) -> Iterable[Finding]:
        """What is the case now."""
        raise NotImplementedError

    def still(self, window: Window, finding: Finding) -> bool:  # noqa: ARG002 - Rule
        """It is over when it is not found any more."""
        return False

    def found(self, uuid: str | None, detail: str, value: float | None = None, unit: str = "") -> Finding:
        """A finding with the rule's own words."""
        return Finding(
            rule=self.id, level=self.level, title=self.title, cause=self.cause, steps=self.steps,
            uuid=uuid, detail=detail, value=value, unit=unit,
        )  # fmt: skip
