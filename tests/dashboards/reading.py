"""What stands in a dashboard: its panels, its queries, and the expressions with Grafana's variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from jupyter_gpumon.dashboards.files import dashboards

VARIABLES = {
    "$__rate_interval": "5s",
    "$__range": "10s",
    "$instance": ".*",
    "$hostname": ".*",
    "$gpu": ".*",
    "$notebook": ".*",
    "$live": ".*",
}
"""What Grafana would put in; the times suit a Prometheus that was started a moment ago."""


class Asked(NamedTuple):
    """One query of a panel."""

    board: str
    panel: str
    expression: str
    legend: str


def boards() -> dict[str, dict[str, Any]]:
    """The shipped dashboards by file name."""
    return {path.name: json.loads(path.read_text()) for path in dashboards()}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show data: rows are only headings."""
    inside = [inner for panel in board["panels"] for inner in panel.get("panels", ())]
    return [panel for panel in [*board["panels"], *inside] if panel["type"] not in ("row", "text")]


def asked() -> Iterator[Asked]:
    """Every Prometheus query of every dashboard."""
    for name, board in boards().items():
        for panel in panels(board):
            for target in panel["targets"]:
                if "expr" in target:
                    yield Asked(name, panel["title"], target["expr"], target.get("legendFormat", ""))


def filled(expression: str) -> str:
    """An expression as Prometheus gets it."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, f"a variable that nobody fills in: {expression}"
    return expression


def families(expression: str) -> set[str]:
    """Names of the metrics in an expression."""
    return set(re.findall(r"\bhostname:\w+:\w+|\bgpumon_\w+|\bup\b", expression))
