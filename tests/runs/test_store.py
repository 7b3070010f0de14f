"""Where runs are kept: in a file without a server, or in a database; by several processes at once."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from jupyter_gpumon.errors import RunError
from jupyter_gpumon.experiments import Origin
from jupyter_gpumon.runs.store import RunStore, default_url

from .made import cell, metric, run


def test_a_run_comes_back_as_it_was(database):
    """By its id, whole; in the list as a line with what counts. One body over the three databases."""
    store = RunStore(database.url)
    one = run(
        "base", 1234.0, metrics={"loss": metric(3.0, 2.0), "steps": metric(4.0, 5.0, kind="counter")}, tags={"a": "ü"}
    )
    store.save(one)
    store.save(run("other"))
    assert store.find(one.id) == [one]
    (line,) = store.lines(name="base")
    assert line.metrics == {"loss": 2.0, "steps": 9.0}
    assert (line.joules, line.gpus, line.commit, line.tags) == (1234.0, "H200", "c" * 40, {"a": "ü"})
    assert [line.name for line in store.lines()] == ["other", "base"]
    rows = database.ask("SELECT metric, value, mean FROM run_metrics ORDER BY metric")
    assert [tuple(row) for row in rows] == [("loss", 2.0, 2.5), ("steps", 9.0, 4.5)]
    store.close()


def test_of_each_name_the_newest_is_told_first(database):
    """Of those begun since then, and of so many names at most."""
    store = RunStore(database.url)
    for name, start in (("a", 1000.0), ("b", 1010.0), ("a", 1020.0), ("c", 1030.0), ("old", 500.0)):
        store.save(run(name, start=start))
    assert [(each.name, each.start) for each in store.recent(900.0, 9)] == [("c", 1030.0), ("a", 1020.0), ("b", 1010.0)]
    assert [each.name for each in store.recent(900.0, 2)] == ["c", "a"]
    assert store.recent(2000.0, 9) == []
    store.close()


def test_saving_again_takes_the_place(database):
    """A run that went on is one run, with its metrics of now."""
    store, one = RunStore(database.url), run("base", status="running", metrics={"old": metric(1.0)})
    store.save(one)
    store.save(run("base", id=one.id, metrics={"new": metric(1.0)}))
    (line,) = store.lines()
    assert list(line.metrics) == ["new"]
    assert line.status == "success"
    store.remove([one.id])
    assert store.lines() == []
    store.close()


def test_a_name_is_a_value_and_no_sql(database):
    """Whatever it holds; what is too long for a column is cut there, and whole in the record."""
    store = RunStore(database.url)
    name = "x'; DROP TABLE runs; --%_"
    store.save(run(name, tags={"long": "y" * 5000}, metrics={"m" * 200: metric(1.0)}))
    assert store.find(name)[0].tags["long"] == "y" * 5000
    assert len(store.lines(name=name)) == 1
    with pytest.raises(RunError):
        store.find("x%")
    store.close()


def test_an_energy_that_is_only_bounded_is_no_number():
    """Its bounds stand beside; estimates stand in neither."""
    store = RunStore("sqlite://")
    store.save(run("a", 5.0))
    store.save(run("bound", cell=cell(10.0, off=0.95)))
    line = store.lines(name="bound")[0]
    assert line.joules is None
    assert line.joules_high == pytest.approx(19.5)


def test_the_default_is_a_file_in_jupyters_data_folder(tmp_path, monkeypatch):
    """For its owner alone; without a write-ahead log, which needs memory that a network drive does not share."""
    monkeypatch.delenv("GPUMON_RUNS", raising=False)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    RunStore(default_url()).save(run("base"))
    path = tmp_path / "data/gpumon/runs.sqlite"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert path.parent.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("GPUMON_RUNS", "sqlite:///elsewhere.db")
    assert default_url() == "sqlite:///elsewhere.db"


def test_several_processes_keep_runs_in_one_file_at_once(tmp_path):
    """Also the first, which make its tables: all of all are there, and none failed."""
    code = textwrap.dedent("""
        import sys
        from jupyter_gpumon.runs.store import RunStore
        from tests.runs.made import run, metric
        store = RunStore(sys.argv[1])
        sys.stdin.readline()
        for _ in range(6):
            store.save(run("busy", metrics={"x": metric(1.0)}))
            store.lines()
    """)
    url, root = f"sqlite:///{tmp_path}/runs.sqlite", Path(__file__).parents[2]
    writers = [
        subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root)
        for _ in range(3)
    ]
    for writer in writers:
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    errors = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], errors
    assert len(RunStore(url).lines()) == 18


def test_a_run_whose_process_is_gone_has_no_end(tmp_path):
    """It is partial: the process that would have ended it is no more; one that lives is running."""
    store = RunStore(f"sqlite:///{tmp_path}/runs.sqlite")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = Origin(hostname=platform.node())
    for pid, name in ((gone.pid, "gone"), (os.getpid(), "here")):
        store.save(run(name, status="running", pid=pid, origin=here, start=4e9))
    assert {line.name: line.status for line in store.lines()} == {"gone": "partial", "here": "running"}
    assert store.find("gone")[0].status == "partial"


def test_a_new_user_has_no_runs_and_no_folder(tmp_path):
    """Jupyter's data folder is not there yet either: that is no error."""
    store = RunStore(f"sqlite:///{tmp_path}/data/gpumon/runs.sqlite")
    assert store.lines() == []
    assert not (tmp_path / "data").exists()


def test_nothing_kept_yet_is_an_empty_list_and_makes_no_file(tmp_path):
    """Looking leaves no trace but the file that SQLite opens."""
    assert RunStore(f"sqlite:///{tmp_path}/runs.sqlite").lines() == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "Could not parse"),
        ("foo://x", "no database called 'foo'"),
        ("sqlite:////proc", "cannot be read"),
        ("mysql://me:secret@127.0.0.1:1/db", "Can't connect"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_sentence_without_the_password(url, says):
    """And what is the matter with it."""
    with pytest.raises(RunError, match=says) as found:
        RunStore(url).lines()
    assert "secret" not in str(found.value)
