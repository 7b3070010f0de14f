"""Runs made by hand, whose numbers are known."""

from __future__ import annotations

import itertools
import uuid

from jupyter_gpumon.experiments import Logged, Origin, Run
from jupyter_gpumon.model import Cell, CellDevice, Columns, Energy
from jupyter_gpumon.runs import stats

_starts = itertools.count(1_795_302_000, 60)


def metric(*values: float, kind: str = "gauge", unit: str = "") -> Logged:
    """A metric with these values, a second apart."""
    times = tuple(float(at) for at in range(len(values)))
    return Logged(kind=kind, unit=unit, stats=stats.of(values), times=times, values=values)


def cell(joules: float, *, off: float = 0.01, seconds: float = 10.0, **more: object) -> Cell:
    """A cell's record: one GPU with this energy, likely to be off by so much."""
    energy = Energy(joules=joules, low=joules * (1 - off), high=joules * (1 + off))
    devices = (CellDevice(name="gpu0", model="H200"), CellDevice(name="gpu1", model="H200", used=False))
    return Cell(start=0.0, end=seconds, devices=devices, energy={"gpu0": energy}, **more)


def run(name: str, joules: float | None = None, /, **more: object) -> Run:
    """A run of ten seconds on a GPU, begun a minute after the last."""
    start = float(next(_starts))
    usage = Columns(
        time=[start + 1, start + 2, start + 3],
        step=1.0,
        gpus={"gpu0": {"utilization": [0.5, 0.7, None], "memory_used": [2.0**30] * 3, "power": [300.0, 310.0, 320.0]}},
        host={"cpu": [0.25, 0.5, 0.75], "memory_used": [2.0**31] * 3},
    )
    said = {
        "id": str(uuid.uuid4()), "name": name, "start": start, "end": start + 10, "usage": usage,
        "cell": None if joules is None else cell(joules),
        "origin": Origin(branch="main", commit="c" * 40, message="Faster", gpus=("H200", "H200"), hostname="n1"),
    }  # fmt: skip
    return Run(**(said | more))
