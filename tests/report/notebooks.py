"""Notebooks with records in their outputs, as they are saved."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jupyter_gpumon.model import Cell, CellDevice, Energy, Footprint, Sensor
from jupyter_gpumon.report.record import MIME, bundle

BOARD = CellDevice(name="gpu0", model="NVIDIA H200", counter_period=0.1, sensor=Sensor(period=0.1, checked=1.0))
FIT = Cell(
    id="a",
    title="fit <b>",
    count=3,
    start=1_795_302_000.0,
    end=1_795_302_012.4,
    devices=(BOARD,),
    energy={"gpu0": Energy(joules=4130.0, low=4105.0, high=4155.0, idle=430.0)},
    background={"gpu0": Energy(joules=70.0, low=65.0, high=75.0)},
    delta={"gpu0": {"held_power_cap": 6.0}},
    xids=(43,),
    footprint=Footprint(
        joules=4130.0,
        region="DE",
        grams=4130 / 3.6e6 * 381,
        intensity=381.0,
        intensity_year=2023,
        intensity_source="Ember",
        intensity_terms="CC BY 4.0",
    ),
)
STEP = Cell(
    id="b",
    title="step",
    count=3,
    start=FIT.start + 1,
    end=FIT.start + 3,
    devices=(BOARD,),
    energy={"gpu0": Energy(joules=800.0)},
)
"""Within the first."""


def saved(path: Path, *cells: Cell, worded: bool = True) -> Path:
    """A notebook with a cell per record; ``worded`` as front ends save them, else the bare records."""
    outputs = [bundle(cell) if worded else {MIME: bundle(cell)[MIME]} for cell in cells]
    made = [new_code_cell("train()", execution_count=3, outputs=[new_output("display_data", data)]) for data in outputs]
    notebook = new_notebook(cells=[new_markdown_cell("# A title\n\n$e^{x}$"), *made, new_code_cell("1 + 1")])
    notebook.metadata["language_info"] = {"name": "python", "version": "3.12.1"}
    nbformat.write(notebook, path)
    return path
