"""``python -m tests.benchmarks.databases``: rows per second and bytes per row in each database, as Markdown.

The samples are those of eight simulated GPUs in training, by the second. Beside our sink, from message to commit,
stands a plain loop: the same rows, made before the clock runs, by ``executemany`` of the driver, 500 samples a commit.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from msgspec.structs import replace
from sqlalchemy import create_engine

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.server.service import PANEL
from jupyter_gpumon.sinks.columns import chosen
from jupyter_gpumon.sinks.sql import SqlSink
from jupyter_gpumon.sources.sim import open_backend
from jupyter_gpumon.store.reading import Question, Reader
from jupyter_gpumon.store.records import values
from jupyter_gpumon.store.retention import KEEP
from jupyter_gpumon.store.rollup import Rollup

from ..services.databases import Database, MariaDB, PostgreSQL, Server, SQLite, find

BATCH = 500
DAY = 86_400


@dataclass(frozen=True)
class Figures:
    """Of one database."""

    name: str
    ours: float
    used: float
    plain: float
    bytes_per_row: float
    summing: float
    answer: float

    def line(self) -> str:
        """As a line of the table."""
        speeds = f"{self.ours:,.0f} | {self.used * 1e6:.0f} | {self.plain:,.0f}"
        day = self.bytes_per_row * DAY * 8 / 1e6
        took = f"{self.summing:.1f} s | {self.answer * 1e3:.0f} ms"
        return f"| {self.name} | {speeds} | {self.bytes_per_row:.0f} | {day:.0f} MB | {took} |"


def training(seconds: int) -> tuple[Hello, list[Sample]]:
    """What eight simulated GPUs say in so many seconds; after half an hour it begins again."""
    clock = FakeClock()
    backend = open_backend({"gpus": "8", "script": "training"}, clock)
    wanted = frozenset(metric.name for metric in chosen("all"))
    samples: list[Sample] = []
    for _ in range(min(seconds, 2000)):
        clock.advance(1.0)
        samples.append(Sample(time=clock.time(), mono=clock.mono(), gpus=tuple(backend.read(wanted))))
    more = [replace(samples[n % 2000], time=samples[0].time + n, mono=float(n)) for n in range(2000, seconds)]
    return Hello(hostname="n1", devices=tuple(backend.devices())), samples + more


def ours(database: Database, server: Server | SQLite, hello: Hello, samples: list[Sample]) -> tuple[float, float]:
    """Rows per second through our sink, and seconds of CPU per row, of ours and of the database's."""
    sink = SqlSink(f"{database.url}?buffer=10000000&commit_every=0&batch_size={BATCH}")
    sink.write(hello)
    while sink.waiting or not sink.ready:  # the tables are made
        time.sleep(0.01)
    begun, before = time.perf_counter(), processor(server)
    for sample in samples:
        sink.write(sample)
    while sink.waiting:
        time.sleep(0.01)
    sink.close()
    took, used = time.perf_counter() - begun, processor(server) - before
    assert not sink.dropped, sink.problem
    rows = sum(len(sample.gpus) for sample in samples)
    return rows / took, used / rows


def processor(server: Server | SQLite) -> float:
    """Seconds of CPU that this process and the database's have had."""
    used = time.process_time()
    if isinstance(server, Server) and server.process is not None:
        top = psutil.Process(server.process.pid)
        for process in (top, *top.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                used += sum(process.cpu_times()[:2])
    return used


def plain(database: Database, hello: Hello, samples: list[Sample]) -> float:
    """Rows per second of a loop as one writes it by hand, into an equal table."""
    database.ask("CREATE TABLE plain AS SELECT * FROM gpumon_samples WHERE 1 = 0")
    database.ask("CREATE UNIQUE INDEX plain_key ON plain (time, device, run)")
    numbers = {device.uuid: n for n, device in enumerate(hello.devices)}
    get = values(chosen())
    rows: list[Any] = [(s.time, numbers[gpu.uuid], 0, *get(gpu)) for s in samples for gpu in s.gpus]
    engine = create_engine(database.url)
    connection: Any = engine.raw_connection()
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    statement = f"INSERT INTO plain VALUES ({', '.join([mark] * len(rows[0]))})"
    begun = time.perf_counter()
    for start in range(0, len(rows), BATCH * 8):
        connection.cursor().executemany(statement, rows[start : start + BATCH * 8])
        connection.commit()
    took = time.perf_counter() - begun
    connection.close()
    engine.dispose()
    database.ask("DROP TABLE plain")
    return len(rows) / took


def size(database: Database, server: Server | SQLite) -> float:
    """Bytes per row of samples, with its key."""
    if isinstance(server, SQLite):
        path = Path(database.url.removeprefix("sqlite:///"))
        database.ask("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.stat().st_size / database.count()
    if isinstance(server, PostgreSQL):
        found = database.ask("SELECT pg_total_relation_size('gpumon_samples')")
    else:
        database.ask("ANALYZE TABLE gpumon_samples")
        found = database.ask(
            "SELECT data_length + index_length FROM information_schema.tables WHERE table_name = 'gpumon_samples' "
            "AND table_schema = database()"
        )
    return float(found[0][0]) / database.count()


def summed(sink: SqlSink, samples: list[Sample]) -> float:
    """Seconds for summing all of it to 10 s, 1 min and 1 h: what the sink does every half minute for the last one."""
    rollup = Rollup(sink.tables, KEEP)
    rollup.note(sample.time for sample in samples)
    with sink.engine.connect() as connection:
        devices = [row[0] for row in connection.exec_driver_sql("SELECT id FROM gpumon_devices")]
    begun = time.perf_counter()
    rollup.run(sink.engine, devices, [])
    return time.perf_counter() - begun


def answered(sink: SqlSink, hello: Hello, samples: list[Sample]) -> float:
    """Seconds for what the panel asks of the whole time: four metrics of all GPUs in 360 rows. The median of nine."""
    since, until = samples[0].time, samples[-1].time
    reader, devices = Reader(sink.engine, sink.tables, KEEP), [device.uuid for device in hello.devices]
    took = []
    for _ in range(9):
        begun = time.perf_counter()
        asked = Question(since=since, until=until, step=(until - since) / 360, devices=devices, metrics=PANEL)
        found = reader.columns(asked)
        took.append(time.perf_counter() - begun)
    assert len(found.gpus) == 8
    assert len(found.time) > 100
    return statistics.median(took)


def figures(seconds: int, names: list[str]) -> Iterator[Figures]:
    """Each database in turn."""
    hello, samples = training(seconds)
    for name in names:
        server: Server | SQLite = SERVERS[name]()
        if isinstance(server, Server):
            server.start()
        database = server.fresh()
        speed, used = ours(database, server, hello, samples)
        space = size(database, server)
        sink = SqlSink(f"{database.url}?keep=raw:1d,10s:7d,1min:30d,1h:2y")
        while not sink.ready:
            time.sleep(0.01)
        sums, answer = summed(sink, samples), answered(sink, hello, samples)
        sink.close()
        yield Figures(server.name, speed, used, plain(database, hello, samples), space, sums, answer)
        server.close()


SERVERS: dict[str, Callable[[], Server | SQLite]] = {
    "sqlite": SQLite,
    "mariadb": lambda: MariaDB(find("mariadb")),
    "postgresql": lambda: PostgreSQL(find("postgresql")),
}


def main() -> None:
    """Measure, and print a line as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.databases", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10_000, help="seconds of eight GPUs; 86400 is a day")
    parser.add_argument("databases", nargs="*", default=list(SERVERS), help="sqlite, mariadb, postgresql")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} CPUs, {load:.1f} of them and more wanted by others before it began.\n")
    titles = ("rows/s", "µs of CPU a row", "plain loop, rows/s", "bytes a row", "a day of 8 GPUs", "summing", "answer")
    print(f"| database | {' | '.join(titles)} |")
    print("|---|---|---|---|---|---|---|---|")
    for each in figures(options.seconds, options.databases):
        print(each.line(), flush=True)


if __name__ == "__main__":
    main()
