"""A sink's queue and thread, and the grammar that names sinks."""

from __future__ import annotations

import threading

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.sinks.queued import Queued
from jupyter_gpumon.sinks.urls import open_sink, shown

SAMPLES = [Sample(time=n, mono=n) for n in range(10)]


class Slow(Queued):
    """Writes to a list, as soon as it may."""

    def __init__(self, most=1000, batch=1, error=None):
        super().__init__("slow://someone:secret@host/", most)
        self.may, self.got, self.size, self.error = threading.Event(), [], batch, error
        self.start()

    def drain(self):
        self.may.wait(30)
        if self.error:
            raise self.error
        while batch := self.batch(self.size, 30.0):
            self.got.append(batch)


def test_all_that_was_written_before_the_end_arrives_in_order():
    """Closing waits for it."""
    sink = Slow()
    for sample in SAMPLES:
        sink.write(sample)
    sink.may.set()
    sink.close()
    assert [message for batch in sink.got for message in batch] == SAMPLES
    assert sink.dropped == 0


def test_a_batch_is_full_or_all_there_is_at_the_end():
    """Four at a time of ten: 4, 4, 2; nobody waits thirty seconds for the last."""
    sink = Slow(batch=4)
    sink.may.set()
    for sample in SAMPLES:
        sink.write(sample)
    sink.close()
    assert [len(batch) for batch in sink.got] == [4, 4, 2]


def test_what_does_not_fit_is_counted_and_a_hello_always_fits():
    """Three places: the other seven samples are lost; of the hellos the last is kept."""
    sink = Slow(most=3)
    for sample in SAMPLES:
        sink.write(sample)
    sink.write(Hello(generation=1))
    sink.write(Hello(generation=2))
    sink.write(SAMPLES[0])
    sink.may.set()
    sink.close()
    assert [message for batch in sink.got for message in batch] == [*SAMPLES[:3], Hello(generation=2)]
    assert sink.dropped == 8


def test_an_error_ends_the_sink_and_is_said_once_without_the_password(caplog):
    """What waited and what still comes is counted as lost."""
    sink = Slow(error=OSError("no space left"))
    sink.write(SAMPLES[0])
    sink.may.set()
    sink.close()
    sink.write(SAMPLES[1])
    assert (sink.dropped, sink.problem) == (2, "no space left")
    assert caplog.text.count("slow://someone:***@host/ ends here: no space left") == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql+psycopg://me:s3/cr@t@host:1/db?x=1", "postgresql+psycopg://me:***@host:1/db?x=1"),
        ("mysql+pymysql://me@host/db", "mysql+pymysql://me@host/db"),
        ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        ("ws://host/stream?token=secret", "ws://host/stream?token=***"),
        ("sqlite:///run.db", "sqlite:///run.db"),
        ("run.jsonl", "run.jsonl"),
    ],
)
def test_a_url_is_shown_without_its_password(url, seen):
    """Wherever it stands."""
    assert shown(url) == seen


def test_a_scheme_that_nobody_knows_is_said_without_the_password():
    """With those that there are."""
    with pytest.raises(SourceError, match=r"'nosql://me:\*\*\*@host'.*jsonl"):
        open_sink("nosql://me:secret@host")


class Point:
    """An entry point, as far as it is used."""

    def __init__(self, name, opener):
        self.name, self.load = name, lambda: opener


@pytest.mark.parametrize(
    ("opener", "found"), [(lambda url: url, "mine:x"), (lambda url, run: (url, run), ("mine:x", "night"))]
)
def test_an_opener_takes_the_run_if_it_wants_it(monkeypatch, opener, found):
    """A plug-in of one line goes on working."""
    monkeypatch.setattr("jupyter_gpumon.sinks.urls.entry_points", lambda group: [Point("mine", opener)])
    assert open_sink("mine:x", run="night") == found
