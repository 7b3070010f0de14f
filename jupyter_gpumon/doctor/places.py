"""Where samples go: databases, receivers and files that a server would open, each looked at without changing it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ..errors import SourceError
from ..runs.store import default_url
from ..sinks.otlp.address import receivers
from ..sinks.urls import shown
from ..store.engine import open_engine, reason
from ..store.options import DRIVERS, parse
from ..units import quantity
from .asking import reached
from .words import Asked, Line, fault, ok, warning

LITTLE = 500e6
"""Bytes left on a disk below which it will soon be full: a few days of 8 GPUs."""

_DEFAULTS = {"grpc": "http://127.0.0.1:4317", "http/protobuf": "http://127.0.0.1:4318"}


def places(asked: Asked) -> Iterator[Line]:
    """A line each."""
    urls = asked.settings.urls()
    if not urls:
        yield ok("store", "nothing is kept beyond the server's memory (c.GpuMon.store and sinks are empty)")
    for trait, url in urls:
        yield _named("store" if trait == "store" else "sink", url, f"c.GpuMon.{trait}")
    yield _named("runs", default_url(), "$GPUMON_RUNS")


def _named(name: str, url: str, setting: str) -> Line:
    name = f"{name} {shown(url).partition('?')[0]}"
    try:
        return _place(name, url)
    except SourceError as e:
        return fault(name, str(e), f"Correct {setting}; gpumon doctor --config shows what is in force.")


def _place(name: str, url: str) -> Line:
    scheme, colon, rest = url.partition(":")
    kind = scheme.partition("+")[0].lower()
    if kind == "otlp":
        return _receiver(name, url)
    if kind == "sqlite":
        return _sqlite(name, url)
    if kind in DRIVERS:
        return _database(name, url)
    if not colon or "/" in scheme or kind in ("jsonl", "csv", "parquet"):
        return _file(name, Path((rest if kind in ("jsonl", "csv", "parquet") and colon else url).partition("?")[0]))
    known = {point.name for point in entry_points(group="jupyter_gpumon.sinks")}
    if kind not in known:
        raise SourceError(f"there is no sink called {kind!r}. There are: {', '.join(sorted(known))}.")
    return ok(name, "is a plug-in's, and not looked at")


def _database(name: str, url: str) -> Line:
    options = parse(url)
    engine = open_engine(options.url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as e:
        return fault(name, f"does not answer: {reason(e, options.url)}", "Start the database, or correct the URL.")
    finally:
        engine.dispose()
    return ok(name, "takes connections")


def _sqlite(name: str, url: str) -> Line:
    own = Path(jupyter_data_dir()) / "gpumon"
    path = own / "samples.db" if url == "sqlite" else Path(parse(url).url.database or "").expanduser()
    if not own.exists() and path.is_relative_to(own):  # made at the first use
        path = next(folder for folder in path.parents if folder.is_dir()) / own.name
    if not path.exists():
        return _file(name, path)
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=3)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as e:
        return fault(name, f"cannot be read: {e}", "Name another file; this one is damaged or no database.")
    return _file(name, path)


def _file(name: str, path: Path) -> Line:
    """Whether it can be written, and for how long."""
    path = path.expanduser().absolute()
    folder = path.parent
    if not folder.is_dir():
        return fault(name, f"the folder {folder} is not there", f"Make it: mkdir -p {folder}")
    target = path if path.exists() else folder
    if not os.access(target, os.W_OK):
        return fault(
            name, f"{target} may not be written", f"Change its rights (ls -ld {target}), or name another file."
        )
    left = shutil.disk_usage(folder).free
    if left < LITTLE:
        return warning(name, f"{quantity(left, 'bytes')} are left on its disk", "Make room, or name a file elsewhere.")
    return ok(name, f"can be written; {quantity(left, 'bytes')} are left")


def _receiver(name: str, url: str) -> Line:
    """Whether somebody listens where OTLP would go. What it takes shows when samples are sent."""
    for signal, receiver in receivers(url).items():
        said = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
        endpoint = receiver.endpoint or os.environ.get(said) or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        why = reached(endpoint or _DEFAULTS[receiver.protocol])
        if why:
            fix = "Start the collector, or correct the URL; samples wait for it a quarter of an hour."
            return fault(
                name, f"nobody takes {signal} at {shown(endpoint or _DEFAULTS[receiver.protocol])}: {why}", fix
            )
    return ok(name, "somebody listens there")
