"""``gpumon rules``: which rules judge, for people, and for Prometheus."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..dashboards.promql import translated
from ..dashboards.rules import rules_file
from ..errors import RuleError
from ..rules import Threshold
from ..units import duration
from .judging import book


def listed(file: Path | None) -> None:
    """A line each: id, level, hold, and the condition or what it says of itself."""
    table = Table(box=None, pad_edge=False)
    for head in ("rule", "level", "for", "when"):
        table.add_column(head, overflow="fold", no_wrap=head != "when")
    for item in book(file).told.rules:
        off = "" if item.enabled else " (off)"
        hold = duration(item.rule["for"]) if item.rule.get("for") else ""
        table.add_row(f"{item.rule['id']}{off}", item.rule["level"], hold, item.rule.get("when") or item.help)
    Console().print(table)


def prometheus(file: Path | None) -> tuple[str, list[str]]:
    """The rule file, and which rules of one's own Prometheus cannot judge."""
    used, found, problems = book(file), [], []
    judging = {rule.id: rule for rule in used.judging}
    for item in used.told.rules:
        rule = judging.get(item.rule["id"])
        if item.origin == "shipped" or not isinstance(rule, Threshold):
            continue
        try:
            found.append(translated(rule))
        except RuleError as e:
            problems.append(str(e))
    return rules_file(found), problems
