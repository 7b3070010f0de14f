"""What measured cells took, counted by notebook in a bounded number of series."""

from __future__ import annotations

import pytest

from jupyter_gpumon.exposition.cells import CellCounters
from jupyter_gpumon.model import Cell, CellDevice, Energy

GPU0, GPU1 = CellDevice(name="gpu0", model="H200"), CellDevice(name="gpu1", model="H200")


def cell(n, joules=10.0, notebook="a.ipynb", **more):
    """A record of two seconds on gpu0."""
    keys = {"devices": (GPU0,), "energy": {"gpu0": Energy(joules=joules)}, **more}
    return Cell(id=f"c{n}", kernel_id="k1", start=100.0, end=102.0, notebook=notebook, **keys)


@pytest.fixture
def counted(told):
    """``counted(most, *cells)``: the series after these records."""

    def post(most, *cells):
        counters = told.page.cells = told.page.cells or CellCounters(most)
        for each in cells:
            counters.post(each)
        return told.series()

    return post


def test_all_cells_are_counted_together_unless_notebooks_are_asked_for(counted):
    """Energy by GPU, time, how they ended; no path of any notebook."""
    series = counted(0, cell(1), cell(2, notebook="b.ipynb", status="error"))
    assert series.of("gpumon_cell_energy_joules_total", uuid="GPU-a", gpu="0", hostname="node1") == 20
    assert series.of("gpumon_cell_duration_seconds_total") == 4
    assert series.of("gpumon_cells_total", status="error") == 1
    assert not [labels for labels in series.labels("gpumon_cell_energy_joules_total") if "notebook" in labels]


def test_notebooks_are_told_apart_where_asked_for(counted):
    """By their paths."""
    series = counted(50, cell(1), cell(2, joules=5.0), cell(3, notebook="b.ipynb"), cell(4, notebook=None))
    energy = {
        labels["notebook"]: series.of("gpumon_cell_energy_joules_total", notebook=labels["notebook"])
        for labels in series.labels("gpumon_cell_energy_joules_total")
    }
    assert energy == {"a.ipynb": 15, "b.ipynb": 10, "none": 10}


def test_the_number_of_series_is_bounded(counted):
    """Past the bound everything is of the notebook "other", and nothing is lost."""
    series = counted(3, *(cell(n, notebook=f"{n}.ipynb") for n in range(200)))
    assert len(series["gpumon_cell_energy_joules_total"]) == 4
    assert series.of("gpumon_cell_energy_joules_total", notebook="other") == 1970


def test_a_record_counts_once_and_when_it_is_complete(counted):
    """A draft could still shrink, and a counter must not."""
    assert "gpumon_cell_energy_joules_total" not in counted(0, cell(1, joules=12.0, final=False))
    series = counted(0, cell(1, joules=10.0), cell(1, joules=10.0))
    assert series.of("gpumon_cell_energy_joules_total") == 10


def test_only_what_was_measured_counts(counted):
    """No estimate, a mere bound by its middle, no GPU that the cell did not use; of nested ones each its own part."""
    series = counted(
        0,
        cell(1, energy={"gpu0": Energy(joules=7.0, method="estimate")}),
        cell(2, energy={"gpu0": Energy(high=18.0)}),
        cell(
            3,
            devices=(GPU0, CellDevice(name="gpu1", model="H200", used=False)),
            energy={"gpu0": Energy(joules=1.0), "gpu1": Energy(joules=50.0)},
        ),
        cell(4, joules=100.0, exclusive={"gpu0": Energy(joules=30.0)}),
    )
    assert series.of("gpumon_cell_energy_joules_total") == 9 + 1 + 30
    assert series.of("gpumon_cells_total", status="ok") == 4


def test_promtool_has_nothing_to_say_of_cells(told, counted, promtool):
    """Names and types."""
    counted(5, cell(1))
    assert promtool("check", "metrics", text=told.page.text()[0]) == ""
