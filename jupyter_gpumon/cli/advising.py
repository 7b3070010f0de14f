"""``gpumon advise``: read or watch, judge, say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..clock import FakeClock, SystemClock
from ..errors import SourceError
from ..findings import Code, Finding
from ..report import advice, notebook, sketch
from ..report.chosen import FILES, of_database
from ..rules.advice import Stretch, advise
from ..sources.replay import ReplaySource
from ..sources.urls import default_source, open_source
from ..units import duration
from ..wire import Stream
from .deadline import Deadline
from .reporting import bar

Advised = tuple[Stretch, list[Finding]]


def watched(source: str | None, length: str) -> Advised:
    """Advice on what a source shows from its first sample of a GPU on, for so long.

    Raises:
        SourceError: it shows no GPU at work or at rest in that time.
    """
    url, span, clock = source or default_source(), advice.seconds(length), SystemClock()
    watching, opened = advice.Watching(), open_source(url)
    end = Deadline(opened, span, clock)
    with bar(f"Watching for {duration(span)}") as progress:
        try:
            for message in opened.stream(clock):
                end.see(message)
                watching.write(message)
                progress(round(min(span, end.passed)), round(span))
                if end.over:
                    break
        finally:
            end.cancel()
            opened.close()
    return _judged(watching.stretch(), url)


def found(what: str, window: str | None, store: str | None) -> Advised:
    """Advice on a recording, samples in a database, a notebook's records, or a run.

    Raises:
        GpuMonError: it is none of them, or it cannot be read.
    """
    span = None if window is None else advice.seconds(window)
    if "://" in what:
        return _judged(advice.of_stream(of_database(what, ""), span), what)
    path = Path(what).expanduser()
    if path.suffix == ".ipynb":
        return _of_notebook(path)
    if path.exists() or path.suffix in FILES or path.parent != Path():
        with bar(f"Reading {what}"):
            return _judged(advice.of_stream(_messages(path), span), what)
    from ..runs.store import shared

    runs = shared(store)
    stretch = advice.of_run(runs.find(what)[0], runs.latest("bench"))
    return stretch, advise(stretch)


def _messages(path: Path) -> Iterator[Stream]:
    yield from ReplaySource(path, speed=0.0, rebase=False).stream(FakeClock())


def _judged(stretch: Stretch, name: str) -> Advised:
    if stretch.columns is None or not stretch.columns.time:
        raise SourceError(f"{name} shows no sample of a GPU, so there is nothing to give advice on.")
    return stretch, advise(stretch)


def _of_notebook(path: Path) -> Advised:
    cells = sorted(notebook.records(notebook.read(path)), key=lambda cell: cell.start)
    if not cells:
        raise SourceError(notebook.NOTHING)
    whole = Stretch(start=cells[0].start, end=cells[-1].end, cells=tuple(cells))
    return whole, advice.of_cells(cells)


def words(stretch: Stretch, findings: Sequence[Finding]) -> str:
    """For a terminal."""
    span = duration(stretch.end - stretch.start)
    if not findings:
        return f"No advice: in {span} nothing was found that could be better."
    code = [_code(number, one.code) for number, one in enumerate(findings, 1) if one.code is not None]
    return "\n\n".join([f"Advice on {span}", sketch.plain(findings), "Code", *code])


def _code(number: int, code: Code) -> str:
    return f"{number}. {code.title}\n\n{_indented(code.source)}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
