"""Advice in a real kernel on simulated GPUs: under a cell, by %gpumon advise, and where memory did not suffice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_gpumon.report.record import MIME
from tests.fakenvml.scenario import GIB, Proc

from .conftest import displays

ROOT = Path(__file__).parents[2]
T4 = "sim:gpus=1&script=notebook&model=T4"
BUSY = "import time; end = time.process_time() + {}\nwhile time.process_time() < end: sum(range(1000))"
"""So many seconds of computing, however long they take: what the simulated memory grows by."""
OOM = """\
class OutOfMemoryError(RuntimeError):
    __module__ = "torch"

raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 15.00 GiB of "
                       "which 1.50 GiB is free. Of the allocated memory 9.00 GiB is allocated by PyTorch, and 1.00 GiB "
                       "is reserved by PyTorch but unallocated.")
"""
ALTERNATING = """\
import time
for _ in range({}):
    time.sleep(2.4)
    end = time.process_time() + 1.0
    while time.process_time() < end: sum(range(1000))
"""


def _texts(messages):
    return [data["text/plain"] for data in displays(messages).values()]


def _errors(messages):
    return [m["content"] for m in messages if m["msg_type"] == "error"]


@pytest.fixture
def loaded(start):
    """A kernel on one simulated T4, with the magics."""
    notebook = start(T4)
    notebook.run("%load_ext jupyter_gpumon")
    return notebook


def test_without_measuring_a_cell_that_runs_out_of_memory_is_explained(loaded):
    """Below the traceback, which is as it would be: what was asked for, who held what, steps and code."""
    messages = loaded.run(OOM)
    (error,) = _errors(messages)
    assert error["ename"] == "OutOfMemoryError"
    assert loaded.reply["status"] == "error"
    assert "Tried to allocate 20.00 GiB" in "\n".join(error["traceback"])
    kinds = [m["msg_type"] for m in messages if m["msg_type"] in ("error", "display_data")]
    assert kinds == ["error", "display_data"]
    (said,) = _texts(messages)
    assert "Out of device memory (critical, almost certain)" in said
    assert "21.5 GB were asked for, 1.61 GB were free of 16.1 GB." in said
    assert "Held: this notebook 5" in said  # the context of half a gigabyte
    (page,) = (data["text/html"] for data in displays(messages).values())
    assert "steps = " in page
    assert "<script" not in page


def test_a_measured_cell_keeps_why_memory_did_not_suffice(loaded):
    """In its record, without UUIDs; below it the explanation with the timeline of the memory."""
    messages = loaded.finished("%%gpumon -t big\n" + BUSY.format(2.5) + "\n" + OOM)
    assert [error["ename"] for error in _errors(messages)] == ["OutOfMemoryError"]
    shown = list(displays(messages).values())
    (record,) = [data[MIME] for data in shown if MIME in data]
    assert [finding["rule"] for finding in record["findings"]] == ["out-of-memory"]
    assert record["status"] == "error"
    assert "advice: Out of device memory" in shown[0]["text/plain"]
    explanation = shown[-1]
    assert explanation["text/html"].count("<img ") == 1
    assert "GPU-" not in str([{k: v for k, v in data.items() if k != "text/html"} for data in shown])
    assert "Out of device memory" in loaded.outputs("%gpumon advise")[0]["text/plain"]


def test_another_error_brings_no_explanation(loaded):
    """Only the traceback."""
    messages = loaded.run("raise ValueError('out of memory for jokes')")
    assert [error["ename"] for error in _errors(messages)] == ["ValueError"]
    assert displays(messages) == {}


def test_a_cell_that_waits_for_its_input_says_so(loaded):
    """A line under it; %gpumon advise has numbers, picture and code; the code goes into a new cell."""
    loaded.run("%gpumon summary on")
    (data,) = loaded.outputs(ALTERNATING.format(6))
    assert "advice: The GPU waits for its input" in data["text/plain"]
    assert "The GPU waits for its input" in data["text/html"]
    (advice,) = loaded.outputs("%gpumon advise")
    assert re.search(r"1\. The GPU waits for its input \(warning, (likely|possible)\)", advice["text/plain"])
    assert re.search(r"gpu0 was busy \d+ % of \d+\.\d s; .*", advice["text/plain"])
    assert advice["text/html"].count("<img ") >= 1
    loaded.run("%gpumon advise 1")
    (put,) = [p for p in loaded.reply["payload"] if p["source"] == "set_next_input"]
    assert "ThreadPoolExecutor" in put["text"] or "DataLoader" in put["text"]


def test_memory_that_does_not_come_back_is_told_over_cells(loaded):
    """From the fifth of even cells on."""
    loaded.run("%gpumon summary on")
    lines = [loaded.outputs(BUSY.format(0.9))[-1]["text/plain"] for _ in range(9)]
    assert "advice" not in lines[0]
    assert any("advice: Memory grows and does not come back" in line for line in lines)


def test_on_the_real_driver_abi_it_says_who_held_the_memory(fake_nvml, start):
    """Two GPUs on the fake driver: the kernel's 100 GiB and another's 30 on the second, as NVML lists them."""
    driver = fake_nvml(gpus=2, memory_total=141 * GIB)
    notebook = start("agent", env={**driver.variables, "PYTHONPATH": str(ROOT)})
    notebook.run("%load_ext jupyter_gpumon\nimport os, time")
    own = Proc(1, int(notebook.value("os.getpid()")), memory=100 * GIB)
    driver.processes(own, Proc(1, 1, memory=30 * GIB))
    notebook.run("%gpumon status")
    failed = OOM.replace("20.00 GiB. GPU 0", "40.00 GiB. GPU 1")
    messages = notebook.finished("%%gpumon\ntime.sleep(2.5)\n" + failed.split("of 15.00")[0] + '")')
    said = list(displays(messages).values())[-1]["text/plain"]
    assert [error["ename"] for error in _errors(messages)] == ["OutOfMemoryError"]
    assert "42.9 GB were asked for" in said
    assert "Held: this notebook 107 GB, others 32.2 GB." in said
    assert "Others hold much of this GPU" in said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("%gpumon advise --window soon", "A stretch of time is 90s, 10m or 1h"),
        ("%gpumon advise 7", "takes the number of what it has shown, nothing yet"),
        ("%gpumon advise --run nobody", "nobody"),
        ("%gpumon status --window 10m", "--window goes with %gpumon advise"),
    ],
)
def test_what_cannot_be_advised_on_is_said_in_a_sentence(notebook, line, sentence):
    """No traceback."""
    (said,) = [m["content"]["text"] for m in notebook.run(line) if m["msg_type"] == "stream"]
    assert said.startswith("UsageError: ")
    assert sentence in said


def test_an_idle_kernel_gets_no_advice(notebook):
    """On the last minute, and on a cell that did nothing."""
    (data,) = notebook.outputs("%gpumon advise --window 1m")
    assert "No advice" in data["text/plain"]
    notebook.records("%%gpumon\n1 + 1")
    assert "No advice" in notebook.outputs("%gpumon advise")[0]["text/plain"]
