"""The agent process: what it writes, what it takes, how it stays small, and when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.links import Link
from jupyter_gpumon.model import Edge, Error, Event, Gpu, Hello, Request, Sample, Status
from jupyter_gpumon.sources.lifeline import EXIT_REFUSED, Watchdog
from jupyter_gpumon.sources.outbox import Outbox
from jupyter_gpumon.wire import decode, encode_line

from .following import gone

COMMAND = [sys.executable, "-m", "jupyter_gpumon.agent", "--backend", "sim:gpus=2", "--interval", "0.1"]


@pytest.fixture
def agent():
    """Start an agent by its command line."""
    running = []

    def start(*more, **keys):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen([*COMMAND, *more], **pipes | keys))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def next_message(process, kind=Sample):
    """The next message of a kind."""
    while line := process.stdout.readline():
        message = decode(line)
        if isinstance(message, kind):
            return message
    raise AssertionError("the agent has ended")


def test_it_writes_a_hello_and_samples_one_a_line(agent):
    """The recording format, on standard output."""
    process = agent()
    first = next_message(process, Hello)
    live = next_message(process, Hello)
    sample = next_message(process)
    assert first.status.state == "starting"
    assert (live.status.state, live.simulated, len(live.devices)) == ("live", True, 2)
    assert [gpu.uuid for gpu in sample.gpus] == [device.uuid for device in live.devices]
    assert sample.host.memory_total > 0


def test_it_takes_requests_and_survives_nonsense(agent):
    """A line that is no request is said on standard error; the next one counts."""
    process = agent("--interval", "5")
    next_message(process)
    process.stdin.write(b"nonsense\n{}\n" + encode_line(Request(interval=0.2)))
    process.stdin.flush()
    while next_message(process, Hello).interval != 0.2:
        pass


def test_it_ends_when_its_standard_input_ends(agent):
    """Its parent has closed the pipe, or is gone."""
    process = agent()
    next_message(process)
    process.stdin.close()
    assert process.wait(60) == 0


def test_it_ends_when_its_parent_is_killed(tmp_path):
    """Also where a forked child of the parent still holds the pipe open."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, subprocess, time\n"
        f"p = subprocess.Popen({COMMAND!r}, stdin=subprocess.PIPE, stdout=open({str(tmp_path / 'out')!r}, 'w'))\n"
        "holder = os.fork()\n"
        "if not holder: time.sleep(30); os._exit(0)\n"
        "print(p.pid, holder, flush=True)\ntime.sleep(30)\n"
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    pid, holder = map(int, parent.stdout.readline().split())
    while not (tmp_path / "out").read_text():  # until it is up; the test's time limit bounds it
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    parent.stdout.close()  # not read to its end: the child holds it open
    try:
        assert gone(pid)
    finally:
        os.kill(holder, signal.SIGKILL)


def test_it_ends_when_its_reader_ends(agent):
    """Nobody reads: there is nothing to do."""
    process = agent()
    next_message(process)
    process.stdout.close()
    assert process.wait(60) == 0


def test_a_full_pipe_stops_nobody_and_costs_no_memory(agent):
    """Unread for a while, it drops old samples; when read again, the newest is of now."""
    process = agent("--backend", "sim:gpus=8")
    next_message(process)
    time.sleep(4)
    while True:
        sample = next_message(process)
        if sample.mono > time.monotonic() - 0.5:
            break
    assert psutil.Process(process.pid).memory_info().rss < 60e6


def test_wrong_parameters_are_refused_with_words(agent):
    """An error line, and an exit code of its own."""
    process = agent("--backend", "sim:gpu=2")
    assert "gpus" in next_message(process, Error).message
    assert process.wait(60) == EXIT_REFUSED


def test_it_imports_only_what_it_needs():
    """Neither Jupyter nor numpy, nor what a command line tool or an event loop would bring."""
    modules = "jupyter_gpumon.agent, jupyter_gpumon.sources.sim, jupyter_gpumon.sources.nvidia"
    code = f"import sys, {modules}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    unwanted = {
        "jupyter_server",
        "numpy",
        "asyncio",
        "typer",
        "traitlets",
        "tornado",
        "rich",
        "websocket",
        "ssl",
        "pynvml",
    }
    assert unwanted & set(out.split()) == set()


def test_the_outbox_keeps_what_must_not_be_lost():
    """Samples give way to newer ones; their events, edges, processes and missed counts go on in the next."""
    outbox = Outbox(most=3)
    outbox.put(Hello())
    for n in range(50):
        edge = Edge(uuid="G", since=n, mono=n + 0.5, joules=n)
        event = Event(kind="xid", time=n, mono=n, title=str(n))
        outbox.put(Sample(time=n, mono=n, gpus=(Gpu(uuid="G", power=n),), edges=(edge,), events=(event,)))
    got = [outbox.get(0) for _ in range(3)]
    edges = [edge.joules for m in got[1:] for edge in m.edges]
    events = [event.title for m in got[1:] for event in m.events]
    assert isinstance(got[0], Hello)
    assert edges == list(range(50))
    assert events == [str(n) for n in range(50)]
    assert got[-1].gpus[0].power == 49
    assert sum(m.missed for m in got[1:]) == 48
    assert outbox.get(0) is None


def test_an_edge_only_sample_takes_the_values_of_the_one_that_gave_way():
    """Nothing that only the older one had is lost."""
    outbox = Outbox(most=1)
    links = (Link(uuid="G", link=0),)
    outbox.put(Sample(time=1, mono=1, gpus=(Gpu(uuid="G", power=3),), processes=(), links=links))
    outbox.put(Sample(time=2, mono=2, edges=(Edge(uuid="G", since=1, mono=2, joules=1),)))
    merged = outbox.get(0)
    assert (merged.gpus[0].power, merged.processes, len(merged.edges)) == (3, (), 1)
    assert merged.links == links


def test_a_new_hello_replaces_one_that_was_not_read():
    """Only the latest says how things are."""
    outbox = Outbox()
    for state in ("starting", "live"):
        outbox.put(Hello(status=Status(state=state)))
    assert outbox.get(0).status.state == "live"
    assert outbox.get(0) is None


def test_a_waiting_writer_is_woken():
    """By a message, and by the end."""
    outbox, got = Outbox(), []
    thread = threading.Thread(target=lambda: got.extend([outbox.get(10), outbox.get(10)]))
    thread.start()
    outbox.put(Hello())
    outbox.close()
    thread.join(60)
    assert got == [Hello(), None]
    assert outbox.done


class Hung:
    """What the watchdog sees of a sampler."""

    hello = Hello(hostname="n1")
    call = None


def test_the_watchdog_tells_a_hung_call_once_and_its_end():
    """Nothing before five seconds; then "not responding since"; then the sampler's own hello again."""
    clock, sampler = FakeClock(), Hung()
    watchdog = Watchdog(sampler, stall=5.0)
    sampler.call = (clock.mono(), "look")
    clock.advance(4.9)
    assert watchdog.look(clock) is None
    clock.advance(0.2)
    told = watchdog.look(clock)
    assert told.status.state == "stalled"
    assert told.status.message.startswith("The driver is not responding since ")
    assert told.status.since == pytest.approx(clock.time() - 5.1)
    assert watchdog.look(clock) is None
    sampler.call = None
    assert watchdog.look(clock) == sampler.hello
    assert watchdog.look(clock) is None
