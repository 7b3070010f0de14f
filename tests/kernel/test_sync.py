"""Waiting for the GPU, on a fake CUDA driver in a real kernel."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

LOAD = "%load_ext jupyter_gpumon\nimport ctypes; cuda = ctypes.CDLL('libcuda.so.1'); cuda.cuInit(0)"
CONTEXT = "ctx = ctypes.c_void_p(); cuda.cuDevicePrimaryCtxRetain(ctypes.byref(ctx), 0)"


@pytest.fixture
def driver(fake_nvml):
    return fake_nvml(gpus=2)


@pytest.fixture
def notebook(start, driver):
    return start(env=driver.variables)


def test_a_process_without_cuda_is_left_alone(notebook, driver):
    """The library is not even loaded, and nothing is initialised."""
    notebook.run("%load_ext jupyter_gpumon")
    notebook.records("%%gpumon\nx = 1")
    assert "libcuda" not in notebook.value("open('/proc/self/maps').read()")
    assert not any(name.startswith("cu") for name, calls in driver.stats().calls.items() if calls)


def test_a_library_that_is_loaded_but_has_no_context_is_not_waited_for(notebook, driver):
    """No context is made by us."""
    notebook.run(LOAD)
    notebook.records("%%gpumon\nx = 1")
    assert driver.stats().calls.get("cuCtxSynchronize", 0) == 0
    assert driver.stats().calls.get("cuDevicePrimaryCtxRetain", 0) == 0


def test_the_cell_lasts_until_the_gpu_is_done(notebook, driver):
    """The code returns at once, the GPU works on for a second: that belongs to the cell, and is told apart."""
    notebook.run(LOAD + "\n" + CONTEXT)
    driver.update(cuda_sync=1.0)
    (record,) = notebook.records("%%gpumon\nx = 1")
    assert 0.95 <= record["waited"] <= record["end"] - record["start"]
    (record,) = notebook.records("%%gpumon --no-sync\nx = 1")
    assert record["end"] - record["start"] < 0.95
    assert not record.get("waited")


def test_a_summary_waits_two_seconds_at_most(notebook, driver):
    """And says that the GPU was still at work."""
    notebook.run(LOAD + "\n" + CONTEXT + "\n%gpumon summary on")
    driver.update(cuda_sync=30.0)
    start = time.monotonic()
    (record,) = notebook.records("x = 1")
    assert time.monotonic() - start < 25
    assert any("still at work" in note for note in record["notes"])
    driver.hang("cuCtxSynchronize", None)
    driver.update(cuda_sync=0.0)


def test_an_interrupt_returns_at_once_from_a_wait_that_cannot_be_cancelled(notebook, driver):
    """Ctrl-C while the driver hangs: the cell ends as interrupted, and the kernel works on."""
    notebook.run(LOAD + "\n" + CONTEXT)
    notebook.records("%%gpumon\ny = 1")  # connected by now
    driver.update(cuda_sync=60.0)
    pid = int(notebook.value("__import__('os').getpid()"))
    threading.Timer(1.5, os.kill, (pid, signal.SIGINT)).start()
    start = time.monotonic()
    (record,) = notebook.records("%%gpumon\nx = 1")
    assert time.monotonic() - start < 50
    assert record["status"] == "interrupted"
    driver.update(cuda_sync=0.0)
    assert notebook.value("x") == "1"
