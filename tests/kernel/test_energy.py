"""A cell's energy against the exact integral of power: the fake driver, a real kernel, an agent of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_gpumon.report.record import MIME
from tests.fakenvml.scenario import Proc

from .conftest import Notebook, displays

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def fake(fake_nvml, start):
    """Two idle GPUs; the kernel has a context on the first."""
    driver = fake_nvml(gpus=2, power="60", energy_period=0.1)
    return driver, begin(driver, start, Proc(0, 0, memory=2**30))


def begin(driver, start, process: Proc) -> Notebook:
    """A kernel on this driver, with summaries on; it is the process."""
    notebook = start("agent", env={**driver.variables, "PYTHONPATH": str(ROOT)})
    notebook.run("%load_ext jupyter_gpumon\nimport os, time\nfrom tests.fakenvml.workload import compute")
    driver.processes(replace(process, pid=int(notebook.value("os.getpid()"))))
    notebook.run("%gpumon status\n%gpumon summary on")
    return notebook


def test_a_cell_at_300_watts_is_measured_to_a_few_per_cent(fake):
    """1, 3 and 10 s on a GPU that idles at 60 W, with a counter of 100 ms; the interval holds the truth."""
    driver, notebook = fake
    notebook.outputs("time.sleep(2)")
    offset = float(notebook.value("time.time() - time.monotonic()"))
    for seconds, tolerance in ((1.0, 0.05), (3.0, 0.02), (10.0, 0.01)):
        (record,) = notebook.records(f"start, end = compute({seconds}, watts=300, idle=60)")
        cost = record["energy"]["gpu0"]
        truth = driver.energy(record["start"] - offset, record["end"] - offset)
        assert truth >= 0.98 * 300 * seconds
        assert cost["joules"] == pytest.approx(truth, abs=max(tolerance * truth, (cost["high"] - cost["low"]) / 2))
        assert cost["least"] - 1 <= truth <= cost["most"] + 1
        assert cost["method"] == "counter"


def test_an_instance_costs_its_share_of_the_board(fake_nvml, start):
    """A kernel on 2 of a board's 7 slices: so much of its energy, called an estimate; the board is not listed."""
    driver = fake_nvml(gpus=1, power="60", energy_period=0.1, mig={0: ["1g.18gb", "2g.35gb"]})
    notebook = begin(driver, start, Proc(0, 0, memory=2**30, gi=8, ci=0))
    offset = float(notebook.value("time.time() - time.monotonic()"))
    notebook.outputs("time.sleep(2)")
    (record,) = notebook.records("start, end = compute(2, watts=300, idle=60)")
    used = {device["name"]: device.get("used", True) for device in record["devices"]}
    assert used == {"gpu0:0": False, "gpu0:1": True}
    cost, truth = record["energy"]["gpu0:1"], driver.energy(record["start"] - offset, record["end"] - offset)
    assert cost["method"] == "estimate"
    assert cost["joules"] == pytest.approx(truth * 2 / 7, rel=0.05)
    assert cost["joules"] < truth < cost["high"] * 1.05


def test_the_gpus_in_use_count_and_the_others_are_told_apart(fake):
    """The kernel has a context on gpu0 only; gpu1 idles beside it."""
    _, notebook = fake
    (record,) = notebook.records("time.sleep(1.5)")
    assert {device["name"]: device.get("used", True) for device in record["devices"]} == {"gpu0": True, "gpu1": False}
    assert set(record["energy"]) == {"gpu0", "gpu1"}


def test_a_cell_too_short_for_the_counter_says_at_most(fake):
    """Never 0, and never more than the board can draw."""
    _, notebook = fake
    notebook.outputs("time.sleep(1)")
    (data,) = notebook.outputs("pass")
    cost = data[MIME]["energy"]["gpu0"]
    assert 0 < cost.get("joules", cost["high"]) <= cost["high"] < 10
    # On a busy machine even this takes milliseconds, and may be told.
    assert ("≤" in data["text/plain"]) is ("joules" not in cost)


def test_others_on_the_gpu_are_counted(fake):
    """A process that is not of this kernel shares gpu0; XIDs in the window are in the record."""
    driver, notebook = fake
    own = int(notebook.value("os.getpid()"))
    driver.processes(Proc(0, own, memory=2**30), Proc(0, 1, memory=2**30))
    notebook.outputs("time.sleep(1.5)")
    (data,) = notebook.outputs("time.sleep(1.5)")
    assert data[MIME]["shared"] == {"gpu0": 1}
    assert "shared with 1 other process" in data["text/plain"]


def test_cells_that_wait_are_not_held_up(fake):
    """With more cells queued the record is completed later, by an update of its output."""
    _, notebook = fake
    ids = [notebook.client.execute(code) for code in ("time.sleep(0.5)", "b = 2", "c = 3")]
    seen = []

    def told():
        return [data[MIME] for data in displays(seen).values() if MIME in data]

    while len(told()) < 3 or not all(record["final"] for record in told()):
        seen.append(notebook.client.get_iopub_msg(timeout=30))
    begins = [m["parent_header"].get("msg_id") for m in seen if m["msg_type"] == "execute_input"]
    assert begins == ids
    shown = [m for m in seen if MIME in m["content"].get("data", {})]
    first = [m for m in shown if m["content"]["transient"] == shown[0]["content"]["transient"]]
    assert [m["content"]["data"][MIME]["final"] for m in (first[0], first[-1])] == [False, True]
    second = next(m for m in seen if m["msg_type"] == "execute_input" and m["parent_header"]["msg_id"] == ids[1])
    assert seen.index(second) < seen.index(first[-1]), "the next cell has begun before the first's record was final"


def test_the_ledger_waits_for_the_records_under_way(fake):
    """Run All: the page of energies comes right behind the cells it lists, and lists them all."""
    _, notebook = fake
    codes = ("%%gpumon -t first\npass", "%%gpumon -t second\npass", "%gpumon energy")
    ids = [notebook.client.execute(code) for code in codes]
    seen = []
    while not any(m["parent_header"].get("msg_id") == ids[-1] and _idle(m) for m in seen):
        seen.append(notebook.client.get_iopub_msg(timeout=30))
    page = [
        m["content"]["data"]["text/plain"]
        for m in seen
        if m["parent_header"].get("msg_id") == ids[-1] and "data" in m["content"]
    ]
    assert "first" in page[-1]
    assert "second" in page[-1]


def _idle(message):
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
