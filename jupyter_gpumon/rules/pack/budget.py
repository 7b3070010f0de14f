"""Energy budgets of a notebook's day and of a cell. There are none unless somebody sets them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ...findings import Evidence, Finding
from ...model import Cell
from ...units import quantity
from ..window import Spent, Window
from .written import Written

SAID = 300.0
"""Seconds for which a cell that has ended is still said to have gone beyond."""


class NotebookBudget(Written):
    """The measured cells of a notebook took more today than they should.

    Args:
        joules: the budget.
    """

    id, title = "notebook-budget", "A notebook has used up its energy budget"
    ends = "The next day begins."
    steps = ("See what took most: %gpumon energy", "Stop what is not needed, or raise c.GpuMon.notebook_budget.")

    def __init__(self, joules: float) -> None:
        self._joules = joules
        self.help = f"The measured cells of one notebook took more than {quantity(joules, 'joules')} today."

    def check(self, window: Window) -> Iterator[Finding]:
        """A finding for each notebook beyond."""
        for spent in window.notebooks:
            if spent.joules > self._joules:
                finding = self.found(None, _words(spent, self._joules), spent.joules, "joules")
                yield replace(finding, subject=spent.notebook or spent.kernel or "", **_whose(spent))


class CellBudget(Written):
    """One cell took more than it should, or does so already while it runs.

    Args:
        joules: the budget.
    """

    id, title = "cell-budget", "A cell has used up its energy budget"
    ends = "It has ended 5 min ago."
    steps = ("Interrupt it where it runs in vain.", "Or raise c.GpuMon.cell_budget.")

    def __init__(self, joules: float) -> None:
        self._joules = joules
        self.help = f"One measured cell took more than {quantity(joules, 'joules')}, or does while it runs."

    def check(self, window: Window) -> Iterator[Finding]:
        """A finding for each cell beyond, of those that run and those that have just ended."""
        for spent in (*window.running, *map(_spent, window.cells)):
            if spent.joules > self._joules:
                finding = self.found(None, _words(spent, self._joules), spent.joules, "joules")
                now = Evidence(metric="energy", unit="joules", time=(window.time,), values=(spent.joules,))
                yield replace(finding, subject=spent.cell, evidence=(now,), **_whose(spent))

    def still(self, window: Window, finding: Finding) -> bool:
        """For a while after its end."""
        return window.time - finding.evidence[0].time[0] < SAID


def _spent(cell: Cell) -> Spent:
    joules = sum(energy.joules or 0.0 for energy in cell.energy.values())
    return Spent(joules, cell.id, cell.title, cell.notebook, cell.kernel_id)


def _words(spent: Spent, budget: float) -> str:
    of = ", ".join(filter(None, (spent.title, spent.notebook))) or "a console"
    return f"{of}: {quantity(spent.joules, 'joules')} of {quantity(budget, 'joules')}"


def _whose(spent: Spent) -> dict[str, str | None]:
    return {"notebook": spent.notebook, "kernel": spent.kernel}
