"""The server's store: where samples are kept beyond memory, and read from where a question reaches further back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from ..errors import SourceError
from ..history import History
from ..model import Columns
from ..sinks.sql import SqlSink
from ..store.reading import Question, Reader
from ..store.retention import KEEP

log = logging.getLogger("jupyter_gpumon")


def embedded(folder: Path) -> str:
    """The URL of the file that ``sqlite`` alone stands for.

    Raises:
        SourceError: its folder cannot be made.
    """
    path = folder / "gpumon" / "samples.db"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as e:
        raise SourceError(f"{path.parent} cannot be made: {e.strerror or e}.") from e
    return f"sqlite:///{path}"


class Store:
    """A database that is written by a sink, and read.

    Args:
        url: ``sqlite`` or a database's URL.
        keep: (step, how long it is kept) in seconds; step 0 is as sampled.
        folder: Jupyter's data folder.

    Raises:
        SourceError: the URL is malformed, a driver is missing, or a file cannot be opened.
    """

    def __init__(self, url: str, folder: Path, keep: Sequence[tuple[float, float]] = KEEP) -> None:
        self.sink = SqlSink(embedded(folder) if url == "sqlite" else url, keep=keep)
        self._reader = Reader(self.sink.engine, self.sink.tables, self.sink.options.keep)
        self._silent = False

    @property
    def reach(self) -> float:
        """Seconds of the past that there may be."""
        return self._reader.reach

    def columns(self, memory: History, **question: Any) -> Columns | None:
        """The past (see ``Question``), its end from memory; None where the database does not answer."""
        if not self.sink.ready:
            return None  # it has said why
        asked = Question(**question)
        try:
            found = self._reader.columns(asked)
        except (SQLAlchemyError, OSError):
            if not self._silent:
                log.exception("gpumon: %s does not answer; ranges reach as far as memory does", self.sink.url)
            self._silent = True
            return None
        self._silent = False
        return _with_end(found, asked, memory)


def _with_end(found: Columns, asked: Question, memory: History) -> Columns:
    """Rows with those from memory after them that are not in the database yet, or are still waiting for it."""
    last = found.time[-1] if found.time else asked.since
    if asked.until - last < 2 * found.step:
        return found
    wanted = {"devices": asked.devices, "metrics": asked.metrics, "spread": asked.spread, "host": asked.host}
    more = memory.columns(last, asked.until, step=found.step, **wanted)  # type: ignore[arg-type] # by name
    first = next((n for n, time in enumerate(more.time) if time > last), None)
    return found if first is None else _joined(found, more, first)


def _joined(a: Columns, b: Columns, first: int) -> Columns:
    count, more = len(a.time), len(b.time) - first

    def joined(one: dict[str, list[float | None]], two: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
        return {
            name: [*one.get(name, [None] * count), *(two[name][first:] if name in two else [None] * more)]
            for name in dict.fromkeys((*one, *two))
        }

    def each(
        one: dict[str, dict[str, list[float | None]]] | None, two: dict[str, dict[str, list[float | None]]] | None
    ) -> dict[str, dict[str, list[float | None]]] | None:
        if one is None or two is None:
            return None
        return {uuid: joined(one.get(uuid, {}), two.get(uuid, {})) for uuid in dict.fromkeys((*one, *two))}

    return replace(
        a,
        time=[*a.time, *b.time[first:]],
        gpus=each(a.gpus, b.gpus) or {},
        host=joined(a.host, b.host),
        low=each(a.low, b.low),
        high=each(a.high, b.high),
    )
