"""The agent watched from outside: a clean start, garbage, death, hanging, and an end that leaves nothing behind."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time

import psutil
import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Request
from jupyter_gpumon.sources.agent import AgentSource

from .following import Following, gone


@pytest.fixture
def follow():
    """Follow an agent source with these options; closed at the end."""
    followed = []

    def start(url="sim:gpus=2", **keys):
        followed.append(Following(AgentSource(url, **{"interval": 0.1, "stall": 1.0} | keys)).__enter__())
        return followed[-1]

    yield start
    for each in followed:
        each.__exit__()


def script(tmp_path, body):
    """The command of a program that stands for the agent."""
    path = tmp_path / "agent.py"
    path.write_text(
        "import os, sys, time\n"
        "from jupyter_gpumon.wire import encode_line\n"
        "from jupyter_gpumon.model import Gpu, Hello, Sample\n"
        "def say(m): sys.stdout.buffer.write(encode_line(m)); sys.stdout.buffer.flush()\n"
        "def sample(): say(Sample(time=time.time(), mono=time.monotonic(), gpus=(Gpu(uuid='G'),)))\n" + body
    )
    return [sys.executable, str(path)]


def test_it_streams_and_leaves_nothing_behind(follow):
    """A hello, live samples, and no process after the end."""
    run = follow()
    run.until_more(3)
    pid = run.source.pid
    run.__exit__()
    assert run.states[:2] == ["starting", "live"]
    assert run.ended.is_set()
    assert gone(pid)


def test_a_closing_source_ends_its_stream_at_once(follow):
    """Whoever reads it is not kept."""
    run = follow(interval=30.0)
    run.until(lambda: run.samples, "sample")
    run.source.close()
    assert run.ended.wait(20)


def test_a_users_module_beside_the_notebook_is_not_imported(follow, tmp_path, monkeypatch):
    """Neither by the working directory, nor by an empty or relative entry of PYTHONPATH."""
    trace = tmp_path / "imported"
    for name in ("psutil", "msgspec", "select"):
        (tmp_path / f"{name}.py").write_text(f"open({str(trace)!r}, 'a').write({name!r})\nraise SystemExit('{name}')\n")
    monkeypatch.chdir(tmp_path)
    for path in ("", ":", ".:", ":/nowhere"):
        monkeypatch.setenv("PYTHONPATH", path)
        run = follow()
        run.until_more(1)
        run.__exit__()
    assert not trace.exists()


def test_requests_reach_the_agent_and_its_successor(follow):
    """A rate that was asked for holds after a restart too."""
    run = follow(interval=5.0)
    run.until(lambda: run.samples, "sample")
    run.source.ask(Request(interval=0.2))
    run.until(lambda: run.hellos[-1].interval == 0.2, "new interval")
    os.kill(run.source.pid, signal.SIGKILL)
    run.until_state("restarting")
    run.until_state("live")
    run.until(lambda: run.hellos[-1].interval == 0.2, "same interval")


def test_a_trial_is_passed_on_each_time_and_to_no_successor(follow, tmp_path):
    """It is a wish for now, and not a setting that an agent started later is to have too."""
    asked = tmp_path / "asked"
    body = f"say(Hello())\nwhile line := sys.stdin.readline():\n sample()\n open({str(asked)!r}, 'a').write(line)\n"
    run = follow(arguments=script(tmp_path, body))
    for times in (1, 2):
        run.source.ask(Request(trial=True))
        run.until(lambda times=times: asked.exists() and asked.read_text().count('"trial"') == times, "request")
    first = run.source.pid
    os.kill(first, signal.SIGKILL)
    run.until(lambda: run.source.pid not in (None, first), "other agent")
    run.source.ask(Request(interval=0.3))
    run.until(lambda: "0.3" in asked.read_text(), "request")
    assert asked.read_text().count('"trial"') == 2


def test_a_killed_agent_is_started_anew_and_logged_once(follow, caplog):
    """kill -9: said, logged once, healed, with another generation."""
    run = follow()
    run.until_more(2)
    with caplog.at_level(logging.INFO, "jupyter_gpumon"):
        os.kill(run.source.pid, signal.SIGKILL)
        status = run.until_state("restarting")
        run.until_state("live")
        run.until_more(2)
    warned = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert "signal 9" in status.message
    assert len(warned) == 1
    assert run.hellos[-1].generation == 2


def test_wrong_parameters_end_the_stream_with_words(follow):
    """Trying again would not help."""
    run = follow("sim:gpu=2")
    assert run.ended.wait(60)
    assert isinstance(run.error, SourceError)
    assert "gpus" in str(run.error)


def test_garbage_is_ignored_and_logged_once(follow, tmp_path, caplog):
    """Between two lines of rubbish, and after a line without an end of 6 MB, samples arrive."""
    body = (
        "say(Hello())\n"
        "for n in range(10):\n print('rubbish', flush=True); sample()\n"
        "sys.stdout.write('x' * 6_000_000); print(flush=True)\n"
        "while True:\n sample(); time.sleep(0.05)\n"
    )
    run = follow(arguments=script(tmp_path, body))
    run.until_more(15)
    said = [r for r in caplog.records if "not a message" in r.message]
    assert 1 <= len(said) <= 11
    assert run.states == ["starting", "live"]


def test_an_agent_that_writes_nothing_but_garbage_is_replaced(follow, tmp_path):
    """A line of noise after the other: said, and started again."""
    run = follow(arguments=script(tmp_path, "while True: print('noise', flush=True)\n"))
    assert "garbage" in run.until_state("restarting").message


def test_an_agent_without_an_end_of_line_costs_bounded_memory(follow, tmp_path):
    """400 MB without a line end."""
    before = psutil.Process().memory_info().rss
    body = (
        "say(Hello())\nfor n in range(400): sys.stdout.write('x' * 1_000_000)\n"
        "print(flush=True)\nwhile True: sample(); time.sleep(.1)\n"
    )
    run = follow(arguments=script(tmp_path, body))
    run.until_more(1, seconds=60)
    assert psutil.Process().memory_info().rss - before < 60e6


def test_a_silent_agent_is_said_to_stall_and_then_goes_on(follow):
    """Stopped and continued, as a whole process would hang: said from outside, over by itself."""
    run = follow(stall=1.0)
    run.until_more(2)
    pid = run.source.pid
    os.kill(pid, signal.SIGSTOP)
    status = run.until_state("stalled")
    os.kill(pid, signal.SIGCONT)
    run.until_state("live")
    run.until_more(2)
    assert "not responding since" in status.message
    assert abs(time.time() - status.since) < 15
    assert run.source.pid == pid


def test_a_slow_reader_is_not_a_stalled_agent():
    """The pipe is full because nobody reads: no word of stalling when it is read again."""
    source = AgentSource("sim:gpus=8", interval=0.1, stall=1.0)
    with Following(source) as run:
        run.until_more(1)
        read, source._pass_on = source._pass_on, lambda m: (time.sleep(0.3), *read(m))[1:]
        time.sleep(6)
        source._pass_on = read
        run.until_more(3)
        assert "stalled" not in run.states


def test_a_stuck_agent_is_replaced(follow):
    """It hangs for longer than is worth waiting: killed, and another one started."""
    run = follow(stall=1.0, replace=1.0)
    run.until_more(1)
    pid = run.source.pid
    os.kill(pid, signal.SIGSTOP)
    run.until_state("stalled")
    run.until_state("live")
    assert run.source.pid != pid
    assert gone(pid)


def test_while_a_stuck_agent_cannot_be_killed_at_most_one_more_is_started(follow):
    """Two agents stuck in the driver are enough."""
    run = follow(stall=0.5, replace=0.5, kill=lambda process: None)
    run.until_more(1)
    first = run.source.pid
    os.kill(first, signal.SIGSTOP)
    run.until(lambda: run.source.pid != first, "second agent", 30)
    run.until_more(1)
    second = run.source.pid
    assert run.source.pids == (first, second)
    try:
        os.kill(second, signal.SIGSTOP)
        run.until_state("stalled")
        time.sleep(4)
        assert run.source.pid == second
        os.kill(second, signal.SIGCONT)
        run.until_state("live")
    finally:
        for pid in (first, second):
            os.kill(pid, signal.SIGKILL)


def test_the_agents_last_words_are_in_the_log(follow, tmp_path, caplog):
    """What it wrote to its standard error, and not a thousand lines of it."""
    body = "for n in range(1000): print('trouble', n, file=sys.stderr)\nsys.exit(3)\n"
    run = follow(arguments=script(tmp_path, body))
    status = run.until_state("restarting")
    assert "exit code 3" in status.message
    assert 1 <= sum("trouble" in r.message for r in caplog.records) <= 20


def test_an_agent_that_cannot_be_started_is_said(follow):
    """No such program."""
    run = follow(arguments=["/no/such/python"])
    assert run.ended.wait(60)
    assert "cannot be started" in str(run.error)
