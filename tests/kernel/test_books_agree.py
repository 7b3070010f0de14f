"""What the records of a notebook add up to is what its server's books say of it, however its parts are measured."""

from __future__ import annotations

import json
import time

import pytest

from ..energy.served import kernel_of, server_on
from ..energy.story import BEGIN, IDLE
from ..fakenvml.driver import FakeDriver
from ..fakenvml.scenario import Scenario

CELLS = {
    "ordinary": "work(1.5, watts=350)",
    "repeated": "%%gpumon --repeat 4 -t repeated\nwork(0.4, watts=400)",
    "measured part": 'with gm.measure("part"): work(1.5, watts=300)\ntime.sleep(0.5)',
    "spans too short to tell": 'for _ in range(40):\n    with gm.span("step", sync=False): work(0.03, watts=450)',
    "too short to tell": "%%gpumon -t blink\nwork(0.002, watts=450)",
    "span in a span": 'with gm.span("all"):\n    work(1, watts=300)\n    with gm.span("end"): work(0.02, watts=300)',
    "part of a repeated cell": '%%gpumon --repeat 3\nwith gm.measure("part"): work(0.5, watts=300)\ntime.sleep(0.2)',
    "from one call to another": "gm.start()\nwork(1, watts=300)\n_ = gm.stop(show=False)",
}
SUM = """
import json
import jupyter_gpumon as gm

def whole():
    from jupyter_gpumon.kernel import completion
    from jupyter_gpumon.report.cells import altogether, outer
    energies = [cell.energy["gpu0"] for cell in outer(completion.finished())]
    return json.dumps([altogether(energies).joules or 0.0, len(energies)])
"""
"""The notebook's own sum, each joule once: what ``%gpumon report`` says."""


SECONDS = 60.0
"""Bound on the wait for a record."""


class Notebook:
    """A kernel on one fake board, and its server's books."""

    def __init__(self, server, kernel) -> None:
        self.server, self.kernel = server, kernel
        kernel.run(BEGIN + SUM)
        kernel.run("%gpumon summary on")

    def says(self) -> tuple[float, int]:
        """Joules of all its measured cells by the notebook, and how many these are."""
        joules, number = json.loads(self.kernel.value("whole()").strip("'"))
        return joules, number

    def booked(self) -> float:
        """Joules of its cells by the server."""
        boards = self.server.get("gpumon/api/ledger")["start"].get("devices", {})
        return sum(board.get("cells", 0.0) for board in boards.values())


@pytest.fixture(scope="module")
def notebook(fakenvml_library, tmp_path_factory):
    """One for all tests of this module."""
    driver = FakeDriver(tmp_path_factory.mktemp("driver"), Scenario(1, power=f"{IDLE:g}", energy_period=0.1))
    with server_on(driver) as server, kernel_of(server) as kernel:
        yield Notebook(server, kernel)


@pytest.mark.parametrize("cell", CELLS)
def test_the_books_and_the_notebook_agree(notebook, cell):
    """On what this cell took, to the millijoule, whatever was measured within it; one cell, its whole energy."""
    (before, cells), booked = notebook.says(), notebook.booked()
    (record,) = notebook.kernel.records(CELLS[cell])
    took = record["energy"]["gpu0"]
    after, number = notebook.says()
    assert number - cells == 1
    assert after - before == pytest.approx(took.get("joules", took["high"] / 2), abs=1e-3)
    end = time.monotonic() + SECONDS
    while abs(notebook.booked() - booked - (after - before)) > 1e-3 and time.monotonic() < end:
        time.sleep(0.1)  # records are posted in the background
    assert notebook.booked() - booked == pytest.approx(after - before, abs=1e-3)


def test_what_a_record_lies_within_has_a_record(notebook):
    """Neither a window of a repeated cell nor the summary that ``%%gpumon`` takes the place of."""
    cells = notebook.server.get("gpumon/api/cells")["cells"]
    assert {key for cell in cells for key in cell.get("within", ())} <= {cell["id"] for cell in cells}
    assert all("within" not in cell for cell in cells if cell.get("title") == "repeated")
