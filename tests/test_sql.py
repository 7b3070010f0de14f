"""Samples in SQLite, MariaDB and PostgreSQL: one body over the three."""

from __future__ import annotations

import importlib.util
import sqlite3
import stat
from csv import reader
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.metrics import METRICS
from jupyter_gpumon.model import Cell, Energy, Hello, Process
from jupyter_gpumon.sinks.columns import DEFAULT, chosen
from jupyter_gpumon.sinks.urls import open_sink
from jupyter_gpumon.store import tables

from .contracts.sql import HELLO, START, fed, opened, sample, xid


def test_a_row_per_gpu_and_look_with_the_units_in_the_columns(database):
    """What is not known is NULL; devices and host stand beside."""
    fed(database.url, [sample(n) for n in range(10)])
    rows = database.ask(
        "SELECT s.time, d.uuid, s.power_watts, s.energy_joules, s.temperature_celsius, s.clock_events "
        "FROM gpumon_samples s JOIN gpumon_devices d ON d.id = s.device ORDER BY s.time, d.uuid"
    )
    assert len(rows) == 20
    assert rows[0] == (START, "GPU-0", 100.0, 1000.0, 40.0, "idle")
    assert rows[19] == (START + 9, "GPU-1", 109.0, 1900.0, None, "idle")
    assert database.ask("SELECT gpu, name, hostname, memory_total_bytes FROM gpumon_devices WHERE uuid = 'GPU-1'") == [
        ("gpu1", "H100", "n1", 8e10)
    ]
    assert database.ask("SELECT count(*), min(cpu_ratio), max(disk_read_bytes) FROM gpumon_host") == [(10, 0.5, 90.0)]


def test_the_columns_are_those_that_are_asked_for(database):
    """By name; the default is a selection."""
    fed(database.url, [sample(0)], columns="power,sm_occupancy")
    assert database.ask("SELECT * FROM gpumon_samples WHERE device = 1") == [(START, 1, 0, 100.0, None)]
    assert len(DEFAULT) < len(METRICS)


def test_columns_that_are_missing_are_added_and_what_is_there_stays(database):
    """A later version, or another choice, finds the table of an earlier one."""
    fed(database.url, [sample(0)], columns="power")
    fed(database.url, [sample(1)], columns="energy,memory_used")
    rows = database.ask("SELECT power_watts, energy_joules FROM gpumon_samples WHERE device = 1 ORDER BY time")
    assert rows == [(100.0, None), (None, 1100.0)]
    assert database.ask("SELECT version FROM gpumon_schema") == [(tables.VERSION,)]


def test_tables_of_a_later_version_are_left_alone(database):
    """And it is said what to do."""
    fed(database.url, [sample(0)])
    database.ask("UPDATE gpumon_schema SET version = 99")
    sink = fed(database.url, [sample(1), sample(2)])
    assert "update it" in sink.problem
    assert sink.dropped == 3
    assert database.count() == 2


def test_the_name_of_a_run_is_a_value_whatever_it_holds(database):
    """Never part of a statement."""
    name = "x'; DROP TABLE gpumon_samples; -- \"`%s ?"
    fed(database.url, [sample(0)], run=name)
    fed(database.url, [sample(0)])
    joined = "SELECT r.name, count(*) FROM gpumon_samples s JOIN gpumon_run_names r ON r.id = s.run GROUP BY r.name"
    assert database.ask(joined) == [(name, 2)]
    assert database.count() == 4  # the other two are of no run


def test_what_is_written_twice_is_there_once(database):
    """Whoever does not know whether a batch was committed writes it again."""
    for _ in range(2):
        fed(database.url, [sample(n, events=(xid(n),)) for n in range(5)])
    assert (database.count(), database.count("gpumon_host"), database.count("gpumon_events")) == (10, 5, 5)
    assert database.ask("SELECT kind, code, level, device FROM gpumon_events")[0] == ("xid", 79, "critical", 2)


def test_many_samples_are_few_transactions(database, monkeypatch):
    """``batch_size`` messages each."""
    from jupyter_gpumon.store.writer import Writer

    sizes, write = [], Writer.write
    monkeypatch.setattr(
        Writer, "write", lambda self, batch, *more: (sizes.append(len(batch)), write(self, batch, *more))
    )
    fed(database.url, [sample(n) for n in range(99)], batch_size=40, commit_every=60)
    assert [size for size in sizes if size] == [40, 40, 20]  # the tables were made in one of their own
    assert database.count() == 198


def test_processes_are_kept_where_that_is_asked_for(database):
    """Off by default: they double what is written."""
    process = Process(uuid="GPU-0", pid=7, memory=1e9, name="python", notebook="a.ipynb")
    others = Process(uuid="GPU-0", count=3, memory=2e9)
    busy = [sample(0, processes=(process, others))]
    fed(database.url, busy)
    assert database.count("gpumon_processes") == 0
    fed(database.url, busy, processes=1)
    rows = database.ask("SELECT pid, count, memory_bytes, name, notebook FROM gpumon_processes ORDER BY pid")
    assert rows == [(0, 3, 2e9, None, None), (7, 1, 1e9, "python", "a.ipynb")]


def test_a_cells_record_takes_the_place_of_its_draft(database):
    """Its energy is the sum over its GPUs, where it is known of all."""
    sink = opened(database.url)
    energy = {f"gpu{n}": Energy(joules=10.0, low=9.0, high=None if n else 11.0) for n in range(2)}
    for final in (False, True):
        sink.keep(
            Cell(id="c1", kernel_id="k", start=START, end=START + 5, final=final, energy=energy, notebook="é.ipynb")
        )
    sink.close()
    columns = "energy_joules, energy_low_joules, energy_high_joules, notebook, record"
    [(joules, low, high, notebook, record)] = database.ask(f"SELECT {columns} FROM gpumon_cells")
    assert (joules, low, high, notebook) == (20.0, 18.0, None, "é.ipynb")
    assert '"final"' not in record


def test_a_gpu_nobody_told_of_is_kept_by_its_uuid(database):
    """Its description comes with the next hello."""
    sink = opened(database.url)
    sink.write(sample(0))
    sink.write(Hello(hostname="n2", devices=HELLO.devices[:1]))
    sink.close()
    assert database.ask("SELECT uuid, hostname FROM gpumon_devices ORDER BY uuid") == [("GPU-0", "n2"), ("GPU-1", None)]
    assert database.count() == 2


def test_the_columns_in_sql_are_those_of_a_csv_file_and_so_are_the_values(database, tmp_path):
    """S4-23: the same names in the same order."""
    path = tmp_path / "run.csv"
    csv = open_sink(f"csv:{path}")
    csv.write(HELLO)
    csv.write(sample(7))
    csv.close()
    fed(database.url, [sample(7)])
    columns = [metric.column for metric in chosen()]
    made = [name for name in table_columns(database, "gpumon_samples") if name not in ("time", "device", "run")]
    with path.open(newline="") as file:
        header, *rows = reader(file)
    first = header.index(columns[0])
    assert columns == made == header[first : first + len(columns)]
    for row, written in zip(database.ask(f"SELECT {', '.join(columns)} FROM gpumon_samples"), rows, strict=True):
        values = written[first : first + len(columns)]
        assert [None if text == "" else text if text == "idle" else float(text) for text in values] == list(row)


def table_columns(database, table):
    engine = create_engine(database.url)
    return [column["name"] for column in inspect(engine).get_columns(table)]


def test_a_file_of_our_own_is_nobody_elses(tmp_path):
    """It tells who computed when."""
    fed(f"sqlite:///{tmp_path}/x.db", [sample(0)])
    assert stat.S_IMODE((tmp_path / "x.db").stat().st_mode) == 0o600
    assert sqlite3.connect(tmp_path / "x.db").execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "Name a file"),
        ("sqlite:////nowhere/at/all/x.db", "No such file or directory"),
        ("sqlite:///x.db?columns=watts", "no metric called 'watts'"),
        ("sqlite:///x.db?batch_size=0", "batch_size=0 is to be between 1 and"),
        ("sqlite:///x.db?commit_every=soon", "commit_every"),
        ("sqlite:///x.db?keep=10s:1d", "begins with samples as they are"),
        ("sqlite:///x.db?keep=raw:1", "no duration"),
        ("mysql+mysqlclient://me:secret@host/db", "There is no database called"),
        ("mysql+asyncmy://me:secret@host/db", "pip install asyncmy"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_at_once(url, said, tmp_path, monkeypatch):
    """Before anything is sampled, and without the password."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=said) as error:
        open_sink(url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "extra"), [("mysql://me:secret@host/db", "mysql"), ("postgresql://me:secret@host/db", "postgresql")]
)
def test_a_driver_that_is_missing_is_named_with_its_command(url, extra, monkeypatch):
    """Those who use SQLite need none."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match=rf'pip install "jupyter-gpumon\[{extra}\]"'):
        open_sink(url)


def test_a_relative_path_and_a_home_are_understood(tmp_path, monkeypatch):
    """As a shell does."""
    monkeypatch.setenv("HOME", str(tmp_path))
    fed("sqlite:///~/x.db", [sample(0)])
    assert Path(tmp_path / "x.db").exists()
