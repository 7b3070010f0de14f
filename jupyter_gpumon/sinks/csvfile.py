"""CSV: one row per GPU per tick, numbers in base units under columns that name them; compressed if named .gz.

``csv:run.csv``, ``csv:folder/`` (a file of the run's name and of now in it), ``?columns=power,host_cpu``, ``?seed=18``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ..errors import SourceError
from ..model import Hello, Sample
from ..places import place
from ..sources.moments import iso
from ..sources.tables import NONE
from ..sources.urls import only, parse
from ..wire import Stream
from .files import FileSink, WholeFile
from .seed import FORMATS, SeedTable
from .table import Table, Value, choose

PARAMETERS = ("columns", "seed", "gzip")


class Rows(Protocol):
    """Turns messages into rows under a header."""

    @property
    def names(self) -> tuple[str, ...]:
        """The header."""

    def greet(self, hello: Hello) -> None:
        """Take which devices there are."""

    def rows(self, sample: Sample) -> Iterator[tuple[Value, ...]]:
        """A row per GPU."""


def open_sink(url: str, run: str = "") -> CsvSink:
    """The sink of ``run.csv[.gz]`` or ``csv:path?columns=power,utilization&seed=15&gzip=1``.

    Args:
        url: names a file, or a folder in which the file is named by the run and the time.
        run: the value of the column ``run``.

    Raises:
        SourceError: the file cannot be written, or there is no such column.
    """
    _, path, params = parse(url if url.startswith("csv:") else f"csv:{url}")
    only(params, PARAMETERS, "csv:")
    return CsvSink(_file(path, run, zipped=params.get("gzip", "0") != "0"), table(params, run))


def table(params: dict[str, str], run: str) -> Rows:
    """What makes the rows: the catalogue's columns, or exactly those of the energy tool of 2025 (``seed``)."""
    seed = params.get("seed", "")
    if not seed:
        return Table(choose(params.get("columns", "")), run)
    if seed not in FORMATS:
        raise SourceError(f"seed={seed}: there are the formats {' and '.join(FORMATS)}.")
    return SeedTable(seed, run)


def _file(path: str, run: str, zipped: bool) -> Path:
    named = place(path)
    if path and not path.endswith("/") and not named.is_dir():
        return named
    ending = ".csv.gz" if zipped else ".csv"
    return named / f"{file_name(run)}_{datetime.now().astimezone():%Y%m%d_%H%M%S}{ending}"


def file_name(run: str) -> str:
    """A run's name as a file's: letters, digits, ``.``, ``-`` and ``_``, and never a hidden file or another folder."""
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in run.strip())
    return safe.lstrip(".")[:80] or "gpumon"


class CsvSink(FileSink):
    """Writes rows to a CSV file; one that is there with the same header is continued."""

    def __init__(self, path: Path, rows: Rows) -> None:
        super().__init__(f"csv:{path}", path)
        self._rows = rows
        self.begin()
        self.start()

    def begin(self) -> None:
        """Open the file, with its header where it is a new one."""
        header = line(self._rows.names)
        self._file = WholeFile(self.path, header.rstrip())
        if self._file.empty:
            self._file.add(header)

    def put(self, messages: Sequence[Stream]) -> None:
        """A line a GPU of each sample."""
        piece = b"".join(lines(self._rows, messages))
        if piece:
            self._file.add(piece)

    def finish(self) -> None:
        """Close the file."""
        self._file.close()


def lines(rows: Rows, messages: Iterable[Stream]) -> Iterator[bytes]:
    """The lines of some messages."""
    for message in messages:
        if isinstance(message, Hello):
            rows.greet(message)
        else:
            yield from (line(_stamped(row, rows)) for row in rows.rows(message))


def _stamped(row: tuple[Value, ...], rows: Rows) -> tuple[Value, ...]:
    return (iso(row[0]), *row[1:]) if rows.names[0] == "time" and isinstance(row[0], float) else row


def line(values: Iterable[Value]) -> bytes:
    """A line of CSV; unknown is empty, a whole number has no point."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(map(_plain, values))
    return text.getvalue().encode()


def _plain(value: Value) -> object:
    if value == "":
        return NONE  # a set known to be empty: CSV has no other word for it than for the unknown
    return int(value) if isinstance(value, float) and value.is_integer() else value
