"""The experiments that use the product itself: repeated cells, a shared GPU, and what waiting for the GPU costs."""

from __future__ import annotations

import ctypes
import random
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from jupyter_gpumon import measure
from jupyter_gpumon.kernel.sync import drain
from jupyter_gpumon.model import Energy

from .experiments import Bench, Found, between_edges
from .readings import next_edge, quantiles

ROOT = Path(__file__).parent.parent.parent
LENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def repeated(bench: Bench) -> Found:
    """The same amount of work measured as cells of all lengths, against its energy in the long run.

    No wall meter is needed: energy per unit of work is to be the same however short the cell is. What the board draws
    at rest in the moments before and after the work counts as in any cell; the reference is long enough not to have it.
    """
    per_second = bench.load.units(1.0)
    reference = _reference(bench, per_second * round(max(3.0, 20 * bench.share)))
    rows = []
    for seconds in LENGTHS if bench.share >= 1 else LENGTHS[:4]:
        count = max(3, round(bench.share * (100 if seconds <= 1 else 100 / seconds)))
        rows.append({"seconds": seconds} | _cells(bench, bench.load.units(seconds), count, reference))
    return {"joules_per_unit": reference, "rows": rows}


def _reference(bench: Bench, units: int) -> float:
    """Joules per unit by the counter alone, over a run so long that its updates do not matter.

    The board first works for two seconds, since clocks and temperature settle. Rest beside the work is taken off.
    """
    bench.load.busy(2.0)
    idle = between_edges(bench.board, lambda: time.sleep(1.0))
    first, start = next_edge(bench.board), time.monotonic()
    bench.load.work(units)
    took, last = time.monotonic() - start, next_edge(bench.board)
    return (last.value - first.value - idle * (last.time - first.time - took)) / units


def _cells(bench: Bench, units: int, count: int, reference: float) -> Found:
    name = f"gpu{bench.board.index}"
    expected, errors, plain, held = units * reference, [], [], 0
    for _ in range(count):
        time.sleep(random.uniform(0.5, 0.9))
        before = bench.board.counter().value
        with measure(devices=[name]) as cell:
            bench.load.work(units)
        plain.append(abs(bench.board.counter().value - before) / expected - 1)
        value: Energy = cell.cell.energy[name]
        joules = value.joules if value.joules is not None else value.high
        errors.append((joules or 0.0) / expected - 1)
        held += (value.low or 0.0) <= expected <= (value.high or expected)
    return {
        "cells": count,
        "median": statistics.median(errors),
        "p95": quantiles([abs(error) for error in errors])["p95"],
        "counter_difference_p95": quantiles([abs(error) for error in plain])["p95"],
        "interval_held": held / count,
    }


def shared(bench: Bench) -> Found:
    """One process alone, then two with the same load: what each is charged, and what nobody is."""
    if not bench.load.computes:
        return {"not run": "needs two processes that compute: the simulated load has no process of its own"}
    name, seconds = f"gpu{bench.board.index}", bench.seconds(10, 4.0)
    alone = _charged(bench, name, seconds)
    command = [sys.executable, "-m", "tests.gpu.energy_hardware", "--gpu", str(bench.board.index), "--busy"]
    other = subprocess.Popen([*command, str(seconds + 6)], cwd=ROOT)
    try:
        time.sleep(3.0)
        both = _charged(bench, name, seconds)
    finally:
        other.wait(60)
    return {"seconds": seconds, "alone": alone, "with_another": both}


def _charged(bench: Bench, name: str, seconds: float) -> Found:
    with measure(devices=[name]) as cell:
        bench.load.busy(seconds)
    value = cell.cell.energy[name]
    parts = {part: getattr(value, part) for part in ("joules", "low", "high", "others", "unattributed")}
    return parts | {"method": value.method}


def waiting(bench: Bench) -> Found:
    """What it takes to find that the GPU has nothing left to do: paid at the end of every measured cell."""
    library = ctypes.CDLL("libcuda.so.1")  # not loaded by the product itself
    if library.cuInit(0):
        return {"not run": "CUDA does not work here"}
    device, context = ctypes.c_int(), ctypes.c_void_p()
    library.cuDeviceGet(ctypes.byref(device), 0)
    library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
    times = [time.perf_counter()]
    for _ in range(200):
        drain(None)
        times.append(time.perf_counter())
    return {"seconds": quantiles([b - a for a, b in pairwise(times)])}
