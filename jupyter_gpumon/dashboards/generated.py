"""Which files are generated, and from what. A test compares them with those in the repository."""

from __future__ import annotations

from pathlib import Path

from .benchmarks import benchmarks
from .files import FOLDER
from .fleet import fleet
from .node import node
from .notebooks import notebooks
from .recorded import recording_file
from .rules import GROUPS, rules_file
from .table import page

PAGE = FOLDER.parent / "docs" / "grafana-panels.md"


def generated() -> dict[Path, str]:
    """File → what it has to hold."""
    boards = {"gpu-node": node, "notebooks-energy": notebooks, "fleet": fleet, "benchmarks-serving": benchmarks}
    made = {f"{name}.json": board() for name, board in boards.items()}
    texts = {FOLDER / name: text for name, text in made.items()}
    texts |= {FOLDER / "alerts.yml": rules_file(), FOLDER / "recording.yml": recording_file()}
    return {**texts, PAGE: page(made, GROUPS)}
