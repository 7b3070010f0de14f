"""The workload's side: a cell, a script or a test tells the fake GPUs what they draw. Needs nothing but the stdlib."""

from __future__ import annotations

import fcntl
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


def appear(sm: int | None, gpu: int = 0, memory: int = 1 << 30) -> None:
    """List this process on a GPU, with this utilization in per cent, from now on; None: no longer.

    It edits the scenario file, as the driver of a test does too: only one of them may, at a time.
    """
    file, own = Path(os.environ["FAKENVML_SCENARIO"]), f"pid={os.getpid()} "
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = [line for line in file.read_text().splitlines() if own not in line]
        if sm is not None:
            lines += [f"[gpu {gpu}]", f"process = {own}kind=compute memory={memory} sm={sm} mem=0"]
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text("\n".join(lines) + "\n")
        draft.replace(file)
