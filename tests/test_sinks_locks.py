"""A file has one writer: a second one is refused, and nothing of what the first one writes is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Sample
from jupyter_gpumon.sinks import locks
from jupyter_gpumon.sinks.urls import open_sink
from jupyter_gpumon.sources.recording import Recording

from .contracts.sink import HELLO, sample

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")

FORMATS = ("run.jsonl", "run.jsonl.gz", "run.csv", "run.parquet")
TAKEN = "is being written by another process or sink. Name another file"

WRITER = """
import sys
from jupyter_gpumon.sinks.urls import open_sink
from tests.contracts.sink import HELLO, sample
sink = open_sink(sys.argv[1])
sink.write(HELLO)
sink.write(sample(1))
print("opened", flush=True)
sys.stdin.read()
sink.close()
"""


def fed(url: str, *numbers: int) -> None:
    """A sink that has written these samples, closed."""
    sink = open_sink(url)
    sink.write(HELLO)
    for number in numbers:
        sink.write(sample(number))
    sink.close()
    assert (sink.problem, sink.dropped) == ("", 0)


def moments(path) -> list[float]:
    """The times of the samples in a recording."""
    return [message.time for message in Recording(path).messages() if isinstance(message, Sample)]


@pytest.mark.parametrize("name", FORMATS)
def test_a_second_writer_in_another_process_is_refused_until_the_first_has_ended(tmp_path, name):
    """Two servers of one user with the same sink; each sample of both is there when they write one after the other."""
    url = str(tmp_path / name)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "opened\n"
        with pytest.raises(SourceError, match=TAKEN):
            open_sink(url)
        other.stdin.close()
        assert other.wait(60) == 0
    fed(url, 2)
    fed(url, 3)
    assert moments(tmp_path / name) == [sample(number).time for number in (1, 2, 3)]


def test_a_writer_that_was_killed_holds_nothing(tmp_path):
    """The next server goes on with its file."""
    url = str(tmp_path / "run.jsonl")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        other.kill()
        other.wait()
    fed(url, 2)
    assert moments(tmp_path / "run.jsonl")[-1] == sample(2).time


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_file_twice_in_one_configuration_is_refused(tmp_path, name):
    """The first one goes on."""
    sink = open_sink(str(tmp_path / name))
    with pytest.raises(SourceError, match=TAKEN):
        open_sink(str(tmp_path / name))
    sink.write(HELLO)
    sink.write(sample(1))
    sink.close()
    assert moments(tmp_path / name) == [sample(1).time]


def test_a_process_that_was_forked_meanwhile_does_not_keep_the_file(tmp_path):
    """It has the same open file as the writer, and may live for long."""
    sink = open_sink(str(tmp_path / "run.jsonl"))
    inherited = os.dup(sink._file._file.fileno())
    sink.close()
    fed(str(tmp_path / "run.jsonl"), 1)
    os.close(inherited)


def test_a_file_that_is_not_ours_is_let_go_of(tmp_path):
    """Whoever it is of can write it on."""
    path = tmp_path / "run.jsonl"
    path.write_text("something else\n")
    with pytest.raises(SourceError, match="holds something else"):
        open_sink(str(path))
    with path.open("a") as file:
        assert locks.lock(file)


def test_a_file_system_without_locks_is_written_all_the_same(tmp_path, monkeypatch):
    """As NFS may be."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    fed(str(tmp_path / "run.jsonl"), 1)
    assert moments(tmp_path / "run.jsonl") == [sample(1).time]
