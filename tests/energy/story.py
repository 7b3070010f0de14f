"""A notebook in which everything happens that makes energy hard to account for, on the fake driver's first GPU.

``python -m tests.energy.story FOLDER`` writes it as ``ledger.ipynb``, and what a second kernel runs as ``other.ipynb``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import nbformat

IDLE = 60.0
BEGIN = """
%load_ext jupyter_gpumon
import os, signal, subprocess, sys, threading, time
from tests.fakenvml.workload import appear, compute, draw

appear(sm=0)

def work(seconds, watts):
    appear(sm=70)
    compute(seconds, watts, gpu=0)
    appear(sm=0)
"""


class Step(NamedTuple):
    """A cell: what it is there for, its code, and how it ends."""

    name: str
    code: str
    status: str = "ok"


STORY = (
    Step("short", "work(0.15, watts=400)  # a short cell"),
    Step("long", "work(6, watts=350)  # a long cell"),
    Step(
        "async",
        """# a cell whose work outlives it
appear(sm=70)
start = draw(300, gpu=0)
draw(60, gpu=0, at=start + 4)
threading.Timer(4, appear, [0]).start()""",
    ),
    Step("pause", "time.sleep(7)  # meanwhile"),
    Step(
        "interrupted",
        """# an interrupted cell
threading.Timer(2, os.kill, [os.getpid(), signal.SIGINT]).start()
appear(sm=70)
draw(320, gpu=0)
try:
    time.sleep(60)
finally:
    draw(60, gpu=0)
    appear(sm=0)""",
        "interrupted",
    ),
    Step("failing", 'work(1.5, watts=250)  # a failing cell\nraise RuntimeError("the loss is not a number")', "error"),
    Step(
        "subprocess",
        '''# a cell that uses a subprocess
child = """
from tests.fakenvml.workload import appear, compute
appear(sm=70)
compute(4, watts=280, gpu=0)
appear(None)
"""
done = subprocess.run([sys.executable, "-c", child], check=True)''',
    ),
    Step("shared", "work(6, watts=500)  # a second kernel is at work on the same GPU"),
)
OTHER = Step(
    "other", "appear(sm=30)  # beside the first kernel, whose power is that of both\ntime.sleep(5)\nappear(sm=0)"
)


def notebook(*steps: Step) -> nbformat.NotebookNode:
    """A notebook that measures these cells, after one that sets it up; those that are to fail may."""
    cells = [nbformat.v4.new_code_cell(BEGIN.strip()), nbformat.v4.new_code_cell("%gpumon summary on")]
    for step in steps:
        tags = {} if step.status == "ok" else {"tags": ["raises-exception"]}
        cells.append(nbformat.v4.new_code_cell(step.code, metadata=tags))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def main(folder: str) -> None:
    """Write both notebooks."""
    energy = Step("energy", "%gpumon energy")
    nbformat.write(notebook(*STORY, energy), Path(folder) / "ledger.ipynb")
    nbformat.write(notebook(OTHER), Path(folder) / "other.ipynb")


if __name__ == "__main__":
    main(sys.argv[1])
