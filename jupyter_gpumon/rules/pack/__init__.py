"""The rules that are shipped: thresholds as data (``table``), and a few that an expression cannot say, by family."""

from __future__ import annotations

from ..data import read_rule
from ..rule import Rule
from .board import of_board
from .budget import CellBudget, NotebookBudget
from .faults import DriverSilent, Lost, Xids
from .filling import Fills
from .sampling import Late
from .table import TABLE
from .work import IdleProcess, Imbalance, Zombie
from .written import Written

__all__ = ["OFF", "Written", "shipped"]

OFF = frozenset(str(data["id"]) for data in TABLE if data.get("enabled") is False)
"""Those that do not judge until they are switched on."""


def shipped(notebook_budget: float = 0.0, cell_budget: float = 0.0) -> tuple[Rule, ...]:
    """All of them, those in ``OFF`` too. Of equal findings that begin together, the one that comes first here stands.

    Args:
        notebook_budget: joules that a notebook's measured cells may take a day; 0 is no budget.
        cell_budget: joules that one cell may take; 0 is no budget.
    """
    written: list[Rule] = [
        *of_board(),
        Lost(),
        DriverSilent(),
        Xids(),
        Fills(),
        Zombie(),
        IdleProcess(),
        Imbalance(),
        Late(),
    ]
    if notebook_budget:
        written.append(NotebookBudget(notebook_budget))
    if cell_budget:
        written.append(CellBudget(cell_budget))
    return (*map(read_rule, TABLE), *written)
