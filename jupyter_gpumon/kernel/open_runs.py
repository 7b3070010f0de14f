"""Which runs are open, and which one is meant where something is logged; all end with the program."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ..errors import RunError

if TYPE_CHECKING:
    from .active import ActiveRun

_here: ContextVar[ActiveRun | None] = ContextVar("gpumon_run", default=None)
_open: list[ActiveRun] = []
"""Runs that have not ended, the newest last."""
_unfinished: list[ActiveRun] = []
"""Runs that have ended, whose records are not complete."""


def begun(run: ActiveRun) -> None:
    """It is open from here on, for the code that follows."""
    _open.append(run)
    _here.set(run)


def ended(run: ActiveRun) -> None:
    """It is open no more; its record is still to be completed."""
    if run in _open:
        _open.remove(run)
        _unfinished.append(run)
    if _here.get() is run:
        _here.set(None)


def completed(run: ActiveRun) -> None:
    """Nothing more is to be done for it."""
    if run in _unfinished:
        _unfinished.remove(run)


def current(what: str) -> ActiveRun:
    """The run that is open where this is called: in a thread of its own, the one opened last.

    Args:
        what: is to be logged.

    Raises:
        RunError: there is none.
    """
    found = here()
    if found is None:
        raise RunError(f'No run is open to log {what} in. Begin one: with gm.run("name"): …')
    return found


def here() -> ActiveRun | None:
    """The run that is open where this is called, as ``current`` finds it; None where there is none."""
    found = _here.get()
    if found is None or found not in _open:
        return _open[-1] if _open else None
    return found


def leave() -> None:
    """The program ends: what is open ends with it, and what waits is completed. Before the connection closes."""
    for run in tuple(_open):
        run.stop()
    for run in tuple(_unfinished):
        run.finish()


def _forget() -> None:
    """In a forked child: its parent's runs are its parent's to end."""
    _open.clear()
    _unfinished.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
