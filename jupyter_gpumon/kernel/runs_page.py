"""``%gpumon runs``, ``compare`` and ``bench``: experiments that were kept, in the notebook."""

from __future__ import annotations

import sys
from html import escape

from ..errors import RunError
from ..report.tables import as_html, as_text
from ..runs import compared, words
from ..runs.compare import compare as found_between
from ..runs.compare import group
from ..runs.store import shared
from .show import Shown

_MOST = 30
"""Runs in the list: the newest."""


def show(name: str) -> None:
    """The list of runs; those of one name, or one run, where it is said which."""
    store = shared()
    lines = store.lines(limit=_MOST) if not name else store.lines(name=name, limit=_MOST)
    if name and len(lines) < 2:
        Shown().draw(words.bundle(store.find(name)[0]))
        return
    if not lines:
        Shown().draw({"text/plain": 'No run is kept yet. Make one: with gm.run("name"): …'})
        return
    head, rows = words.listed(lines)
    page = as_html(head, rows, words=5) + f'<div style="opacity: 0.7">{escape(store.url)}</div>'
    Shown().draw({"text/plain": as_text(head, rows, words=5), "text/html": page})


def compare(first: str, second: str) -> None:
    """What differs between two runs, or all runs of two names.

    Raises:
        RunError: one of them is not said, or is not there.
    """
    if not first or not second:
        raise RunError("Say what is to be compared: %gpumon compare FIRST SECOND, names of runs or their ids.")
    store = shared()
    Shown().draw(compared.bundle(found_between(group(store, first), group(store, second))))


def bench(size: int | None, *, force: bool) -> None:
    """Measure this machine, and show the result.

    Raises:
        RunError: the GPU is busy, or the size is none.
    """
    from ..bench.machine import Plan, run

    plan = Plan(force=force) if size is None else Plan(size=size, force=force)
    Shown().draw(words.bundle(run(plan, say=lambda said: sys.stderr.write(f"{said}\n"))))
