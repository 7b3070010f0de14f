"""Every fault in a real agent on the fake driver: what the page would say, that the log says it once, and recovery."""

from __future__ import annotations

import logging
import os
import signal
import time

import pytest

from jupyter_gpumon.sources.agent import AgentSource

from .fakenvml import Xid
from .following import Following


class Faulty(Following):
    """A source on a fake driver."""

    def __init__(self, source, driver, caplog) -> None:
        super().__init__(source)
        self.driver, self._log = driver, caplog

    def logged(self) -> list[str]:
        """What the log says at warning or above."""
        return [r.getMessage() for r in self._log.records if r.levelno >= logging.WARNING]


@pytest.fixture
def machine(fake_nvml, monkeypatch, caplog):
    """``machine(gpus=2, …)``: an agent on a fake driver with that scenario, with short times."""
    running = []
    caplog.set_level(logging.INFO, "jupyter_gpumon")

    def start(source=None, **scenario):
        driver = fake_nvml(**scenario)
        for name, value in driver.variables.items():
            monkeypatch.setenv(name, value)
        keys = {"interval": 0.1, "stall": 1.0, "reopen": 2.0} | (source or {})
        running.append(Faulty(AgentSource("auto", **keys), driver, caplog).__enter__())
        return running[-1]

    yield start
    for run in running:
        run.__exit__()


def test_no_library(machine):
    """No driver installed: CPU and memory only, and a way out."""
    run = machine(library=False)
    status = run.until_state("no-library")
    run.until(lambda: any(getattr(m, "host", None) for m in run.messages), "host sample")
    assert "--source sim" in status.hint
    assert len(run.logged()) == 1


def test_driver_not_loaded_and_then_loaded(machine):
    """Said with what to do; found by itself when it comes."""
    run = machine(init_error=9, gpus=2)
    status = run.until_state("no-driver")
    run.driver.update(init_error=0)
    run.until_state("live")
    run.until_more(2)
    assert "modprobe" in status.hint
    assert len(run.logged()) == 1
    assert run.states == ["starting", "no-driver", "live"]


def test_version_mismatch_heals_in_a_fresh_process(machine):
    """The library in the agent can never speak to the new driver: another agent is started until one can."""
    run = machine(init_error=18, gpus=1)
    status = run.until_state("mismatch")
    first = run.source.pid
    run.until(lambda: run.source.pid != first, "second agent")
    run.driver.update(init_error=0)
    run.until_state("live")
    run.until_more(2)
    assert "restart" in status.hint
    assert len(run.logged()) == 1
    assert "restarting" not in run.states


def test_a_driver_unloaded_under_a_running_agent(machine):
    """modprobe -r and back: a new generation, the same agent."""
    run = machine(gpus=2)
    run.until_more(2)
    pid = run.source.pid
    run.driver.fail("*", 9)
    run.driver.update(init_error=9)
    run.until_state("no-driver")
    run.driver.fail("*", None)
    run.driver.update(init_error=0)
    run.until_state("live")
    run.until_more(2)
    assert run.source.pid == pid
    assert run.hellos[-1].generation == 2
    assert len(run.logged()) == 1


def test_one_function_unsupported(machine):
    """The one metric is absent, with its reason; everything else is there."""
    run = machine(gpus=1, errors={"nvmlDeviceGetTemperature": 3, "nvmlDeviceGetTemperatureV": 3})
    run.until_more(3)
    assert run.hellos[-1].devices[0].absent["temperature"] == "unsupported"
    assert run.samples[-1].gpus[0].temperature is None
    assert run.samples[-1].gpus[0].power is not None
    assert run.logged() == []


def test_one_gpu_lost_then_back(machine):
    """Seven go on without a gap; the eighth is said to be lost, at once, and to be back."""
    run = machine(gpus=8)
    run.until_more(2)
    run.driver.lose(3)
    run.until(lambda: any(e.kind == "lost" for e in run.events), "lost event")
    run.until_more(3)
    lost = run.hellos[-1].devices[3]
    run.driver.bring_back(3)
    run.until(lambda: any(e.kind == "back" for e in run.events), "back event", 60)
    run.until_more(3)
    assert (lost.state, len([d for d in run.hellos[-1].devices if d.state == "ok"])) == ("lost", 8)
    assert bool(lost.detail)
    assert min(len(s.gpus) for s in run.samples) == 7
    assert len(run.samples[-1].gpus) == 8
    assert run.states == ["starting", "live"]


def test_all_lost(machine):
    """No numbers at all, and the page says why."""
    run = machine(gpus=2)
    run.until_more(2)
    for gpu in range(2):
        run.driver.lose(gpu)
    status = run.until_state("no-gpus")
    for gpu in range(2):
        run.driver.bring_back(gpu)
    run.until_state("live", 60)
    run.until_more(2)
    assert "fallen off the bus" in status.message
    assert len(run.logged()) == 1


def test_a_hung_call(machine):
    """A call that does not return is told within seconds; when it returns, everything goes on in the same agent."""
    run = machine(gpus=2)
    run.until_more(2)
    pid = run.source.pid
    run.driver.hang("nvmlDeviceGetUtilizationRates", 120.0)
    status = run.until_state("stalled")
    time.sleep(max(0.0, status.since + 2.5 - time.time()))
    run.driver.hang("nvmlDeviceGetUtilizationRates", None)
    run.until_state("live")
    run.until_more(2)
    assert "not responding since" in status.message
    assert run.source.pid == pid
    assert len(run.logged()) == 1
    assert any(e.kind == "gap" for e in run.events)


def test_a_driver_that_hangs_on_opening(machine):
    """The very first call."""
    run = machine(gpus=1, hang={"nvmlInitWithFlags": 120.0, "nvmlInit_v2": 120.0})
    run.until_state("stalled")
    run.driver.update(hang=None)
    run.until_state("live")


def test_an_agent_hung_for_too_long_is_replaced(machine):
    """After a while it is given up; the next one finds a driver that answers."""
    run = machine(gpus=1, source={"replace": 1.0})
    run.until_more(2)
    pid = run.source.pid
    run.driver.hang("nvmlDeviceGetUtilizationRates", 120.0)
    run.until_state("stalled")
    run.until(lambda: run.source.pid != pid, "second agent")
    run.driver.hang("nvmlDeviceGetUtilizationRates", None)
    run.until_state("live")
    run.until_more(2)


def test_killed_with_signal_9(machine):
    """Started again within seconds."""
    run = machine(gpus=2)
    run.until_more(2)
    os.kill(run.source.pid, signal.SIGKILL)
    assert "signal 9" in run.until_state("restarting").message
    run.until_state("live")
    run.until_more(2)
    assert len(run.logged()) == 1


def test_an_event_flood(machine):
    """Two thousand XIDs in two seconds: all are told, and the samples keep coming."""
    run = machine(gpus=1)
    run.until_more(2)
    run.driver.scenario.events.append(Xid(0, time.monotonic(), 31, count=2000, every=0.001))
    run.driver.write(run.driver.scenario)
    run.until(lambda: sum(e.kind == "xid" for e in run.events) > 0, "XID")
    run.until_more(30)
    assert run.states == ["starting", "live"]
    assert run.logged() == []


@pytest.mark.parametrize("gpus", [0, 64])
def test_none_and_many(machine, gpus):
    """No GPU is said; 64 are sampled."""
    run = machine(gpus=gpus)
    if gpus:
        run.until_more(2, 30)
        assert len(run.samples[-1].gpus) == gpus
    else:
        assert "no GPU" in run.until_state("no-gpus").message
        assert len(run.logged()) == 1
