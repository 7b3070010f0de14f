"""What goes wrong on the command line: tasks that end at once, silent sources, and input that makes no sense."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from jupyter_gpumon.cli import advising, deadline, play
from jupyter_gpumon.cli.commands.recording import replay
from jupyter_gpumon.cli.each.command import run_each
from jupyter_gpumon.cli.recording import losses, record_stream
from jupyter_gpumon.cli.run.command import Asked, measured
from jupyter_gpumon.cli.run.task import Held, TaskError, run
from jupyter_gpumon.cli.stack import running
from jupyter_gpumon.cli.unhurried import Unhurried
from jupyter_gpumon.clock import Clock
from jupyter_gpumon.model import Device, Gpu, Hello, Request, Sample, Status
from jupyter_gpumon.sinks.queued import Queued
from jupyter_gpumon.sources.urls import open_source
from jupyter_gpumon.wire import Stream, encode_line

from .test_run import GPUMON, environment
from .test_run import run as gpumon_run


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_task_that_ends_at_once_is_over(tmp_path, name):
    """The thread of a sink does not take the news of its end."""
    for number in range(4):
        done = gpumon_run("-q", "-o", tmp_path / f"{number}{name}", "--", "true")
        assert done.returncode == 0, done.stderr


def test_no_thread_of_a_sink_meets_the_signals(tmp_path, monkeypatch):
    """Else it takes what is to be handed on; and the task has none of them blocked."""
    masks: list[set[int]] = []
    inner = threading.Thread.run

    def looking(self: threading.Thread) -> None:
        if self.name.startswith("gpumon-csv"):
            masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        inner(self)

    monkeypatch.setattr(threading.Thread, "run", looking)
    told = tmp_path / "mask"
    say = f"import signal; open({str(told)!r}, 'w').write(str(len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))))"
    asked = Asked("sim:gpus=1", sinks=[f"csv:{tmp_path}/x.csv"])
    assert measured("x", [sys.executable, "-c", say], asked).ending.code == 0
    assert masks
    assert all({signal.SIGCHLD, signal.SIGINT, signal.SIGTERM} <= mask for mask in masks)
    assert told.read_text() == "0"


def test_an_end_that_nobody_tells_of_is_seen():
    """News of a child may have been taken by a thread of somebody's library."""
    with Held() as held:
        held.signals.discard(signal.SIGCHLD)
        assert run(["true"], held, lambda pid: None).code == 0


def test_an_interruption_before_the_start_is_the_end():
    """Ctrl-C while a sink or the source is opened: the task is not started after it."""
    with Held() as held:
        signal.raise_signal(signal.SIGINT)  # for this thread: others may be here that do not hold it back
        with pytest.raises(TaskError, match="before the task was started"):
            run(["true"], held, lambda pid: None)


def test_news_that_another_thread_takes_is_not_waited_for(monkeypatch):
    """It may be pending for the process, and gone before this thread gets to it."""
    with Held():
        monkeypatch.setattr(signal, "sigpending", lambda: {signal.SIGCHLD})


TOLD = """
import time
def run_benchmark(metrics_recorder):
    metrics_recorder.collect_model_measurements("", {"loss": float("nan"), "speed": float("inf"), "ttft_s": 0.1})
    metrics_recorder.collect_model_measurements("", {"": 1.0, "x" * 201: 2.0})
"""
HALF = """
import json, os, sys
def run_benchmark(metrics_recorder):
    with open(json.loads(sys.orig_argv[2])["measurements"], "w") as file:
        file.write('{"tags": {"a"')
    os._exit(5)
"""


def test_what_one_benchmark_tells_wrongly_does_not_end_the_others(tmp_path, capfd):
    """Numbers that are none, names that are none, and a file that was not finished."""
    for name, text in {"a.py": TOLD, "b.py": HALF, "c.py": "print('the last')"}.items():
        (tmp_path / name).write_text(text)
    told = tmp_path / "told.json"
    assert run_each([str(tmp_path)], Asked(source="sim:gpus=1", quiet=True, json_file=told)) == 1
    out, err = capfd.readouterr()
    assert "the last" in out
    assert err.endswith("2 successful, 1 failed: b\n")
    assert err.count("is left out. A metric needs a name") == 2
    tasks = json.loads(told.read_text())["tasks"]
    assert [task["metrics"] for task in tasks] == [{"ttft_s": 0.1}, {}, {}]


class Silent:
    """A source that says something late, and then nothing."""

    def __init__(self, messages: Sequence[Stream], late: float = 0.0) -> None:
        self._messages, self._late, self._closing = messages, late, threading.Event()

    def ask(self, request: Request) -> None:
        """Nothing changes."""

    def close(self) -> None:
        """No more."""
        self._closing.set()

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """All it has to say, then a silence until it is closed."""
        self._closing.wait(self._late)
        if not self._closing.is_set():
            yield from self._messages
        self._closing.wait(20)


SAID = (Hello(), Sample(time=1.0, mono=1.0, gpus=(Gpu(uuid="GPU-1", power=60.0),)))


def test_a_recording_of_a_source_that_falls_silent_ends():
    """After its time, and not when the next message comes."""
    begun = time.monotonic()
    assert record_stream(Silent(SAID), [], duration=0.3) == 1
    assert time.monotonic() - begun < 10


def test_a_recording_counts_from_the_first_sample_of_a_gpu():
    """An agent takes its time to start."""
    begun = time.monotonic()
    assert record_stream(Silent(SAID, late=0.6), [], duration=0.3) == 1
    assert time.monotonic() - begun >= 0.9


@pytest.mark.parametrize(
    "messages", [(), (Hello(status=Status(state="no-driver")),)], ids=["silent", "without a driver"]
)
def test_a_recording_ends_where_no_sample_of_a_gpu_comes(monkeypatch, messages):
    """After a while more; at once where the source says that there will be none."""
    monkeypatch.setattr(deadline, "GRACE", 19.0 if messages else 0.3)
    begun = time.monotonic()
    assert record_stream(Silent(messages), [], duration=0.2) == 0
    assert time.monotonic() - begun < 10


def test_advice_on_a_source_that_falls_silent_comes(monkeypatch):
    """After its time."""
    monkeypatch.setattr(advising, "open_source", lambda url: Silent(SAID))
    begun = time.monotonic()
    advising.watched("ws://silent", "1s")
    assert time.monotonic() - begun < 10


def gpumon(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """``gpumon`` to its end."""
    command = [*GPUMON, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, env=environment(**more))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["status", "--source", "ws://host:abc/s?token=secret"], 2, "Write ws://host:8888/"),
        (["status", "--source", "ws://[host"], 2, "Write ws://host:8888/"),
        (["check", "--source", "ws://host:abc"], 3, "Write ws://host:8888/"),
        (["runs", "--store", "postgresql://u:secret@h:port/db"], 2, "Write postgresql://user@host:5432/database."),
        (["export", "run.jsonl", "-o", "none/x.parquet"], 2, "none/x.parquet cannot be written: "),
        (["up", "exporter", "--exporter-port", "99999"], 2, "Invalid value for '--exporter-port'"),
    ],
    ids=lambda value: "-".join(value[:3]) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_sentence(tmp_path, monkeypatch, words, code, says):
    """It says what to do; a secret in it stays one."""
    monkeypatch.chdir(tmp_path)
    if "run.jsonl" in words:
        assert gpumon("record", "-o", "run.jsonl", "--duration", "1", "-t", "0.2").returncode == 0
    done = gpumon(*words)
    said = done.stdout + done.stderr
    assert (done.returncode, says in said) == (code, True), said
    assert "Traceback" not in said
    assert "secret" not in said


@pytest.mark.parametrize("name", ["lr=0.1.csv", "lr=0.1.parquet", "lr=0.1.jsonl", "csv:lr=0.2.csv?columns=power"])
def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path, monkeypatch, name):
    """It is no parameter: those follow after the question mark."""
    monkeypatch.chdir(tmp_path)
    done = gpumon("record", "-o", name, "--duration", "0.5", "-t", "0.1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name.removeprefix("csv:").partition("?")[0]).exists()


MANY = 3000
"""More samples than may wait in a sink's queue."""


@pytest.fixture
def long(tmp_path) -> Path:
    """A recording of many samples."""
    path = tmp_path / "long.jsonl"
    device = Device(index=0, uuid="GPU-1", name="H100")
    said = (Sample(time=float(at), mono=float(at), gpus=(Gpu(uuid="GPU-1", power=60.0),)) for at in range(MANY))
    path.write_bytes(b"".join(map(encode_line, (Hello(devices=(device,)), *said))))
    return path


@pytest.mark.parametrize("words", [["replay", "{}", "--speed", "0"], ["record", "--source", "replay:{}?speed=0"]])
def test_a_long_recording_that_is_played_at_once_is_whole(long, tmp_path, words):
    """The sinks are waited for."""
    table = tmp_path / "all.csv"
    done = gpumon(*(word.format(long) for word in words), "-o", table)
    assert done.returncode == 0, done.stderr
    assert f"{MANY} samples" in done.stderr
    assert table.read_text().count("\n") == MANY + 1


class Slow(Queued):
    """A sink that takes its time, with room for few."""

    def __init__(self) -> None:
        super().__init__("slow:", most=10)
        self.taken = 0
        self.start()

    def drain(self) -> None:
        """One by one."""
        for message in self.messages():
            time.sleep(0.0002)
            self.taken += isinstance(message, Sample)


def test_a_slow_sink_is_waited_for_where_a_recording_is_played_at_once(monkeypatch, long):
    """It gets all of it."""
    slow = Slow()
    monkeypatch.setattr(play, "open_sink", lambda url: slow)
    assert play.into(f"replay:{long}?speed=0", ["slow:"]) == slow.taken == MANY


class Full(Queued):
    """A sink that ends with an error."""

    def drain(self) -> None:
        """Nothing is taken."""
        raise OSError("the disk is full")


def test_a_sink_that_fails_is_told_and_the_others_get_all(long):
    """Whoever waits for it waits no longer."""
    full, whole = Full("full:", most=10), Heard()
    full.start()
    record_stream(open_source(f"replay:{long}?speed=0"), [Unhurried(full), Unhurried(whole)])
    assert len(whole.samples) == MANY
    assert losses([full, whole])[0].endswith("messages were lost. the disk is full")


class Heard:
    """A sink without a queue."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def write(self, message: Stream) -> None:
        """Keep it."""
        if isinstance(message, Sample):
            self.samples.append(message)

    def close(self) -> None:
        """Nothing is open."""


def test_a_password_of_what_is_played_into_stays_secret(monkeypatch, capsys):
    """In the word at the end too."""
    monkeypatch.setattr(play, "into", lambda url, outputs: 3)
    replay("x.jsonl", output=["postgresql://me:hunter2@host/db"])
    assert capsys.readouterr().err == "3 samples played into postgresql://me:***@host/db.\n"


def test_a_signal_that_the_task_may_not_be_sent_is_said_once(monkeypatch, capfd):
    """A task of another user (sudo) goes on, and what it cost is still told."""
    sent: list[int] = []

    def refused(pid: int, number: int) -> None:
        sent.append(number)
        raise PermissionError

    def started(pid: int) -> None:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.raise_signal(number)

    with Held() as held:
        monkeypatch.setattr("jupyter_gpumon.cli.run.task.os.kill", refused)
        assert run(["sleep", "0.3"], held, started).code == 0
        monkeypatch.undo()
    assert sent == [signal.SIGUSR1, signal.SIGUSR2]
    assert capfd.readouterr().err.count("cannot be handed on") == 1


def test_what_was_started_here_is_not_asked_through_a_proxy(monkeypatch):
    """A proxy knows nothing of our loopback address."""
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        server.timeout = 10
        threading.Thread(target=server.handle_request, daemon=True).start()
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert running._answers(f"http://127.0.0.1:{server.server_port}/")


class Answering(BaseHTTPRequestHandler):
    """Says that it is there."""

    def do_GET(self) -> None:
        """200."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""
