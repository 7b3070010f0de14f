"""``python -m tests.benchmarks [--peer PYTHON]``: the benchmark table, on the fake driver, as Markdown.

PYTHON is the interpreter of an environment with ``jupyterlab-nvdashboard``; without it the peer's column stays empty.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from . import rows
from .after_cell import after_cells
from .cell_cost import load_extension, slowdown
from .judging import judging
from .page import main_thread
from .scrape import scrapes
from .servers import running


def main() -> None:
    """Measure, and print a line as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--peer", help="interpreter with jupyterlab-nvdashboard installed")
    parser.add_argument("--pairs", type=int, default=30, help="cell pairs for the slowdown")
    parser.add_argument("--minutes", type=float, default=10, help="how long the panel is watched first")
    options = parser.parse_args()
    print("| what | measured | goal | peer, same run |\n|---|---|---|---|")
    for row in _rows(options.peer, options.pairs, options.minutes):
        print(f"| {row.what} | {row.ours} | {row.goal} | {row.peer} |", flush=True)


def _rows(peer: str | None, pairs: int, minutes: float) -> Iterator[rows.Row]:
    driver, python = rows.fake_driver(), sys.executable
    yield rows.status_latency(python, peer, driver)
    with running(python, "jupyter_gpumon", driver.variables) as server:
        yield from rows.driver_load(server, driver)
        yield rows.measuring_load(server, driver)
        yield from rows.cpu_and_wire(server, driver)
        yield scrapes(server, driver)
        lost = slowdown(server, pairs)
        figures = (
            f"{lost.median:+.2%}, 95 % below {lost.upper:+.2%}; by the CPU time of the kernel's other threads, "
            f"which is the most they can hold it up: {lost.taken:+.2%}, 95 % below {lost.most_taken:+.2%}"
        )
        yield rows.Row("slowdown of a CPU-bound cell", figures, "below 0.5 %")
        after = after_cells(server)
        figures = (
            f"{after.median * 1e3:.1f} ms, 95th percentile {after.p95 * 1e3:.1f} ms; "
            f"the final record in its own thread {after.final * 1e3:.1f} ms"
        )
        yield rows.Row("our own work after a cell, 8 GPUs in use (CPU time)", figures, "at most 2 ms")
    if peer:
        yield rows.peer_load(peer, driver)
    yield from rows.memory(python, driver)
    took, heavy = load_extension(python)
    loaded = f"{took * 1e3:.0f} ms, heavy imports: {', '.join(sorted(heavy)) or 'none'}"
    yield rows.Row("%load_ext jupyter_gpumon", loaded, "at most 150 ms, none")
    yield from judging()
    yield rows.front_end()
    with running(python, "jupyter_gpumon,jupyterlab", driver.variables, "--GpuMon.idle_interval=1.0") as server:
        alone, shown = main_thread(server, minutes)
    thread = f"{shown:.1%}, JupyterLab alone {alone:.1%}"
    yield rows.Row(f"main thread, 1 Hz, 8 GPUs, {minutes:g} min on the charts", thread, "at most 3 %")


if __name__ == "__main__":
    main()
