"""measure(): blocks, functions, coroutines, threads, and processes that fork; in plain Python, without IPython."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from .conftest import environment


def _python(code, source="sim:gpus=1&script=training"):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment(source),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_block_has_its_energy_and_its_interval():
    """In a plain script, where IPython is not even imported."""
    joules, low, high, seconds, title, ipython = _python("""
        import sys, time, jupyter_gpumon
        with jupyter_gpumon.measure("epoch", devices=[0]) as m:
            time.sleep(1)
        print(m.energy, *m.interval, m.duration, m.cell.title, "IPython" in sys.modules)
    """)
    assert 0 < float(low) <= float(joules) <= float(high)
    assert 1 <= float(seconds) < 3
    assert (title, ipython) == ("epoch", "False")


@pytest.mark.parametrize(("script", "idle"), [("idle", "yes"), ("training", "no")])
def test_a_block_in_which_the_gpu_rested_says_so(script, idle):
    """Gross energy counts while a cell sleeps; that it did is said beside it."""
    said = _python(
        """
        import time, jupyter_gpumon
        with jupyter_gpumon.measure(devices=[0]) as m:
            time.sleep(4)
        print("yes" if any(n.startswith("idle ") and n.endswith(" % of wall time") for n in m.cell.notes) else "no")
        """,
        source=f"sim:gpus=1&script={script}",
    )
    assert said == [idle]


def test_a_plain_script_drives_a_simulated_gpu():
    """The default script follows the kernels of a server; where there is none, the program itself is on GPU 0."""
    devices, joules = _python(
        """
        import time, jupyter_gpumon
        with jupyter_gpumon.measure() as m:
            end = time.monotonic() + 2
            while time.monotonic() < end: sum(range(1000))
        print(",".join(d.name for d in m.cell.devices if d.used), m.energy)
        """,
        source="sim:gpus=2",
    )
    assert devices == "gpu0"
    assert float(joules) > 0


def test_functions_and_coroutines_are_measured_per_call():
    """The decorated function keeps its name and result; a coroutine counts until it is done; nested ones count both."""
    assert _python("""
        import asyncio, time
        from jupyter_gpumon import measure
        from jupyter_gpumon.kernel import completion

        @measure("outer")
        async def outer():
            await asyncio.sleep(0.3)
            return inner()

        @measure()
        def inner():
            time.sleep(0.2)
            return 7

        print(asyncio.run(outer()), outer.__name__)
        time.sleep(0.2)
        with measure() as last: pass
        last.cell
        end = time.monotonic() + 60
        while len(completion.done) < 3 and time.monotonic() < end: time.sleep(0.02)
        for cell in completion.done:
            if cell.title: print(cell.title, cell.duration >= {"inner": 0.2, "outer": 0.5}[cell.title])
    """) == ["7", "outer", "inner", "True", "outer", "True"]


def test_an_error_is_told_in_the_record_and_raised():
    """The block's energy is real; the error goes on."""
    assert _python("""
        from jupyter_gpumon import measure
        try:
            with measure("bad") as m: 1 / 0
        except ZeroDivisionError: print("raised")
        print(m.cell.status)
    """) == ["raised", "error"]


def test_threads_measure_side_by_side():
    """Each has its own window."""
    assert _python("""
        import threading, time
        from jupyter_gpumon import measure
        cells, together = {}, threading.Barrier(3)
        def work(n):
            with measure(str(n)) as m:
                together.wait()
                time.sleep(0.2 * n)
            cells[n] = m.cell
        threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3)]
        [t.start() for t in threads]; [t.join() for t in threads]
        print(*(cells[n].duration >= 0.2 * n for n in (1, 2, 3)))
        print(max(cell.start for cell in cells.values()) < min(cell.end for cell in cells.values()))
    """) == ["True", "True", "True", "True"]


def test_a_forked_child_has_a_connection_of_its_own():
    """It neither uses nor closes its parent's, which goes on."""
    assert _python("""
        import os, time
        from jupyter_gpumon import measure
        from jupyter_gpumon.kernel import connect
        with measure() as m: time.sleep(0.2)
        m.cell
        pid = os.fork()
        if pid == 0:
            assert connect.current() is None
            with measure() as m: time.sleep(0.2)
            os._exit(0 if m.cell.final and m.cell.energy["gpu0"].high else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        with measure() as m: time.sleep(0.3)
        print(m.cell.energy["gpu0"].high > 0)
    """) == ["0", "True"]


def test_a_block_that_has_not_ended_has_no_record():
    """And says so."""
    assert "before" in _python("""
        from jupyter_gpumon import measure
        with measure() as m:
            try: m.energy
            except RuntimeError as e: print(e)
    """)
