"""Rules that other packages bring: entry points of the group ``jupyter_gpumon.rules``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

from ..rulebook import RuleProblem
from .rule import Rule

GROUP = "jupyter_gpumon.rules"


class Plugged(NamedTuple):
    """What plug-ins bring."""

    rules: tuple[Rule, ...] = ()
    problems: tuple[RuleProblem, ...] = ()
    """Plug-ins that failed, by name and with why; the others count."""


NOTHING = Plugged()


def plugged() -> Plugged:
    """The rules of all that are installed. An entry point names a function that takes nothing and gives rules."""
    rules: list[Rule] = []
    problems: list[RuleProblem] = []
    for point in entry_points(group=GROUP):
        try:
            rules += _brought(point)
        except Exception as e:  # A plug-in may raise whatever it likes: it is named, and the others go on.
            said = f"The plug-in {point.name} ({point.value}) brings no rules: {type(e).__name__}: {e}"
            problems.append(RuleProblem(origin="plugin", id=point.name, message=said))
    return Plugged(tuple(rules), tuple(problems))


def _brought(point: EntryPoint) -> tuple[Rule, ...]:
    rules: tuple[Rule, ...] = tuple(point.load()())
    for rule in rules:
        for lack in _lacks(rule):
            raise TypeError(f"{rule!r} has no {lack}, which every rule has")
        tuple(rule.conditions())  # fails here, where it is named, rather than in whoever judges
    return rules


def _lacks(rule: object) -> Iterator[str]:
    return (word for word in ("id", "hold", "conditions", "check", "still") if not hasattr(rule, word))
