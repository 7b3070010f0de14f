"""What a report is made from, by what is named: a recording, a notebook or a run; and where it goes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..errors import GpuMonError, SourceError
from ..places import place
from ..rates import Rates
from ..wire import Stream
from . import notebook, recording
from .evidence import Evidence, Progress, quietly
from .files import write_whole
from .page import page

PAGES = (".html", ".htm")
FILES = (".jsonl", ".gz", ".csv", ".parquet", ".ipynb")
"""What the name of a file ends in: anything else that is no file is a run."""


def evidence(
    source: str,
    *,
    title: str = "",
    rates: Rates | None = None,
    identify: bool = False,
    store: str | None = None,
    only: str = "",
    progress: Progress = quietly,
) -> Evidence:
    """Read what a report rests on.

    Args:
        source: a recording (JSON Lines, CSV, Parquet), samples in a database (``sqlite:///x.db``), a notebook
            (``.ipynb``), or a run by its name or id.
        title: of the report.
        rates: what a kWh means in carbon and cost, for a recording; records of cells say it themselves.
        identify: name the host and the boards' UUIDs.
        store: where runs are kept; None is where they are by default.
        only: of a database, only the samples of the run of this name.
        progress: told how far it is.

    Raises:
        SourceError: it is none of them.
    """
    recorded = partial(recording.evidence, title=title, rates=rates, identify=identify, progress=progress)
    if "://" in source:
        return recorded(Path(only or "samples"), messages=partial(of_database, source, only))
    path = place(source)
    if path.exists():
        return notebook.evidence(path, title=title) if path.suffix == ".ipynb" else recorded(path)
    if path.suffix in FILES or path.parent != Path():
        raise SourceError(f"There is no {source!r}. A report is made from a recording, a notebook or a run.")
    from . import run  # runs are kept in a database, whose library takes its time to load

    return run.kept(source, store, title=title, identify=identify)


def of_cells(source: str) -> bool:
    """Whether it is a notebook or a run: their records say carbon and cost themselves, by the rates of their time."""
    path = place(source)
    return "://" not in source and (path.suffix == ".ipynb" or not path.exists())


def of_database(url: str, run: str) -> Iterator[Stream]:
    """The messages of samples in a database, of all of them or of one run."""
    from ..store.stream import Store

    kept = Store(url, run)
    span = kept.span()
    if span is not None:
        yield from kept.messages(*span)


def write(found: Evidence, path: Path, plotly: str = "none") -> int:
    """Write the page; the file is there whole or not at all.

    Returns:
        Bytes written.

    Raises:
        GpuMonError: the name is not that of a page, or it cannot be written.
    """
    if path.suffix.lower() not in PAGES:
        raise GpuMonError(f"A report is a page: name it .html, not {path.name!r}.")
    content = page(found, plotly).encode()
    write_whole(path, content)
    return len(content)
