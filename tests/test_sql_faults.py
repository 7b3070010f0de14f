"""What goes wrong with a database, and how many rows there are before and after."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, event, make_url, select, text

from jupyter_gpumon.monitor import Monitor
from jupyter_gpumon.sinks import sql
from jupyter_gpumon.store.engine import open_engine
from jupyter_gpumon.store.schema import create, prepare
from jupyter_gpumon.store.tables import VERSION, Tables

from .contracts.sql import HELLO, fed, opened, sample, until


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    """Try again at once."""
    monkeypatch.setattr(sql, "AGAIN", (0.05,))


def written(sink, numbers):
    for n in numbers:
        sink.write(sample(n))


def test_a_database_that_is_down_at_the_start_is_waited_for(server, caplog):
    """0 rows, then all of them; said once."""
    database = server.fresh()
    server.kill()
    sink = opened(database.url)
    sink.write(HELLO)
    written(sink, range(50))
    until(lambda: sink.problem, "a problem")
    server.start()
    until(lambda: not sink.problem and not sink.waiting, "all is written")
    sink.close()
    assert (database.count(), sink.dropped) == (100, 0)
    assert caplog.text.count("does not take samples, they wait") == 1
    assert caplog.text.count("takes samples again, nothing was lost") == 1


def test_a_database_that_goes_away_in_the_middle_misses_nothing(server):
    """20 rows before, 20 + 80 after."""
    database = server.fresh()
    sink = opened(database.url)
    sink.write(HELLO)
    written(sink, range(10))
    until(lambda: not sink.waiting and database.count() == 20, "the first rows")
    server.kill()
    written(sink, range(10, 50))
    until(lambda: sink.problem, "a problem")
    server.start()
    sink.close()
    assert (database.count(), sink.dropped) == (100, 0)


def test_a_database_killed_within_a_transaction_has_each_row_once(server):
    """Killed after the rows were sent and before they were committed: none of them is there, and then all."""
    database = server.fresh()
    sink = opened(database.url)
    sink.write(HELLO)
    written(sink, range(10))
    until(lambda: database.count() == 20, "the first rows")

    @event.listens_for(sink.engine, "commit", once=True)
    def before_commit(connection):
        server.kill()

    written(sink, range(10, 20))
    until(lambda: server.process.poll() is not None and sink.problem, "it is killed")
    server.start()
    sink.close()
    assert (database.count(), sink.dropped) == (40, 0)
    assert database.ask("SELECT count(*) FROM (SELECT DISTINCT time, device FROM gpumon_samples) AS t") == [(40,)]


def test_a_commit_whose_answer_was_lost_is_not_made_twice(database):
    """The database has the rows, and we do not know: they are written again, and are there once."""
    sink = opened(database.url)

    begin, failures = sink.engine.begin, [1]

    class Lost:
        """A transaction that is committed and then says that the connection broke."""

        def __enter__(self):
            self.inner = begin()
            return self.inner.__enter__()

        def __exit__(self, *error):
            self.inner.__exit__(*error)
            if error == (None, None, None) and failures and database.count() == 20 and failures.pop():
                raise ConnectionResetError("the connection broke")

    sink.engine.begin = Lost
    sink.write(HELLO)
    written(sink, range(10))
    sink.close()
    assert not failures
    assert (database.count(), sink.dropped) == (20, 0)


def test_what_does_not_fit_while_a_database_hangs_is_counted_and_others_go_on(server):
    """Whoever writes is never held up: 5 wait, the others are lost, and rows and losses add up to what was written."""
    database = server.fresh()
    sink, other = opened(database.url, buffer=5), []
    monitor = Monitor(source=None)
    monitor.add(sink)
    monitor.add(type("Other", (), {"write": lambda self, message: other.append(message)})())
    monitor._take(HELLO)
    monitor._take(sample(0))
    until(lambda: database.count() == 2, "the first rows")
    server.pause()
    begun = time.monotonic()
    for n in range(1, 101):
        monitor._take(sample(n))
    took = time.monotonic() - begun
    try:
        assert len(other) == 102
        assert sink.dropped >= 90
        assert took < 10  # a database that hangs does so for longer
    finally:
        server.resume()
    sink.close()
    assert database.count() / 2 + sink.dropped == 101


def test_a_locked_table_is_waited_for(server):
    """Somebody alters it, or dumps it."""
    database = server.fresh()
    fed(database.url, [sample(0)])
    engine = create_engine(database.url)
    with engine.connect() as connection:
        lock = "LOCK TABLES gpumon_samples WRITE" if server.name == "mariadb" else "LOCK TABLE gpumon_samples"
        connection.execute(text(lock))
        sink = opened(database.url)
        sink.write(HELLO)
        written(sink, range(1, 20))
        until(lambda: sink.waiting < 19, "it has begun")
        connection.execute(text("UNLOCK TABLES" if server.name == "mariadb" else "ROLLBACK"))
    engine.dispose()
    sink.close()
    assert (database.count(), sink.dropped) == (40, 0)


def test_a_locked_sqlite_file_is_waited_for(sqlite, monkeypatch):
    """Longer than SQLite itself waits."""
    database = sqlite.fresh()
    fed(database.url, [sample(0)])
    other = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    sink = opened(f"{database.url}?timeout=0.1")
    sink.write(HELLO)
    written(sink, range(1, 20))
    until(lambda: "locked" in sink.problem, "a problem")
    other.execute("ROLLBACK")
    other.close()
    sink.close()
    assert (database.count(), sink.dropped) == (40, 0)


def test_a_full_disk_is_waited_for(sqlite, caplog):
    """SQLite's own error; what was there stays, what waits is written once there is room."""
    database = sqlite.fresh()
    fed(database.url, [sample(0)])
    full = [True]
    sink = opened(database.url)

    @event.listens_for(sink.engine, "begin")
    def _(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages if full[0] else 1_000_000}")

    sink.write(HELLO)
    written(sink, range(1, 500))
    until(lambda: "full" in sink.problem, "a problem")
    before = database.count()
    assert before < 1000
    full[0] = False
    sink.close()
    assert (database.count(), sink.dropped) == (1000, 0)
    assert "database or disk is full" in caplog.text


def test_a_file_that_can_only_be_read_is_said_and_what_is_lost_is_counted(sqlite):
    """2 rows before and after."""
    database = sqlite.fresh()
    fed(database.url, [sample(0)])
    path = database.url.removeprefix("sqlite:///")
    sink = opened(f"sqlite:///file:{path}?mode=ro&uri=true")
    sink.write(HELLO)
    written(sink, range(1, 20))
    until(lambda: "readonly" in sink.problem, "a problem")
    sink.close()
    assert database.count() == 2
    assert sink.dropped == 20


def test_tables_that_somebody_dropped_are_made_again(database):
    """What comes afterwards is kept."""
    sink = opened(database.url)
    sink.write(HELLO)
    sink.write(sample(0))
    until(lambda: not sink.waiting and database.count() == 2, "the first rows")
    for table in ("samples", "events", "devices"):
        database.ask(f"DROP TABLE gpumon_{table}")
    sink.write(sample(1))
    sink.close()
    assert (database.count(), database.count("gpumon_devices"), sink.dropped) == (2, 2, 0)


def test_a_value_that_does_not_fit_costs_its_batch_and_no_other(postgresql):
    """Trying again would never end."""
    database = postgresql.fresh()
    sink = opened(database.url)
    sink.write(HELLO)
    sink.write(sample(0))
    until(lambda: not sink.waiting and database.count() == 2, "the first rows")
    sink.write(sample(1, events=(sql_event("\0"),)))
    until(lambda: sink.dropped, "the loss")
    sink.write(sample(2))
    sink.close()
    assert (database.count(), sink.dropped) == (4, 1)


def sql_event(title):
    from jupyter_gpumon.model import Event

    return Event(kind="note", time=1.0, mono=1.0, title=title)


def test_passwords_are_in_no_log_line_and_no_problem(mariadb, postgresql, caplog):
    """Also where the database itself repeats what it was told."""
    for server, name in ((mariadb, "root"), (postgresql, "nobody")):
        url = server.url("nowhere").replace(f"{name}@", f"{name}:s3cret@").replace("postgres@", "nobody:s3cret@")
        sink = opened(url)
        sink.write(HELLO)
        until(lambda sink=sink: sink.problem, "a problem")
        sink.close()
        assert "s3cret" not in sink.problem + sink.url + caplog.text
        assert ":***@" in sink.url


WRITER = """
import sys, time
from jupyter_gpumon.sinks.urls import open_sink
from tests.contracts.sql import HELLO, sample
sink = open_sink(sys.argv[1])
sink.write(HELLO)
for n in range(100_000):
    sink.write(sample(n))
    print(n, time.monotonic(), flush=True)
    time.sleep(0.01)
"""


def test_when_we_are_killed_ourselves_no_more_is_lost_than_commit_every_says(database):
    """kill -9 while it writes: all but the last second is there, and the database is whole."""
    words = [sys.executable, "-c", WRITER, f"{database.url}?commit_every=1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: database.count() > 100, "rows are committed while it writes")
        process.send_signal(signal.SIGKILL)
        lines = [line.split() for line in process.stdout.read().splitlines() if line.count(".") == 1]
    rows = database.count() // 2
    kept = database.ask("SELECT count(*), max(power_watts) FROM gpumon_samples WHERE device = 1")
    assert kept == [(rows, 99.0 + rows)]  # the first ones, without a hole
    lost = [float(moment) for _, moment in lines[rows:]]
    assert not lost or lost[-1] - lost[0] < 1 + BUSY
    if database.url.startswith("sqlite"):
        assert database.ask("PRAGMA integrity_check") == [("ok",)]
    fed(database.url, [sample(100_000)])
    assert database.count() == 2 * rows + 2


BUSY = 10.0
"""Seconds that a busy machine may let a commit wait."""


def test_two_who_begin_to_write_into_one_file_at_the_same_moment_both_do(tmp_path, monkeypatch):
    """Each makes the tables that are not there, though the other has made them since it looked."""
    engine, runs = create_engine(f"sqlite:///{tmp_path}/x.db"), MetaData()
    Table("of_both", runs, Column("id", Integer, primary_key=True), Column("name", String(9), index=True))
    monkeypatch.setattr(engine.dialect, "has_table", lambda *_, **__: False)
    with engine.begin() as connection:
        create(connection, runs)
        create(connection, runs)
    engine.dispose()


def test_a_version_that_another_writer_says_first_is_no_error(sqlite):
    """Both found none; the second finds it there when it says its own."""
    url, tables = make_url(sqlite.fresh().url), Tables((), ())
    one, other = open_engine(url), open_engine(url)

    @event.listens_for(one, "before_cursor_execute")
    def _other_first(connection, cursor, statement, *_):
        if statement.startswith("INSERT") and not seen:
            seen.append(statement)
            with other.begin() as beside:
                prepare(beside, tables)

    seen: list[str] = []
    with one.begin() as connection:
        prepare(connection, tables)
    with other.begin() as connection:
        assert connection.execute(select(tables.schema.c.version)).scalars().all() == [VERSION]
    assert seen
    one.dispose()
    other.dispose()
