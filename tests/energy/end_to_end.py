"""Cells measured end to end against the exact integral of power: fake driver, agent, Jupyter server, real kernel.

Eight fake GPUs have the same sensor at eight phases, so one cell makes eight trials. Timing noise of the machine does
not matter: the truth is the integral over the very window that the record states. Run the table with

    python -m tests.energy.end_to_end [--peer PYTHON] [--cells 5] [--parallel 2] [--json FILE]

where PYTHON is an interpreter that has zeus and codecarbon; they measure the same cells on the same driver.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..fakenvml.driver import FakeDriver
from ..fakenvml.scenario import Proc, Scenario
from . import peers
from .served import Served, clock_offset, kernel_of, server_on, wait_until_tried

GPUS = 8
IDLE = 60.0
LENGTHS = (0.05, 0.1, 0.3, 1.0, 10.0)
LOADS = {"constant": "400", "square 2 Hz": "square:100,400,2"}
LIMIT = 450
BOARD = {
    "name": "NVIDIA GeForce RTX 4090", "architecture": 8, "cc_major": 8, "cc_minor": 9,
    "power_limit": LIMIT, "power_limit_max": LIMIT, "power_limit_default": LIMIT,
}  # fmt: skip
"""An Ada: of its sensor nobody says that it looks only a part of the time, which would widen every interval."""
NO_INSTANT = {"field:186": 3, "nvmlDeviceGetSamples": 3}
"""A board without readings of momentary power and without the driver's buffer: all it tells is the mean of 1 s."""

TRIAL = 240.0
"""Seconds in which the server may try the sensors of its idle boards, one after the other."""
WARM = 6


@dataclass(frozen=True)
class Sensor:
    """How the fake boards measure, and the 95th percentiles of \\|error\\| to be reached, one per length."""

    keys: Mapping[str, Any]
    goals: tuple[float, ...]
    period: float
    """Seconds between its updates, over which the GPUs' phases are spread."""


SENSORS = {
    "counter 100 ms": Sensor({"energy_period": 0.1}, (0.10, 0.03, 0.01, 0.005, 0.001), 0.1),
    "counter 100 ms, ±5 ms jitter, 30 ms delay": Sensor(
        {"energy_period": 0.1, "energy_jitter": 0.005, "energy_delay": 0.03}, (0.25, 0.12, 0.04, 0.02, 0.005), 0.1
    ),
    "counter 20 ms": Sensor({"energy_period": 0.02}, (0.03, 0.01, 0.005, 0.002, 0.0005), 0.02),
    "no counter, 1 s average": Sensor(
        {"energy": "-", "errors": NO_INSTANT, "power_average_window": 1.0}, (0.05, 0.02, 0.02, 0.01, 0.005), 0.1
    ),
}


@dataclass(frozen=True)
class Trial:
    """One cell on one GPU: what was said and what was true, in joules. ``seconds`` is the length of its load."""

    tool: str
    sensor: str
    load: str
    seconds: float
    gpu: int
    truth: float
    joules: float | None
    """None where only an upper bound was said."""
    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None
    method: str = ""

    @property
    def error(self) -> float:
        """\\|error\\| as a share of the truth; infinite where no value was said."""
        return math.inf if self.joules is None else abs(self.joules / self.truth - 1)

    @property
    def likely(self) -> bool:
        """Whether the likely interval, or the upper bound alone, holds the truth."""
        return (self.low or 0.0) <= self.truth <= (self.high or math.inf)

    @property
    def sure(self) -> bool:
        """Whether the hard interval holds the truth, to the millijoules to which counters are read."""
        return (self.least or 0.0) - 0.002 <= self.truth <= (self.most or math.inf) + 0.002


def make_driver(sensor: Sensor, seed: int, folder: Path | None = None) -> FakeDriver:
    """Eight idle boards with this sensor, each at a phase of its own."""
    rng = random.Random(seed)
    phases = [sensor.period * (gpu + rng.random()) / GPUS for gpu in range(GPUS)]
    each = {gpu: {"energy_phase": phases[gpu], "power_phase": phases[gpu]} for gpu in range(GPUS)}
    scenario = Scenario(GPUS, power=f"{IDLE:g}", each=each, **BOARD, **sensor.keys)
    return FakeDriver(folder or Path(tempfile.mkdtemp(prefix="gpumon-energy-")), scenario)


def begin(driver: FakeDriver, notebook: Served, *, warm: int = 0) -> None:
    """Summaries on; the kernel is at work on all GPUs, alone. So many cells of a second go before those that count.

    How late a counter is can be learned only from cells: from power that comes and goes.
    """
    pid = int(notebook.value("__import__('os').getpid()"))
    driver.processes(*(Proc(gpu, pid, memory=2**30, sm=100) for gpu in range(GPUS)))
    notebook.run("%load_ext jupyter_gpumon\nfrom tests.fakenvml.workload import compute")
    notebook.run("%gpumon summary on")
    time.sleep(3.0)
    for _ in range(warm):
        measure(driver, notebook, LOADS["constant"], 1.0)
        time.sleep(random.uniform(1.6, 2.6))


def measure(driver: FakeDriver, notebook: Served, load: str, seconds: float) -> list[dict[str, Any]]:
    """One cell with this load; for each GPU the record's energy, with the truth over the record's own window."""
    offset = clock_offset()
    (record,) = notebook.records(f"start, end = compute({seconds}, watts={load!r}, idle={IDLE})")
    start, end = record["start"] - offset, record["end"] - offset
    return [
        {**record["energy"].get(f"gpu{gpu}", {}), "gpu": gpu, "truth": driver.energy(start, end, gpu)}
        for gpu in range(GPUS)
    ]


def trials_of(driver: FakeDriver, notebook: Served, sensor: str, plan: Iterable[tuple[str, float]]) -> list[Trial]:
    """Measure these cells, with idle pauses of random length between them."""
    found = []
    for load, seconds in plan:
        time.sleep(random.uniform(1.6, 2.6))
        for energy in measure(driver, notebook, LOADS[load], seconds):
            found.append(_trial("gpumon", sensor, load, seconds, energy))
            if len(found) % 40 == 0:
                print(f"# {sensor}: {len(found)} trials", file=sys.stderr, flush=True)
    return found


def _trial(tool: str, sensor: str, load: str, seconds: float, energy: Mapping[str, Any]) -> Trial:
    kept = {name: energy.get(name) for name in ("gpu", "truth", "joules", "low", "high", "least", "most")}
    return Trial(tool, sensor, load, seconds, **kept, method=energy.get("method", ""))


def run(sensor: str, plan: Sequence[tuple[str, float]], seed: int, peer: str | None) -> list[Trial]:
    """All trials of one sensor: ours, then the peers' on the same driver."""
    driver = make_driver(SENSORS[sensor], seed)
    time.sleep(6.0 * list(SENSORS).index(sensor))  # several runs beside each other do not start at once
    with server_on(driver) as server:
        if not wait_until_tried(server, TRIAL):
            print(f"# {sensor}: not all boards could be tried", file=sys.stderr, flush=True)
        with kernel_of(server) as notebook:
            begin(driver, notebook, warm=WARM)
            found = trials_of(driver, notebook, sensor, plan)
    try:
        for tool, load, seconds, energy in peers.measure(peer, driver, LOADS, plan, IDLE) if peer else ():
            found.append(_trial(tool, sensor, load, seconds, energy))
    except RuntimeError as e:
        print(f"# {sensor}: the peers ended early: {e}", file=sys.stderr, flush=True)
    return found


def percentile(errors: Sequence[float], share: float = 0.95) -> float:
    """The smallest error that at least this share of all do not exceed."""
    return sorted(errors)[math.ceil(share * len(errors)) - 1]


def table(trials: Sequence[Trial]) -> str:
    """The 95th percentiles as Markdown, the goal in brackets, peers below; then how often the intervals held."""
    lengths = sorted({trial.seconds for trial in trials})
    heads = ["sensor", "load", "tool", *(f"{s:g} s" for s in lengths)]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for (_, _, sensor, load, tool), found in itertools.groupby(sorted(trials, key=_row), key=_row):
        group = list(found)
        cells = [_cell(sensor, tool, s, [trial for trial in group if trial.seconds == s]) for s in lengths]
        lines.append(f"| {sensor} | {load} | {tool} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_coverage([trial for trial in trials if trial.tool == "gpumon"])])


def _row(trial: Trial) -> tuple[int, int, str, str, str]:
    tools = ("gpumon", *peers.TOOLS)
    return list(SENSORS).index(trial.sensor), tools.index(trial.tool), trial.sensor, trial.load, trial.tool


def _cell(sensor: str, tool: str, seconds: float, trials: Sequence[Trial]) -> str:
    if not trials:
        return "–"
    worst = percentile([trial.error for trial in trials])
    said = "not resolved" if math.isinf(worst) else per_cent(worst)
    if tool != "gpumon" or seconds not in LENGTHS:
        return said
    goal = SENSORS[sensor].goals[LENGTHS.index(seconds)]
    return f"{'' if worst <= goal else '**'}{said}{'' if worst <= goal else '**'} (≤ {100 * goal:g})"


def per_cent(share: float) -> str:
    """Two digits, never as a power of ten: ``0.36 %``, ``114 %``, ``< 0.001 %``."""
    if share < 1e-5:
        return "< 0.001 %"
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:#.2g} %"


def _coverage(ours: Sequence[Trial]) -> list[str]:
    lines = []
    for sensor in SENSORS:
        group = [trial for trial in ours if trial.sensor == sensor]
        if group:
            likely, sure = (sum(getattr(t, what) for t in group) / len(group) for what in ("likely", "sure"))
            bare = sum(trial.joules is None for trial in group)
            lines.append(
                f"{sensor}: {len(group)} trials; the likely interval held the truth in {likely:.1%}, "
                f"the hard one in {sure:.1%}; {bare} times only a bound was said."
            )
    return lines


def main() -> int:
    """Measure and print the table."""
    options = _arguments().parse_args()
    plan = [(load, s) for _ in range(options.cells) for load in LOADS for s in options.lengths]
    random.Random(options.seed).shuffle(plan)
    wanted = [name for name in SENSORS if not options.sensor or any(word in name for word in options.sensor)]
    trials, failed = [], 0
    with ThreadPoolExecutor(options.parallel) as pool:
        runs = {name: pool.submit(run, name, plan, options.seed + i, options.peer) for i, name in enumerate(wanted)}
    for name, each in runs.items():
        if each.exception():
            print(f"# {name} failed: {each.exception()!r}", file=sys.stderr)
            failed = 1
        else:
            trials += each.result()
    if options.json:
        options.json.write_text("\n".join(json.dumps(asdict(trial)) for trial in trials) + "\n")
    print(table(trials))
    return failed


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.energy.end_to_end", description=__doc__)
    parser.add_argument("--peer", help="an interpreter with zeus and codecarbon, which measure the same cells")
    parser.add_argument("--cells", type=int, default=5, help="cells per load and length; each is eight trials")
    parser.add_argument("--lengths", type=float, nargs="+", default=LENGTHS, help="seconds of load per cell")
    parser.add_argument("--sensor", nargs="+", help="only sensors with one of these words in their name")
    parser.add_argument("--parallel", type=int, default=1, help="sensors measured at the same time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where to write every trial, a line each")
    return parser


if __name__ == "__main__":
    sys.exit(main())
