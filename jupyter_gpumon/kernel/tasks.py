"""How many of the cells that ran during a run succeeded."""

from __future__ import annotations

from typing import Any

from ..experiments import Logged
from ..runs.log import single
from . import context


class Tasks:
    """Counts cells as they end, as long as it follows. Outside IPython there are none."""

    def __init__(self) -> None:
        self.ok = self.all = 0
        self._shell: Any = None

    def follow(self) -> None:
        """Count from now on."""
        self._shell = context.shell()
        if self._shell is not None:
            self._shell.events.register("post_run_cell", self._ended)

    def unfollow(self) -> None:
        """No longer."""
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._ended)
            self._shell = None

    def _ended(self, result: Any) -> None:
        self.all += 1
        self.ok += bool(result.success)

    def metrics(self) -> dict[str, Logged]:
        """The share of them; none where no cell ended within."""
        if not self.all:
            return {}
        return {
            "task_success_rate": single(self.ok / self.all, "ratio"),
            "tasks": single(float(self.all), "", "counter"),
        }
