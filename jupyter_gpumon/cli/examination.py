"""``gpumon doctor`` on the terminal, or as JSON."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from rich.console import Console

from .. import __version__
from ..doctor.examine import examine, show, show_settings, summary
from ..doctor.settings import effective
from ..doctor.words import STATES, worst
from ..wire import to_json


def examination(source: str | None, exporter: str | None, provisioning: Path | None, as_json: bool) -> int:
    """Look at everything and say it; the exit code."""
    logging.getLogger("jupyter_gpumon").addHandler(logging.NullHandler())  # what it would say stands in the lines
    with Console(stderr=True).status("Looking at everything; this takes some seconds…"):
        lines = examine(source, exporter, provisioning)
    code = worst(lines)
    if as_json:
        found = {"version": __version__, "state": STATES[code], "summary": summary(lines), "lines": lines}
        sys.stdout.write(to_json(found).decode() + "\n")
    else:
        show(Console(highlight=False), lines)
    return code


def settings(as_json: bool) -> int:
    """The traits in force; 2 where a file says what no server can take."""
    found = effective()
    if as_json:
        said = {each.name: {"value": each.said, "from": each.origin} for each in found.settings}
        sys.stdout.write(to_json({"settings": said, "problems": found.problems}).decode() + "\n")
    else:
        show_settings(Console(highlight=False), found)
    return 2 if found.problems else 0
