"""Slips in the names of sinks: each is told in words, with what to write."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Cell, Event
from jupyter_gpumon.report.chosen import evidence
from jupyter_gpumon.sinks import notify
from jupyter_gpumon.sinks.urls import open_sink, path_of
from jupyter_gpumon.sources.replay import open_source as open_replay
from jupyter_gpumon.store.stream import Store

from .contracts.sql import HELLO, START, opened, sample, until

NOBODY = "~nobody-of-this-name/run"


@pytest.mark.parametrize(
    "url", [f"{NOBODY}.jsonl", f"{NOBODY}.csv.gz", f"{NOBODY}.parquet", f"sqlite:///{NOBODY}.db", f"log:{NOBODY}.log"]
)
def test_the_folder_of_a_user_whom_nobody_knows_is_told_with_what_to_write(url):
    """Whoever forgot the slash after the ``~``."""
    with pytest.raises(SourceError, match=r"no folder ~nobody-of-this-name, .* Write ~/… for your own folder"):
        open_sink(url)
    if not url.startswith(("sqlite", "log")):
        with pytest.raises(SourceError, match="Write ~/…"):
            path_of(url)


def test_so_it_is_where_a_target_is_checked_and_a_database_or_a_recording_is_read():
    """The same words."""
    with pytest.raises(SourceError, match="Write ~/…"):
        notify.check(f"log:{NOBODY}.log")
    with pytest.raises(SourceError, match="Write ~/…"):
        Store(f"sqlite:///{NOBODY}.db")
    for read in (open_replay, evidence):
        with pytest.raises(SourceError, match="Write ~/…"):
            read(f"replay:{NOBODY}.jsonl" if read is open_replay else f"{NOBODY}.jsonl")


def cell(number: int, **said: object) -> Cell:
    """A short one."""
    return Cell(id=f"c{number}", kernel_id="k", start=START + number, end=START + number + 1, **said)


def test_a_cell_that_does_not_fit_is_lost_alone(server, caplog):
    """Neither the samples of its batch, nor the other cells of it, nor what comes later."""
    database = server.fresh()
    sink = opened(database.url, commit_every=0.5)
    sink.write(HELLO)
    sink.write(sample(0))
    for number in range(3):
        sink.keep(cell(number, status="ok" if number != 1 else "far too long for its column"))
    until(lambda: sink.dropped, "the loss")
    assert "too long" in sink.problem
    sink.write(sample(1))
    until(lambda: not sink.problem, "all is well again")
    sink.close()
    assert (database.count(), database.count("gpumon_cells"), sink.dropped) == (4, 2, 1)
    assert [line for line in caplog.text.splitlines() if "1 records of cells were lost: " in line]
    assert "samples were lost" not in caplog.text


def test_samples_that_do_not_fit_take_no_cell_with_them(postgresql):
    """Text with a NUL, which PostgreSQL does not take."""
    database = postgresql.fresh()
    sink = opened(database.url, commit_every=0.5)
    sink.write(HELLO)
    sink.write(sample(0, events=(Event(kind="note", time=1.0, mono=1.0, title="\0"),)))
    sink.keep(cell(0))
    until(lambda: sink.dropped, "the loss")
    sink.write(sample(1))
    sink.close()
    assert (database.count(), database.count("gpumon_cells"), sink.dropped) == (2, 1, 2)


def test_a_record_of_a_hundred_kilobytes_is_kept(database):
    """MariaDB's TEXT would end at 64 kB."""
    sink = opened(database.url)
    sink.keep(cell(0, title="ü" * 50_000, attributes={"note": "x" * 100_000}))
    sink.close()
    [(title, record)] = database.ask("SELECT title, record FROM gpumon_cells")
    assert (len(title), len(record) > 150_000) == (50_000, True)
    assert sink.dropped == 0
