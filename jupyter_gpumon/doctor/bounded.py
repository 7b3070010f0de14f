"""Checks side by side, each in a thread of its own and for a bounded time: what hangs is a finding, not a reason to."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from .words import Asked, Check, Line, fault

PATIENCE = 40.0
"""Seconds for all checks together: most take none, a kernel's interpreter two, a database that is away five."""


def examined(checks: Mapping[str, Check], asked: Asked, patience: float = PATIENCE) -> list[Line]:
    """The lines of all checks, in the order in which these are given."""
    found: dict[str, Sequence[Line]] = {}
    threads = [
        threading.Thread(target=_run, args=(name, check, asked, found), name=f"gpumon-{name}", daemon=True)
        for name, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return [line for name in checks for line in found.get(name, (_hangs(name, patience),))]


def _run(name: str, check: Check, asked: Asked, found: dict[str, Sequence[Line]]) -> None:
    try:
        found[name] = tuple(check(asked))
    except Exception as e:  # A check that fails is told like any other finding; the others go on.
        report = "Please report this: it is a mistake of gpumon doctor itself."
        found[name] = (fault(name, f"could not be looked at: {type(e).__name__}: {e}", report),)


def _hangs(name: str, patience: float) -> Line:
    return fault(name, f"gave no answer within {patience:.0f} s", "Look at what it waits for; the other lines stand.")
