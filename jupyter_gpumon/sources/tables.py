"""CSV and Parquet recordings read back as messages. They hold values; processes, edges and events are not in them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import SourceError, WireError
from ..metrics import HOST_METRICS, METRICS, Gpu, Host, Metric
from ..model import Device, Hello, Sample
from ..wire import Stream, decode
from .recording import Recording, whole_lines

LABELS = ("time", "mono", "run", "hostname", "uuid", "gpu", "name")
"""Columns that are always there, first: when, of which run and machine, which GPU (``gpu0``), and its model."""
PREFIX = "host_"
"""What sets the host's columns apart from the GPU's of the same name."""
HELLO = b"gpumon.hello"
"""Key of a Parquet file's metadata: the last hello, as on the wire."""
JOURNAL = "_open.jsonl"
"""In a folder of Parquet parts: what is not in a part yet. Whoever reads folders ignores names that begin so."""
NONE = "none"
"""In CSV, a set that is known to be empty."""

_GPU = {metric.column: metric for metric in METRICS.values()}
_HOST = {PREFIX + metric.column: metric for metric in HOST_METRICS.values()}

Row = dict[str, Any]


def read(path: Path) -> Iterator[tuple[float, Stream]]:
    """The messages of a CSV file, a Parquet file, or a folder of Parquet parts; each after how far it was read, 0 to 1.

    Raises:
        SourceError: it is not a table of ours, or pyarrow is not installed.
    """
    if path.is_dir():
        yield from _parts(path)
    elif path.name.lower().endswith(".parquet"):
        yield from _part(path)
    else:
        with path.open("rb") as raw:
            size = path.stat().st_size or 1
            for message in of_rows(Hello(), _csv(path, raw)):
                yield raw.tell() / size, message


def _parts(folder: Path) -> Iterator[tuple[float, Stream]]:
    """All parts, and what was on its way into one when the recording ended."""
    parts = sorted(folder.glob("part-*.parquet"))
    for number, part in enumerate(parts):
        yield from (((number + done) / len(parts), message) for done, message in _part(part))
    journal = folder / JOURNAL
    if journal.exists() and folder / part_name(Recording(journal).messages()) not in parts:
        yield from ((1.0, message) for message in Recording(journal).messages())


def run_of(path: Path) -> str:
    """The run that the first row is of."""
    if path.is_dir():
        parts = sorted(path.glob("part-*.parquet"))
        return run_of(parts[0]) if parts else ""
    if path.name.lower().endswith(".parquet"):
        with arrow("pyarrow.parquet").ParquetFile(path) as file:
            batch = next(file.iter_batches(1, columns=["run"]), None)
            return (batch.column(0)[0].as_py() if batch else None) or ""
    with path.open("rb") as raw:
        return next(_csv(path, raw), {}).get("run") or ""


def part_name(messages: Iterable[Stream]) -> str:
    """What a part is called that holds these messages: by its first sample, so that the same is never there twice.

    Empty where there is no sample.
    """
    first = next((message.time for message in messages if isinstance(message, Sample)), None)
    return "" if first is None else f"part-{datetime.fromtimestamp(first, timezone.utc):%Y%m%dT%H%M%S.%f}Z.parquet"


def arrow(module: str = "pyarrow") -> Any:
    """A module of pyarrow.

    Raises:
        SourceError: it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as e:
        raise SourceError('Parquet needs pyarrow: pip install "jupyter-gpumon[parquet]"') from e


def _part(path: Path) -> Iterator[tuple[float, Stream]]:
    parquet = arrow("pyarrow.parquet")
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as e:  # pyarrow's own errors are kinds of these
        raise SourceError(f"{path} is not a Parquet file, or was cut off: {e}") from e
    with file:
        rows = _Counted(_rows_of(file))
        for message in of_rows(_told(file), rows):
            yield rows.count / (file.metadata.num_rows or 1), message


def _told(file: Any) -> Hello:
    """The hello in a file's footer."""
    said = (file.metadata.metadata or {}).get(HELLO, b"")
    try:
        hello = decode(said) if said else None
    except WireError:
        hello = None
    return hello if isinstance(hello, Hello) else Hello()


class _Counted:
    """Counts rows that are read."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def _rows_of(file: Any) -> Iterator[Row]:
    for batch in file.iter_batches(8192):
        index = batch.schema.get_field_index("time")
        micros = batch.column(index).cast("int64").to_pylist()
        for row, at in zip(batch.to_pylist(), micros, strict=True):
            yield {**row, "time": at / 1e6}


def _csv(path: Path, raw: BinaryIO) -> Iterator[Row]:
    lines = whole_lines(cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw)
    reader = csv.DictReader(line.decode("utf-8", "replace") for line in lines)
    if not {"time", "mono", "uuid"} <= set(reader.fieldnames or ()):
        raise SourceError(f"{path} is not a recording: its header lacks time, mono or uuid.")
    for row in reader:
        if None in row.values() or None in row:
            continue  # cut off in the middle of a line
        at = datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()
        yield {name: value or None for name, value in row.items()} | {"time": at}


def of_rows(hello: Hello, rows: Iterable[Row]) -> Iterator[Stream]:
    """Rows, ascending in time, as messages: those of one moment are a sample; a GPU not known yet makes a new hello."""
    if hello.devices:
        yield hello
    gathered: list[Row] = []
    for row in rows:
        if gathered and (row["time"], row["mono"]) != (gathered[0]["time"], gathered[0]["mono"]):
            hello, messages = _sample(hello, gathered)
            yield from messages
            gathered = []
        gathered.append(row)
    if gathered:
        yield from _sample(hello, gathered)[1]


def _sample(hello: Hello, rows: list[Row]) -> tuple[Hello, list[Stream]]:
    known = {device.uuid for device in hello.devices}
    new = [_device(row, n) for n, row in enumerate(rows) if row["uuid"] and row["uuid"] not in known]
    host = Host(**_values(rows[0], _HOST)) if any(rows[0].get(name) is not None for name in _HOST) else None
    gpus = tuple(Gpu(uuid=row["uuid"], **_values(row, _GPU)) for row in rows if row["uuid"])
    sample = Sample(time=rows[0]["time"], mono=float(rows[0]["mono"]), gpus=gpus, host=host)
    if not new:
        return hello, [sample]
    hello = Hello(hostname=rows[0].get("hostname") or hello.hostname, devices=(*hello.devices, *new))
    return hello, [hello, sample]


def _device(row: Row, place: int) -> Device:
    """What a row says of its GPU: ``gpu0``, or ``gpu0:1`` for an instance."""
    index, _, instance = (row.get("gpu") or "").removeprefix("gpu").partition(":")
    return Device(
        uuid=row["uuid"],
        index=int(index) if index.isdigit() else place,
        instance=int(instance) if instance.isdigit() else None,
        name=row.get("name") or "GPU",
    )


def _values(row: Row, columns: dict[str, Metric]) -> dict[str, Any]:
    found = {metric: row[name] for name, metric in columns.items() if row.get(name) is not None}
    return {metric.name: _value(metric, value) for metric, value in found.items()}


def _value(metric: Metric, value: Any) -> Any:
    if metric.kind in ("gauge", "counter"):
        return float(value)
    return () if value in (NONE, "") else tuple(str(value).split(","))
