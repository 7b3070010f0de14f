"""Whose energy it was, with real kernels on a fake driver: the edge cases of energy.md §3.9 that need a kernel.

The GPU draws 300 W throughout and the kernel is at work on it, so that every joule has an owner.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jupyter_gpumon.report.record import MIME
from tests.fakenvml.driver import FakeDriver
from tests.fakenvml.scenario import Proc, Scenario

from .conftest import Notebook, displays, environment

ROOT = Path(__file__).parent.parent.parent
WATTS = 300
BEGIN = """
%load_ext jupyter_gpumon
import asyncio, os, subprocess, sys, threading, time
from jupyter_gpumon import measure
"""
RECORDS = "[(c.title, c.duration, c.energy['gpu0'].joules, c.corunning) for c in {done} if c.title]"
DONE = "__import__('jupyter_gpumon.kernel.completion', fromlist=['x']).done"


LINK = "__import__('jupyter_gpumon').kernel.connect.current()"


class Lab(NamedTuple):
    """A driver, a kernel on it, and the kernel's process on the GPU."""

    driver: FakeDriver
    notebook: Notebook
    own: Proc

    def record(self, code: str) -> dict[str, Any]:
        """The one record of a cell."""
        (record,) = self.notebook.records(code)
        return record

    def titled(self) -> dict[str, tuple[float, float, tuple[str, ...]]]:
        """Title → (seconds, joules, beside whom) of the measured blocks."""
        found = eval(self.notebook.value(RECORDS.format(done=DONE)))
        return {title: (seconds, joules, beside) for title, seconds, joules, beside in found}


@pytest.fixture(scope="module")
def open_kernel() -> Iterator[Callable[[FakeDriver], Lab]]:
    """``open_kernel(driver)``: a kernel with summaries on, at work on the GPU."""
    opened: list[Notebook] = []

    def start(driver: FakeDriver) -> Lab:
        notebook = Notebook(environment("agent", **driver.variables, PYTHONPATH=str(ROOT)))
        opened.append(notebook)
        notebook.run(BEGIN)
        return Lab(driver, notebook, Proc(0, int(notebook.value("os.getpid()")), memory=2**30, sm=80))

    yield start
    for notebook in opened:
        notebook.close()


@pytest.fixture(scope="module")
def made(
    fakenvml_library: Path, tmp_path_factory: pytest.TempPathFactory, open_kernel: Callable[[FakeDriver], Lab]
) -> Lab:
    """One lab for the module."""
    folder = tmp_path_factory.mktemp("attribution") / "driver"
    lab = open_kernel(FakeDriver(folder, Scenario(power=str(WATTS), energy_period=0.1)))
    lab.driver.processes(lab.own)
    lab.notebook.run("%gpumon status\n%gpumon summary on")
    lab.notebook.outputs("time.sleep(2)")
    return lab


@pytest.fixture
def lab(made: Lab) -> Lab:
    """That lab with the kernel's process alone on the GPU, seen so."""
    made.driver.processes(made.own)
    made.notebook.outputs("time.sleep(1.2)")
    made.notebook.run(f"{DONE}.clear()")
    return made


def _joules(record: dict[str, Any]) -> float:
    return record["energy"]["gpu0"]["joules"]


def _seconds(record: dict[str, Any]) -> float:
    return record["end"] - record["start"]


def test_the_only_one_at_work_has_all_of_it(lab):
    """Another process holds memory and rests: the cell is charged the whole of the device."""
    lab.driver.processes(lab.own, Proc(0, 1, memory=40 * 2**30, sm=0))
    lab.notebook.outputs("time.sleep(2)")
    record = lab.record("time.sleep(2)")
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.05)
    assert "others" not in record["energy"]["gpu0"]
    assert record["shared"] == {"gpu0": 1}


def test_two_at_work_on_one_gpu_share_it(lab):
    """Three quarters are the other's: the cell has a quarter, says so, and the parts are what the board drew."""
    lab.driver.processes(replace(lab.own, sm=20), Proc(0, 1, memory=2**30, sm=60))
    lab.notebook.outputs("time.sleep(2.2)")
    record = lab.record("time.sleep(2)")
    cost = record["energy"]["gpu0"]
    whole = cost["joules"] + cost["others"] + cost.get("unattributed", 0)
    assert whole == pytest.approx(WATTS * _seconds(record), rel=0.05)
    assert cost["joules"] < 0.6 * whole
    assert cost["low"] < cost["joules"] < cost["high"]
    assert record["corunning"] == ["others"]


def test_overlapping_cells_of_two_kernels_on_one_gpu_add_up_to_the_counter(lab, open_kernel):
    """Both at work all the time: half each, and together what the board drew."""
    second = open_kernel(lab.driver)
    lab.driver.processes(lab.own, second.own)
    second.notebook.run("%gpumon status\n%gpumon summary on")
    for each in (lab, second):
        each.notebook.outputs("time.sleep(2.2)")
    ids = [each.notebook.client.execute("time.sleep(3)") for each in (lab, second)]
    records = [_awaited(each.notebook, message) for each, message in zip((lab, second), ids, strict=True)]
    assert [_joules(record) for record in records] == [
        pytest.approx(WATTS * _seconds(record) / 2, rel=0.1) for record in records
    ]
    assert sum(_joules(record) for record in records) <= WATTS * 1.05 * max(_seconds(record) for record in records)
    assert all(record["corunning"] == ["others"] for record in records)


def _awaited(notebook: Notebook, message: str) -> dict[str, Any]:
    """The final record of a cell that was sent off."""
    seen, end = [], time.monotonic() + 30
    while time.monotonic() < end:
        seen.append(notebook.client.get_iopub_msg(timeout=30))
        own = [each for each in seen if each["parent_header"].get("msg_id") == message]
        found = [data[MIME] for data in displays(own).values() if MIME in data]
        if found and found[-1].get("final", True):
            return found[-1]
    raise AssertionError("no final record")


def test_a_cell_within_a_cell_has_its_own_record_and_the_outer_one_both(lab):
    """get_ipython().run_cell, as %run and nested magics do: inclusive and exclusive energy of the outer one."""
    records = lab.notebook.records("time.sleep(1)\n_ = get_ipython().run_cell('time.sleep(1)')\ntime.sleep(0.5)")
    outer = max(records, key=_seconds)
    (inner,) = (record for record in records if record is not outer)
    assert _joules(outer) == pytest.approx(WATTS * _seconds(outer), rel=0.05)
    assert _joules(inner) == pytest.approx(WATTS * _seconds(inner), rel=0.1)
    assert outer["exclusive"]["gpu0"]["joules"] == pytest.approx(_joules(outer) - _joules(inner), rel=0.05)
    assert "others" not in outer["energy"]["gpu0"]


def test_the_magic_in_a_cell_with_summaries_on_is_one_record(lab):
    """%%gpumon takes the place of the summary: same window, no double record."""
    record = lab.record("%%gpumon -t once\ntime.sleep(1)")
    assert record["title"] == "once"
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.1)
    assert "exclusive" not in record


def test_a_cell_that_fails_keeps_its_energy(lab):
    """What was drawn until the error was drawn."""
    record = lab.record("time.sleep(1)\n1 / 0")
    assert record["status"] == "error"
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.05)


def test_an_interrupted_cell_keeps_its_energy(lab):
    """So with KeyboardInterrupt."""
    message = lab.notebook.client.execute("time.sleep(60)")
    time.sleep(1.5)
    lab.notebook.manager.interrupt_kernel()
    record = _awaited(lab.notebook, message)
    assert record["status"] == "interrupted"
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.05)


def test_work_in_the_background_is_told_with_the_cell_it_outlived(lab):
    """A thread goes on for two seconds after the cell: when the next cell begins, its record says what that took."""
    lab.record("%%gpumon -t worker\nthreading.Thread(target=time.sleep, args=(2,)).start()\ntime.sleep(1)")
    time.sleep(2.5)
    lab.notebook.outputs("time.sleep(2.5)")
    background = f"[c.background['gpu0'].joules for c in {DONE} if c.background and c.title == 'worker']"
    (joules,) = eval(lab.notebook.value(background))
    assert joules == pytest.approx(2.7 * WATTS, rel=0.3)


def test_a_kernel_at_rest_leaves_no_background(lab):
    """The device idles between the cells."""
    lab.driver.processes(replace(lab.own, sm=0))
    lab.notebook.outputs("time.sleep(1.2)")
    time.sleep(2)
    lab.notebook.outputs("time.sleep(2)")
    assert lab.notebook.value(f"[c for c in {DONE} if c.background]") == "[]"


def test_coroutines_side_by_side_share_their_cells_energy(lab):
    """Two that are awaited together: half each, each names the other; the window is the coroutine's lifetime."""
    record = lab.record("""
@measure("left")
async def left(): await asyncio.sleep(1)
@measure("right")
async def right(): await asyncio.sleep(1)
await asyncio.gather(left(), right())
""")
    lab.notebook.outputs("time.sleep(1.5)")
    blocks = lab.titled()
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.1)
    lasted = [blocks[name][0] for name in ("left", "right")]
    assert all(1 <= seconds < 3 for seconds in lasted)
    assert sum(blocks[name][1] for name in ("left", "right")) == pytest.approx(WATTS * max(lasted), rel=0.15)
    assert len(blocks["left"][2]) == 1


def test_threads_side_by_side_share_their_cells_energy(lab):
    """A plain thread is within the cell that runs; the cell has all of it."""
    record = lab.record("""
def work(name):
    with measure(name): time.sleep(1)
threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
""")
    lab.notebook.outputs("time.sleep(1.5)")
    blocks = lab.titled()
    assert sum(blocks[name][1] for name in ("one", "two", "three")) == pytest.approx(_joules(record), rel=0.1)
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.15)


def test_a_subprocess_is_the_cells(lab):
    """As with %%bash, !command and torchrun: the child is on the GPU, not the kernel, and all of it is the cell's."""
    lab.notebook.run("child = subprocess.Popen(['sleep', '60'])")
    child = int(lab.notebook.value("child.pid"))
    lab.driver.processes(replace(lab.own, pid=child), Proc(0, 1, memory=2**30, sm=0))
    lab.notebook.outputs("time.sleep(2.2)")
    record = lab.record("time.sleep(1.5)")
    lab.notebook.run("child.kill(), child.wait()")
    assert record["devices"][0]["used"]
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.1)


def test_the_ledger_of_the_notebook_adds_up_to_the_counter(lab):
    """Cells, background, between, others and what is nobody's, since the kernel was connected: what the board drew."""
    lab.notebook.outputs("time.sleep(1)")
    sums, since, until = eval(
        lab.notebook.value(f"[(vars(s), *{LINK}.charges.span(u)) for u, s in {LINK}.charges.sums().items()][0]")
    )
    groups = (sums["cells"], sums["background"], sums["between"], sums["others"])
    parts = sum(sum(group.values()) for group in groups) + sums["idle"] + sums["unattributed"]
    assert parts == pytest.approx(sums["total"], abs=1e-3)
    known = until - since - sums["unknown"]
    assert sums["total"] == pytest.approx(WATTS * known, rel=0.01)
    assert known > 10
    assert sums["cells"]["own"] > 0


def test_a_sleeping_cell_has_its_gross_energy(lab):
    """The GPU draws while nothing is done: it is counted, and most of it is idle."""
    lab.driver.processes(replace(lab.own, sm=0))
    end = time.monotonic() + 60
    while lab.notebook.value(f"[{LINK}.monitor.ledger.idle(d.uuid) for d in {LINK}.devices()]") == "[None]":
        assert time.monotonic() < end, "what it draws between the cells is never known"
        time.sleep(2)
    record = lab.record("time.sleep(2)")
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.05)
    assert record["energy"]["gpu0"]["idle"] == pytest.approx(WATTS * _seconds(record), rel=0.1)


def test_a_sampler_that_starves_is_marked_and_the_counter_survives(lab):
    """Three seconds without a sample: the record says so, and has the energy, since the counter went on."""
    agent = int(lab.notebook.value(f"{LINK}._source.pid"))
    message = lab.notebook.client.execute("time.sleep(6)")
    time.sleep(1.5)
    os.kill(agent, signal.SIGSTOP)
    time.sleep(4)
    os.kill(agent, signal.SIGCONT)
    record = _awaited(lab.notebook, message)
    assert any("samples" in note or "respond" in note for note in record["notes"])
    assert _joules(record) == pytest.approx(WATTS * _seconds(record), rel=0.05)


def test_a_gpu_that_is_lost_in_a_cell_has_no_number(lab):
    """Not 0 and no guess: null for that device, with a warning. (Last: the GPU does not come back.)"""
    message = lab.notebook.client.execute("time.sleep(5)")
    time.sleep(1.5)
    lab.driver.lose(0)
    record = _awaited(lab.notebook, message)
    cost = record["energy"]["gpu0"]
    assert "joules" not in cost
    assert "lost" in cost["warning"]
