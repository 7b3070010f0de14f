"""What goes wrong on the command line: tasks that end at once, silent sources, and input that makes no sense."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from jupyter_gpumon.cli.run.command import Asked, measured
from jupyter_gpumon.cli.run.task import Held, TaskError, run

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
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(TaskError, match="before the task was started"):
            run(["true"], held, lambda pid: None)
