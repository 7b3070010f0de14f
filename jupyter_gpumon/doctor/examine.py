"""All checks, and how their lines are shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import __version__
from ..sources.urls import default_source
from . import bounded, driver, exporter, extras, jupyter, places, targets
from .settings import Settings, effective
from .words import Asked, Check, Line

CHECKS: dict[str, Check] = {
    "driver": driver.driver,
    "permissions": driver.permissions,
    "configuration": extras.configuration,
    "server extension": jupyter.extension,
    "server": jupyter.servers,
    "labextension": jupyter.page,
    "magics": jupyter.magics,
    "store": places.places,
    "alerts": targets.targets,
    "exporter": exporter.exporter,
    "data source": exporter.datasources,
    "extras": extras.extras,
}
"""In the order in which they are shown."""

PORT = 9401
"""Where ``gpumon serve`` listens unless told otherwise."""

_COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def examine(source: str | None, address: str | None, provisioning: Path | None) -> list[Line]:
    """Look at everything."""
    settings = effective()
    asked = Asked(
        settings=settings,
        source=source or settings.value("source") or default_source(),
        exporter=address or f"http://127.0.0.1:{os.environ.get('GPUMON_EXPORTER_PORT') or PORT}/metrics",
        provisioning=(provisioning,) if provisioning else _provisioning(),
    )
    return bounded.examined(CHECKS, asked)


def _provisioning() -> tuple[Path, ...]:
    """Where Grafana on this machine looks."""
    folders = [os.environ.get("GF_PATHS_PROVISIONING", ""), "/etc/grafana/provisioning"]
    return tuple(Path(folder) for folder in folders if folder and Path(folder).is_dir())


def show(console: Console, lines: Sequence[Line]) -> None:
    """A line each, what to do below it, and a sum."""
    console.print(Text(f"jupyter-gpumon {__version__} · Python {platform.python_version()} · {platform.node()}", "dim"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(max_width=28, overflow="fold")
    table.add_column(overflow="fold")
    for line in lines:
        said = Text(line.says)
        if line.fix:
            said.append(f"\n→ {line.fix}", "cyan")
        table.add_row(Text(line.state, _COLOURS[line.state]), Text(line.check), said)
    console.print(table)
    console.print(Text(summary(lines), "bold"))


def summary(lines: Sequence[Line]) -> str:
    """``1 fault, 2 warnings.``"""
    counts = {state: sum(line.state == state for line in lines) for state in ("fault", "warning")}
    said = [f"{count} {state}{'' if count == 1 else 's'}" for state, count in counts.items() if count]
    return (", ".join(said) or "Everything is fine") + "."


def show_settings(console: Console, settings: Settings) -> None:
    """Every trait with its value and where that is from."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("trait", "value", "from"):
        table.add_column(title, overflow="fold")
    for each in settings.settings:
        table.add_row(Text(each.name), Text(each.said), Text(each.origin, "dim" if each.origin == "default" else ""))
    console.print(table)
    for problem in settings.problems:
        console.print(Text(problem, "bold red"))
