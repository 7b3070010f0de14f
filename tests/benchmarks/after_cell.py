"""What follows a measured cell: the CPU time that our own work takes in the kernel's main thread, eight GPUs in use.

Publishing what is shown is Jupyter's own and apart. The final record is made by a thread of ours while the cell waits
for the counters: its CPU time is told beside.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass

from .cell_cost import SETTLES, Kernel
from .servers import Server

WATCH = """
%load_ext jupyter_gpumon
%gpumon summary on
import threading as _th
import time as _t
from tests.fakenvml.workload import appear as _appear, compute as _compute
from jupyter_gpumon.kernel.completion import Pending as _P
from jupyter_gpumon.kernel.summary import Summary as _S
_own, _final, _here = [], [], _th.local()
_after, _complete, _publish = _S.after, _P._complete, get_ipython().display_pub.publish
def _published_in(*args, **more):
    began = _t.thread_time()
    _publish(*args, **more)
    _here.published = getattr(_here, "published", 0) + _t.thread_time() - began
get_ipython().display_pub.publish = _published_in
def _took(work, *args):
    _here.published, began = 0, _t.thread_time()
    work(*args)
    return _t.thread_time() - began - _here.published
def _timed(self, result):
    _own.append(_took(_after, self, result))
_P._complete = lambda self: _final.append(_took(_complete, self))
get_ipython().events.unregister("post_run_cell", next(
    f for f in get_ipython().events.callbacks["post_run_cell"] if getattr(f, "__func__", None) is _after))
_summary = next(f for f in get_ipython().events.callbacks["pre_run_cell"] if getattr(f, "__func__", None) is _S.before)
get_ipython().events.register("post_run_cell", _timed.__get__(_summary.__self__))
for _gpu in range(8):
    _appear(70, _gpu)
"""
CELL = "_compute(0.3)"


@dataclass(frozen=True)
class After:
    """Seconds of CPU time after a cell."""

    median: float
    p95: float
    final: float
    """Median of what the final record takes in its own thread."""


def after_cells(server: Server, cells: int = 60) -> After:
    """Cells in turn, each waited for; what the first few take is left out."""
    kernel = Kernel(server)
    try:
        kernel.run(WATCH)
        kernel.run(f"_t.sleep({SETTLES})")
        for _ in range(cells + 5):
            kernel.run(CELL)
        took: list[float] = json.loads(kernel.text("_own"))[-cells:]
        final: list[float] = json.loads(kernel.text("_final"))[-cells:]
    finally:
        kernel.close()
    return After(statistics.median(took), statistics.quantiles(took, n=20)[-1], statistics.median(final))
