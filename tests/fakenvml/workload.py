"""The workload's side: a cell, a script or a test tells the fake GPUs what they draw. Needs nothing but the stdlib."""

from __future__ import annotations

import os
import time
from pathlib import Path

LEAD = 0.01
"""Seconds ahead that a change is written, so that no reader meets it late: the driver looks every 1 ms."""


def draw(profile: float | str, gpu: int | None = None, at: float | None = None, file: Path | None = None) -> float:
    """From ``at`` (or at once) on, one GPU (or all) draws this; returns the exact moment, of ``time.monotonic()``."""
    at = time.monotonic() + LEAD if at is None else at
    with (file or Path(os.environ["FAKENVML_LOAD"])).open("a") as lines:
        lines.write(f"{at!r} {'*' if gpu is None else gpu} {profile}\n")
    return at


def compute(seconds: float, watts: float = 300, idle: float = 60, gpu: int | None = None) -> tuple[float, float]:
    """Keep the GPU busy and wait for it, as a cell that synchronises at its end; returns when exactly it was."""
    start = draw(watts, gpu)
    end = draw(idle, gpu, start + seconds)
    time.sleep(max(0.0, end - time.monotonic()))
    return start, end
