"""What was asked for in the first line of a ``%%gpumon`` cell: repetition, comparison, values to log, a profile."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from msgspec import structs

from ..errors import GpuMonError
from ..model import Cell
from . import compare
from .cells import Wish
from .connect import connection
from .profile import Profile
from .repeat import Plan, Repetition
from .summary import Summary
from .values import Values, expression


class RequestError(GpuMonError):
    """An option cannot be what was said."""


class Asked:
    """What is done besides measuring one cell, and with its record."""

    def __init__(
        self, repetition: Repetition | None, base: Cell | None, values: Values | None, profile: Profile | None
    ) -> None:
        self._repetition, self._base, self._values, self._profile = repetition, base, values, profile

    def end(self) -> None:
        """The code has returned."""
        if self._repetition is not None:
            self._repetition.end()

    def over(self, error: BaseException | None) -> None:
        """The window has closed: what is done now costs the cell nothing."""
        if self._profile is not None:
            self._profile.end()
        if self._values is not None and error is None:
            self._values.take()

    def amend(self, cell: Cell) -> Cell:
        """Put in what a run costs, how that compares, and what else was asked for, when it is known."""
        for part in (self._repetition, self._values, self._profile):
            cell = cell if part is None else part.amend(cell)
        if self._base is None or not cell.final:
            return cell
        return structs.replace(cell, notes=(compare.sentence(cell, self._base), *cell.notes))


def begin(summary: Summary, wish: Wish, options: Any, names: dict[str, Any]) -> Repetition | None:
    """Open the cell's frame; what its code is to be looped over, where it is to be repeated.

    Args:
        names: the user's namespace, in which ``--metric`` is looked at.

    Raises:
        RequestError: --repeat, --within, --seconds or --profile cannot be what was said.
        ExpressionError: --metric is no name and expression.
        CompareError: there is nothing of that name to compare with.
        DeviceError: there is no such GPU.
    """
    if options.profile and options.repeat is not None:
        raise RequestError("--profile goes without --repeat: a trace is of one run.")
    values = Values([expression(text) for text in options.metric], names) if options.metric else None
    base = compare.earlier(options.compare) if options.compare else None
    plan = None if options.repeat is None else plan_of(options)
    repetition = None if plan is None else Repetition(connection(), wish, plan)
    profile = Profile(wish.title) if options.profile else None
    asked = Asked(repetition, base, values, profile)
    with ExitStack() as undone:
        if profile is not None:
            profile.start()  # before the window opens: it, and the import of PyTorch, take a while
            undone.callback(profile.stop)
        summary.open(wish, end=asked.end, over=asked.over, amend=asked.amend)
        undone.pop_all()
    return repetition


def plan_of(options: Any) -> Plan:
    """How often to run.

    Raises:
        RequestError: it cannot be what was said.
    """
    times = None if options.repeat == "auto" else int(options.repeat) if options.repeat.isdigit() else 0
    if times == 0:
        raise RequestError(f"--repeat takes auto or a number from 1 on, not {options.repeat!r}.")
    if not 0 < options.within < 100 or options.seconds <= 0:
        raise RequestError("--within takes per cent between 0 and 100, --seconds a number above 0.")
    return Plan(times, options.within / 100, options.seconds)
