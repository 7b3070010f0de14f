"""``gpumon policy``: the policies of Jupyter's configuration, checked, and tried on a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..clock import SystemClock
from ..doctor.settings import Settings, effective
from ..findings import Action
from ..model import Sample
from ..rules import Rule
from ..rules.book import Book
from ..rules.data import tables
from ..rules.pack import shipped
from ..rules.plugins import plugged
from ..server.policies.policy import Policy, read_policies
from ..server.policies.rehearsal import Rehearsal
from ..server.policies.running import words
from ..sources.urls import open_source
from ..units import duration
from ..wire import Stream

Say = Callable[[str], None]


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """The rules that judge by this configuration."""
    file, said = settings.value("rules_file"), settings.value("rules") or ()
    return Book(shipped(), [*(tables(Path(file)) if file else ()), *said], plugged=plugged()).judging


def listed(policies: Iterable[Policy]) -> list[str]:
    """A line each."""
    lines = []
    for policy in policies:
        told = policy.told()
        when = told.get("when") or f"rule {told['rule']}"
        hold = f" for {duration(told['for'])}" if told.get("for") else ""
        grace = f" after {policy.grace:.0f} s" if policy.grace else ""
        dry = " (dry run)" if policy.dry_run else ""
        lines.append(f"{policy.id}: {when}{hold} → {policy.do}{grace}{dry}")
    return lines


def configured() -> tuple[list[Policy], list[str], Settings]:
    """The policies of Jupyter's configuration, what is wrong with others, and all settings."""
    settings = effective()
    return *read_policies(settings.value("policies") or ()), settings


def unknown(policies: Iterable[Policy], settings: Settings) -> list[str]:
    """Policies that wait for a rule that does not judge."""
    known = {rule.id for rule in rules_of(settings)}
    return [
        f"The policy {policy.id} waits for the rule {policy.rule}, which there is not, or which is off."
        for policy in policies
        if policy.condition is None and policy.rule not in known
    ]


def rehearse(recording: str, policies: Iterable[Policy], settings: Settings, say: Say) -> int:
    """Say what they would have done over a recording; how many actions that were."""
    source = open_source(f"replay:{recording}?speed=0&rebase=0")
    begin: list[float] = []

    def noted(stream: Iterable[Stream]) -> Any:
        for message in stream:
            if isinstance(message, Sample) and not begin:
                begin.append(message.time)
            yield message

    count = 0
    for action in Rehearsal(policies, rules_of(settings)).play(noted(source.stream(SystemClock()))):
        say(f"{_moment(action, begin[0])}  {'. '.join(words(action))}")
        count += action.state == "dry-run"
    return count


def _moment(action: Action, begin: float) -> str:
    return f"{max(0.0, (action.ended or action.time) - begin):8.1f} s"
