"""Parquet: the table, column by column and compressed, for pandas, DuckDB and the like.

A recording under way is a folder of parts (``run.parquet/part-….parquet``), each whole from the moment it is there, so
that no killed process leaves a file that cannot be read; what is not in a part yet is in a journal beside them, which
is read by us and completed when the recording is continued. A finished recording can be one file (``gpumon convert``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import SourceError
from ..metrics import Metric
from ..model import Hello, Sample
from ..places import place
from ..sources.recording import Recording
from ..sources.tables import HELLO, JOURNAL, LABELS, PREFIX, arrow, part_name
from ..sources.urls import number, only, parse
from ..wire import Stream, encode, encode_line
from .files import FileSink, WholeFile
from .lines import lasting
from .table import Columns, Table, Value, choose
from .whole import unfinished

PART = 3600.0
"""Seconds in a part."""
GROUP = 32_768
"""Rows in a row group: what is held in memory while one file is written."""


def open_sink(url: str, run: str = "") -> ParquetSink:
    """The sink of ``run.parquet`` or ``parquet:path?columns=power,utilization&part=600``.

    Raises:
        SourceError: the folder cannot be written, there is no such column, or pyarrow is not installed.
    """
    _, path, params = parse(url if url.startswith("parquet:") else f"parquet:{url}")
    only(params, ("columns", "part"), "parquet:")
    arrow("pyarrow.parquet")
    seconds = number(params, "part", PART, url)
    return ParquetSink(place(path), Table(choose(params.get("columns", "")), run), seconds)


class ParquetSink(FileSink):
    """Writes a folder of parts; one that is there is continued.

    Args:
        path: the folder.
        table: makes the rows.
        part: seconds in a part.
    """

    def __init__(self, path: Path, table: Table, part: float = PART) -> None:
        super().__init__(f"parquet:{path}", path / JOURNAL)
        self.folder, self._table, self._part = path, table, part
        self._hello = b""
        if path.is_file():
            raise SourceError(f"{path} is a finished recording. Name another, or a folder of parts.")
        self.begin()
        self._left = not self._journal.empty
        self.start()

    def begin(self) -> None:
        """Open the journal, in a folder that is made where there is none."""
        self._begun: float | None = None
        self._left = False
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as e:
            raise SourceError(f"{self.folder} cannot be written: {e.strerror or e}.") from e
        self._journal: WholeFile = WholeFile(self.path, b'{"type":')

    def put(self, messages: Sequence[Stream]) -> None:
        """Into the journal; a part that is full is completed first."""
        if self._left or self._full(messages):
            self._complete()
        if self._journal.empty and self._hello and not isinstance(messages[0], Hello):
            self._journal.add(self._hello)
        self._journal.add(b"".join(encode_line(lasting(message)) for message in messages))
        for message in messages:
            if isinstance(message, Hello):
                self._hello = encode_line(lasting(message))
            elif self._begun is None:
                self._begun = message.mono

    def finish(self) -> None:
        """Complete the last part."""
        try:
            if not self._journal.empty and self.path.exists():
                self._complete()
        finally:
            self._journal.close()
        self.path.unlink(missing_ok=True)

    def _full(self, messages: Sequence[Stream]) -> bool:
        last = next((message.mono for message in reversed(messages) if isinstance(message, Sample)), None)
        return self._begun is not None and last is not None and not 0 <= last - self._begun < self._part

    def _complete(self) -> None:
        """The journal becomes a part; only when that is there is the journal emptied."""
        journal = Recording(self.path)
        if name := part_name(journal.messages()):
            write_parquet(self.folder / name, journal.messages(), self._table)
        self._journal.clear()
        self._left, self._begun = False, None


def write_parquet(path: Path, messages: Iterable[Stream], table: Table) -> int:
    """Write one whole file; it has its name only once it is whole.

    Returns:
        How many rows it has.

    Raises:
        OSError: it could not be written, and is not there.
    """
    with unfinished(path) as name:
        return _written(name, messages, table)


def _written(path: Path, messages: Iterable[Stream], table: Table) -> int:
    schema, count = _schema(table.columns), 0
    with arrow("pyarrow.parquet").ParquetWriter(path, schema, **_options(table.columns)) as writer:
        for rows in _groups(messages, table):
            writer.write_table(_arrow_table(rows, table.columns, schema))
            count += len(rows)
        # The last hello goes into the footer: it is known only now.
        writer.add_key_value_metadata({HELLO: encode(lasting(table.hello))})
    return count


def _groups(messages: Iterable[Stream], table: Table) -> Iterator[list[tuple[Value, ...]]]:
    rows: list[tuple[Value, ...]] = []
    for message in messages:
        if isinstance(message, Hello):
            table.greet(message)
            continue
        rows.extend(table.rows(message))
        if len(rows) >= GROUP:
            yield rows
            rows = []
    yield rows


def _metrics(columns: Columns) -> dict[str, Metric]:
    """Column → its metric."""
    host = {PREFIX + metric.column: metric for metric in columns.host}
    return {metric.column: metric for metric in columns.gpu} | host


def _whole(metric: Metric) -> bool:
    """Whether its values are whole numbers that only grow, whose differences take little room."""
    return metric.kind == "counter" and metric.unit in ("bytes", "count")


def _schema(columns: Columns) -> Any:
    pa = arrow()
    types = dict.fromkeys(LABELS, pa.string()) | {"time": pa.timestamp("us", "UTC"), "mono": pa.float64()}
    for name, metric in _metrics(columns).items():
        number = pa.int64() if _whole(metric) else pa.float64()
        types[name] = number if metric.kind in ("gauge", "counter") else pa.string()
    return pa.schema(types.items())


def _options(columns: Columns) -> dict[str, Any]:
    """Counters as differences, or byte by byte; all else by dictionary: half of what the defaults need."""
    metrics = _metrics(columns)
    encodings = {"time": "DELTA_BINARY_PACKED", "mono": "BYTE_STREAM_SPLIT"}
    for name, metric in metrics.items():
        if metric.kind == "counter":
            encodings[name] = "DELTA_BINARY_PACKED" if _whole(metric) else "BYTE_STREAM_SPLIT"
    plain = [name for name in columns.names if name not in encodings]
    return {"compression": "zstd", "compression_level": 6, "use_dictionary": plain, "column_encoding": encodings}


def _arrow_table(rows: Sequence[tuple[Value, ...]], columns: Columns, schema: Any) -> Any:
    pa, metrics = arrow(), _metrics(columns)
    values: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(columns.names)
    for n, name in enumerate(columns.names):
        if name == "time":
            values[n] = [round(value * 1e6) for value in values[n]]
        elif name in metrics and _whole(metrics[name]):
            values[n] = [None if value is None else round(value) for value in values[n]]
    arrays = [pa.array(column, kind) for column, kind in zip(values, schema.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
