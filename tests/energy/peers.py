"""Zeus and CodeCarbon on the fake driver: the cells of end_to_end.py, each in a window of theirs.

The upper half runs in our interpreter; the lower half, ``python -m tests.energy.peers``, in the peers' own. What they
are asked for is what their users ask for: Zeus begins and ends a window, CodeCarbon starts and stops a task.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..fakenvml.driver import FakeDriver
from ..fakenvml.workload import compute

TOOLS = ("zeus", "codecarbon")
ROOT = Path(__file__).parent.parent.parent
PASCAL = 4
"""NVML's number of the last architecture on which Zeus integrates power; on later ones it insists on a counter."""


def measure(
    python: str, driver: FakeDriver, loads: Mapping[str, str], plan: Sequence[tuple[str, float]], idle: float
) -> Iterator[tuple[str, str, float, dict[str, Any]]]:
    """(tool, load, seconds, energy of one GPU with its truth) for every cell, GPU and tool."""
    counter = driver.scenario.get("energy") != "-"
    if not counter:
        driver.update(architecture=PASCAL)
    words = [{"load": load, "watts": loads[load], "seconds": seconds, "idle": idle} for load, seconds in plan]
    log = driver.folder / "peers.log"
    with log.open("w") as errors:
        child = subprocess.Popen(
            [python, "-m", "tests.energy.peers"], env=_environment(driver), cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    try:
        child.stdin.write(json.dumps({"gpus": driver.scenario.gpus, "cells": words}))
        child.stdin.close()
        for line in child.stdout:
            said = json.loads(line)
            truth = driver.energy(said["start"], said["end"], said["gpu"])
            energy = {"gpu": said["gpu"], "joules": said["joules"], "truth": truth}
            yield said["tool"], said["load"], said["seconds"], energy
        if child.wait(30):
            last = log.read_text().strip().rpartition("\n")[2]
            raise RuntimeError(f"the peers ended with status {child.returncode}: {last}")
    finally:
        child.kill()


def _environment(driver: FakeDriver) -> dict[str, str]:
    """The driver's, with an ``nvidia-smi`` that exits well: CodeCarbon takes that for the sign of an NVIDIA machine."""
    tool = driver.folder / "bin" / "nvidia-smi"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text("#!/bin/sh\nexit 0\n")
    tool.chmod(0o755)
    return driver.env | {"PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(driver.folder)}


def main() -> None:
    """Run the cells read from standard input; one line per window, GPU and tool."""
    say = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peers print is not for our reader
    asked = json.load(sys.stdin)
    zeus, trackers = _zeus(asked["gpus"]), _trackers(asked["gpus"])
    for number, cell in enumerate(asked["cells"]):
        time.sleep(1.3 + 0.0137 * (number % 7))  # idle, and another phase each time
        work = _work(cell)
        for name, window in (("zeus", zeus), ("codecarbon", trackers)):
            for gpu, joules, start, end in window(f"{name}{number}", work):
                said = {"tool": name, "gpu": gpu, "joules": joules, "start": start, "end": end}
                print(json.dumps(said | {"load": cell["load"], "seconds": cell["seconds"]}), file=say, flush=True)
            time.sleep(1.3 + 0.0311 * (number % 5))


Window = Callable[[str, Callable[[], None]], list[tuple[int, float, float, float]]]
"""Runs the work in a window of this name; (GPU, joules, start, end) of what is inside it."""


def _work(cell: Mapping[str, Any]) -> Callable[[], None]:
    return lambda: (compute(cell["seconds"], cell["watts"], cell["idle"]), None)[1]


def _zeus(gpus: int) -> Window:
    from zeus.monitor import ZeusMonitor

    monitor = ZeusMonitor(gpu_indices=list(range(gpus)), cpu_indices=[])

    def window(name: str, work: Callable[[], None]) -> list[tuple[int, float, float, float]]:
        monitor.begin_window(name, sync_execution=False)
        start = time.monotonic()
        work()
        end = time.monotonic()
        energy = monitor.end_window(name, sync_execution=False).gpu_energy
        return [(gpu, joules, start, end) for gpu, joules in energy.items()]

    return window


def _trackers(gpus: int) -> Window:
    """One tracker per GPU, since CodeCarbon tells only the sum; each has a window of its own round the same work."""
    from codecarbon import OfflineEmissionsTracker

    about = {"country_iso_code": "DEU", "save_to_file": False, "log_level": "critical", "allow_multiple_runs": True}
    trackers = [OfflineEmissionsTracker(gpu_ids=[gpu], **about) for gpu in range(gpus)]

    def window(name: str, work: Callable[[], None]) -> list[tuple[int, float, float, float]]:
        starts = [_started(tracker, name) for tracker in trackers]
        work()
        ends = []
        for tracker in trackers:
            end = time.monotonic()
            ends.append((tracker.stop_task(name).gpu_energy * 3.6e6, end))
        return [(gpu, joules, starts[gpu], end) for gpu, (joules, end) in enumerate(ends)]

    window("first", lambda: time.sleep(1.0))  # the first task pays for looking at the machine
    return window


def _started(tracker: Any, name: str) -> float:
    tracker.start_task(name)
    return time.monotonic()


if __name__ == "__main__":
    main()
