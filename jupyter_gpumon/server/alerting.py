"""Judges the server's stream by rules: what fires rides in the stream, and is kept.

``Alerts`` does the judging. Here it is told what only a server knows, its rules are put together and changed, and what
it says goes into the next sample, the history and the metrics.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..alerts import Alerts, event
from ..errors import RuleError, SourceError
from ..findings import Alert
from ..model import Cell
from ..monitor import Monitor
from ..places import place
from ..rulebook import RuleBook, RuleItem
from ..rules.book import Book
from ..rules.data import tables
from ..rules.pack import shipped
from ..rules.plugins import plugged
from ..rules.window import Spent
from ..wire import Stream
from .alert_history import AlertHistory
from .own_rules import OwnRules

log = logging.getLogger("jupyter_gpumon")


class Wishes(Struct, frozen=True, kw_only=True):
    """What the configuration says of alerts."""

    enabled: bool = True
    rules: tuple[dict[str, Any], ...] = ()
    file: str = ""
    """TOML with ``[[rule]]`` tables; empty is none."""
    notebook_budget: float = 0.0
    cell_budget: float = 0.0
    folder: Path | None = None
    """Where the rules of the editor are kept; None keeps none."""
    history: Path | None = None
    """The file of what has fired; None keeps it in memory."""


class Known(Struct, kw_only=True):
    """What a server knows beside the stream; asked in the monitor's thread, at every sample."""

    running: Callable[[], tuple[Spent, ...]] = tuple
    notebooks: Callable[[], tuple[Spent, ...]] = tuple
    kernels: Callable[[], frozenset[str] | None] = lambda: None


class Alerting:
    """A sink of the monitor. Where alerts are off it does nothing.

    Args:
        monitor: takes the events.
        wishes: what is configured.
        known: what the server knows beside the stream.
    """

    def __init__(self, monitor: Monitor, wishes: Wishes, known: Known | None = None) -> None:
        self.enabled = wishes.enabled
        self.alerts = Alerts()
        self.history = AlertHistory(wishes.history if wishes.enabled else None)
        self.fired: Counter[tuple[str, str]] = Counter()
        """Rule and level → how often it has fired since the server's start."""
        self._monitor, self._wishes, self._known = monitor, wishes, known or Known()
        self._cells: list[Cell] = []
        self._own = OwnRules((wishes.folder or Path()) / "rules.json") if wishes.folder else None
        self._file_problem = ""
        self._configured, self._plugged = self._read_configured(), plugged()
        self.book = self._use()
        self._say_problems()
        self.alerts.listeners.append(self._tell)
        if wishes.enabled:
            self.alerts.adopt(self.history.firing())

    def write(self, message: Stream) -> None:
        """Judge a message."""
        if not self.enabled:
            return
        cells, self._cells = tuple(self._cells), []
        budgets = self._wishes.notebook_budget > 0, self._wishes.cell_budget > 0
        self.alerts.window.told(
            cells=cells,
            running=self._known.running() if budgets[1] else (),
            notebooks=self._known.notebooks() if budgets[0] else (),
            kernels=self._known.kernels(),
        )
        self.alerts.write(message)

    def post(self, cell: Cell) -> None:
        """Take a cell's record, to be judged with the next sample."""
        if self._wishes.cell_budget and cell.final:
            self._cells = [*self._cells, cell]

    def _tell(self, alert: Alert) -> None:
        """In the monitor's thread: it is news."""
        if alert.state == "firing":
            self.fired[alert.finding.rule, alert.finding.level] += 1
        self._spread(alert)

    def _spread(self, alert: Alert) -> None:
        self.history.put(alert)
        self._monitor.note(event(alert, time.monotonic()))

    def mark(self, id: str, **changes: float | None) -> Alert | None:
        """Note that an alert was acknowledged or snoozed; None where none of this id fires."""
        alert = self.alerts.mark(id, **changes)
        if alert is not None:
            self._spread(alert)
        return alert

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, for people."""
        rules = (problem.message for problem in self.book.told.problems)
        own = self._own.problem if self._own else ""
        return tuple(filter(None, (self._file_problem, own, self.history.problem, *rules)))

    @property
    def rules(self) -> RuleBook:
        """All rules."""
        return self.book.told

    def change(self, name: str, data: Mapping[str, Any]) -> RuleItem:
        """Let the editor's word count for a rule, from the next sample on.

        Raises:
            RuleError: the rule cannot be read, or not be kept.
        """
        own = self._editable()
        book = self._made({**own.rules, name: data})
        for problem in book.told.problems:
            if problem.origin == "yours" and problem.id == name:
                raise RuleError(problem.message, problem.column)
        own.put(name, data)
        self.book = self._use()
        item = self.book.item(name)
        if item is None:
            raise RuleError(f"There is no rule {name}: give it a condition.")
        return item

    def reset(self, name: str) -> bool:
        """Let what was shipped or configured count again; whether there was anything to take back.

        Raises:
            RuleError: it cannot be kept.
        """
        there = self._editable().drop(name)
        if there:
            self.book = self._use()
        return there

    def _editable(self) -> OwnRules:
        if self._own is None:
            raise RuleError("The rules of this server can only be changed in its configuration.")
        return self._own

    def _use(self) -> Book:
        book = self._made(self._own.rules if self._own else {})
        self.alerts.use(book.judging)
        return book

    def _made(self, yours: Mapping[str, Mapping[str, Any]]) -> Book:
        wishes = self._wishes
        return Book(shipped(wishes.notebook_budget, wishes.cell_budget), self._configured, yours, self._plugged)

    def _read_configured(self) -> tuple[dict[str, Any], ...]:
        try:
            of_file = tables(place(self._wishes.file)) if self._wishes.file else []
        except (RuleError, SourceError) as e:
            self._file_problem, of_file = str(e), []
        return (*of_file, *self._wishes.rules)

    def _say_problems(self) -> None:
        for problem in self.problems if self.enabled else ():
            log.error("gpumon: %s", problem)

    def close(self) -> None:
        """Write what waits."""
        self.history.close()
