"""Writing messages at full speed: a file that is there only once it is whole, or a sink that is waited for."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from ...errors import GpuMonError, SourceError
from ...model import Sample
from ...sinks import Sink
from ...sinks.csvfile import line, lines, table
from ...sinks.lines import lasting
from ...sinks.parquet import write_parquet
from ...sinks.queued import Queued
from ...sinks.table import Table, choose
from ...sinks.urls import open_sink, path_of, scheme_of, shown
from ...sinks.whole import unfinished
from ...sources.urls import only, parse
from ...wire import Stream, encode_line
from ..outputs import check_free

ENDINGS = (".jsonl", ".csv", ".parquet")
PATIENCE = 30.0
"""Seconds that a sink may have a problem before it is given up."""


def write(url: str, messages: Iterable[Stream], run: str = "", *, overwrite: bool = False) -> int:
    """Write all messages to what a URL names; how many samples that were.

    Raises:
        SourceError: a file is there already, or cannot be written.
        GpuMonError: a database does not take them.
    """
    path = path_of(url)
    counted = _Counted(messages)
    if path is None:
        _to_sink(open_sink(url, run), counted, url)
        return counted.samples
    kind = _kind(url, path)
    check_free(path, overwrite=overwrite)
    if path.is_dir():
        raise SourceError(f"{path} is a folder of parts. Name another file for what is made of it.")
    try:
        _to_file(url, kind, path, counted, run)
    except OSError as e:
        raise SourceError(f"{path} cannot be written: {e.strerror or e}. It was not begun.") from e
    return counted.samples


class _Counted:
    def __init__(self, messages: Iterable[Stream]) -> None:
        self._messages, self.samples = messages, 0

    def __iter__(self) -> Iterator[Stream]:
        for message in self._messages:
            self.samples += isinstance(message, Sample)
            yield message


def _kind(url: str, path: Path) -> str:
    """The format: as the URL's scheme or the file's ending says it. Of one that nobody knows there is no guess."""
    kind = scheme_of(url)
    if not url.startswith(f"{kind}:") and not path.name.lower().removesuffix(".gz").endswith(ENDINGS):
        raise SourceError(
            f"{path}: the ending says what is written, and this one is not known. There are: "
            f"{', '.join(f'{each}, {each}.gz' for each in ENDINGS[:2])}, {ENDINGS[2]}; or say it: jsonl:{path}"
        )
    return kind


def _to_file(url: str, kind: str, path: Path, messages: Iterable[Stream], run: str) -> None:
    params = parse(url if url.startswith(f"{kind}:") else f"{kind}:{url}").params
    if kind == "parquet":
        only(params, ("columns",), "parquet:")
        write_parquet(path, messages, Table(choose(params.get("columns", "")), run))
        return
    if kind == "csv":
        rows = table(params, run)
        write_pieces(path, chain([line(rows.names)], lines(rows, messages)))
    else:
        write_pieces(path, (encode_line(lasting(message)) for message in messages))


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file, compressed if named .gz."""
    with unfinished(path) as name, _opened(name, zipped=path.suffix == ".gz") as file:
        for piece in pieces:
            file.write(piece)


def _opened(path: Path, *, zipped: bool) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "wb", compresslevel=6)) if zipped else path.open("wb")


def _to_sink(sink: Sink, messages: Iterable[Stream], url: str) -> None:
    """Never more at once than it takes: what is copied can be read again, and is not to be lost."""
    try:
        for message in messages:
            wait(sink, lambda queue: queue.room > 0, url)
            sink.write(message)
    finally:
        sink.close()
    wait(sink, lambda queue: queue.ended, url)
    lost = getattr(sink, "dropped", 0)
    if lost:
        raise GpuMonError(f"{shown(url)}: {lost} messages were lost. {getattr(sink, 'problem', '')}".strip())


def wait(sink: Sink, ready: Callable[[Queued], bool], url: str) -> None:
    """Until a sink with a queue is ready.

    Raises:
        GpuMonError: it has ended, or has had a problem for ``PATIENCE`` seconds.
    """
    if not isinstance(sink, Queued):
        return
    since = time.monotonic()
    while not ready(sink):
        if not sink.problem and not sink.ended:
            since = time.monotonic()
        elif time.monotonic() - since > PATIENCE or sink.ended:
            raise GpuMonError(f"{shown(url)} takes no samples: {sink.problem}")
        time.sleep(0.005)
