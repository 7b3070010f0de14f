"""Rows for programs, one after the other: CSV, JSON Lines, or one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ...model import Hello
from ...sinks.csvfile import Rows, line, lines
from ...sinks.table import Table, Value
from ...sources.moments import iso
from ...wire import Stream

FORMATS = ("csv", "jsonl", "json")


def pieces(kind: str, messages: Iterable[Stream], rows: Rows) -> Iterator[bytes]:
    """The text of all rows, a piece at a time."""
    if kind == "csv":
        yield line(rows.names)
        yield from lines(rows, messages)
        return
    objects = (msgspec.json.encode(row) for row in _objects(messages, rows))
    if kind == "jsonl":
        yield from (row + b"\n" for row in objects)
        return
    before = b"[\n"
    for row in objects:
        yield before + row
        before = b",\n"
    yield b"\n]\n" if before != b"[\n" else b"[]\n"


def _objects(messages: Iterable[Stream], rows: Rows) -> Iterator[dict[str, Value]]:
    """A row as an object; what is not known is left out."""
    for message in messages:
        if isinstance(message, Hello):
            rows.greet(message)
            continue
        for row in rows.rows(message):
            found: dict[str, Value] = {
                name: value for name, value in zip(rows.names, row, strict=True) if value is not None
            }
            yield {**found, "time": iso(message.time)} if isinstance(rows, Table) else found
