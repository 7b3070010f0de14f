"""Runs in a notebook of a real Jupyter server: over many cells, scraped while they last, and in the list."""

from __future__ import annotations

import time
import urllib.request

import pytest

from jupyter_gpumon.runs.store import RunStore

from ..energy.served import kernel_of, server_on
from ..fakenvml.driver import FakeDriver
from ..fakenvml.scenario import Scenario


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the runs of this module are kept; servers and kernels inherit it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('runs')}/runs.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPUMON_RUNS", url)
        yield RunStore(url)


@pytest.fixture(scope="module")
def server(fakenvml_library, tmp_path_factory, kept):
    """A server on one fake GPU."""
    driver = FakeDriver(tmp_path_factory.mktemp("driver"), Scenario(1, power="200", energy_period=0.1))
    with server_on(driver) as started:
        yield started


def metrics(server) -> str:
    """What Prometheus would be told."""
    with urllib.request.urlopen(server.url("gpumon/metrics"), timeout=30) as answer:
        return answer.read().decode()


def told(server, line: str, seconds: float = 30.0) -> bool:
    """Whether the page says it, within some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if line in metrics(server):
            return True
        time.sleep(0.5)
    return False


def test_a_run_goes_on_over_cells_and_is_scraped_meanwhile(server, kept):
    """Its kernel is believed, because its socket is the kernel's own; the cells that ended within are counted."""
    with kernel_of(server) as kernel:
        kernel.run("import time, jupyter_gpumon as gm\nrun = gm.run('long', tags={'batch': 32}).start()")
        kernel.run("gm.log_metric('loss', 0.25)")
        assert told(server, 'gpumon_run_metric{run="long",metric="loss"} 0.25')
        assert 'gpumon_run_active{run="long"} 1' in metrics(server)
        kernel.run("%load_ext jupyter_gpumon\n%gpumon summary on")
        (cell,) = kernel.records("time.sleep(1.5)")
        kernel.run("1 / 0")
        kernel.run("run.stop()")
        assert told(server, 'gpumon_run_active{run="long"} 0')
        kernel.run("run.record")
    (run,) = kept.find("long")
    assert run.kernel_id
    assert run.status == "success"
    assert run.metrics["task_success_rate"].stats.last == pytest.approx(1 - 1 / run.metrics["tasks"].stats.last)
    # The cell lies within the run: it is charged what it took, and takes nothing from the run's own energy.
    assert cell["energy"]["gpu0"]["joules"] == pytest.approx(200 * (cell["end"] - cell["start"]), rel=0.1)
    assert run.cell.energy["gpu0"].joules == pytest.approx(200 * run.cell.duration, rel=0.05)


def test_the_magics_list_compare_and_say_what_is_missing(server, kept):
    """In the cell's output; a name that there is not is one sentence."""
    with kernel_of(server) as kernel:
        kernel.run("import jupyter_gpumon as gm\n%load_ext jupyter_gpumon")
        for name in ("one", "two"):
            kernel.run(f"with gm.run({name!r}) as run: gm.log_metrics({{'x': 1}})\nrun.record")
        (listed,) = kernel.outputs("%gpumon runs")
        assert {"one", "two"} <= set(listed["text/plain"].split())
        (shown,) = kernel.outputs("%gpumon runs one")
        assert shown["application/vnd.gpumon.run+json"]["name"] == "one"
        assert "hostname" not in shown["application/vnd.gpumon.run+json"]["origin"]
        (compared,) = kernel.outputs("%gpumon compare one two")
        assert "cannot be tested" in compared["text/plain"] or "from chance" in compared["text/plain"]
        kernel.run("%gpumon compare one nothing")
        assert "There is no run 'nothing'" in kernel.reply["evalue"]
        kernel.run("%gpumon compare one")
        assert "FIRST SECOND" in kernel.reply["evalue"]
        kernel.run("%gpumon status --force")
        assert "--force goes with %gpumon bench" in kernel.reply["evalue"]
