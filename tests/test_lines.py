"""Recordings: the wire on disk."""

from __future__ import annotations

import gzip

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Columns, Gpu, Hello, Sample
from jupyter_gpumon.sinks.lines import open_sink
from jupyter_gpumon.wire import decode

MESSAGES = [Hello(hostname="n1"), *(Sample(time=n, mono=n, gpus=(Gpu(uuid="G", power=n),)) for n in range(100))]


@pytest.mark.parametrize(("name", "opener"), [("run.jsonl", open), ("run.jsonl.gz", gzip.open)])
def test_what_is_written_can_be_read_line_by_line(tmp_path, name, opener):
    """Every message is one line; .gz compresses."""
    sink = open_sink(str(tmp_path / name))
    for message in MESSAGES:
        sink.write(message)
    sink.close()
    with opener(tmp_path / name, "rb") as file:
        assert [decode(line) for line in file] == MESSAGES


def test_a_scheme_may_be_written_out(tmp_path):
    """``jsonl:run.jsonl`` is ``run.jsonl``."""
    open_sink(f"jsonl:{tmp_path / 'run.jsonl'}").close()
    assert (tmp_path / "run.jsonl").exists()


def test_the_history_in_a_hello_is_not_recorded(tmp_path):
    """It came from the server's memory; the recording has its own samples."""
    sink = open_sink(str(tmp_path / "run.jsonl"))
    sink.write(Hello(hostname="n1", history=Columns(time=[1.0], step=1.0, gpus={})))
    sink.close()
    assert decode((tmp_path / "run.jsonl").read_bytes()) == Hello(hostname="n1")


def test_a_file_that_cannot_be_written_is_said_at_once(tmp_path):
    """Before anything is sampled."""
    with pytest.raises(SourceError, match="cannot be written"):
        open_sink(str(tmp_path / "no" / "folder" / "run.jsonl"))
