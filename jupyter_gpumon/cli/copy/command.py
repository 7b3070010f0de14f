"""What ``gpumon convert`` and ``gpumon export`` do, from their words to the file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from ...errors import GpuMonError, SourceError
from ...model import Sample
from ...scrub import Scrubber
from ...sinks.csvfile import Rows
from ...sinks.parquet import write_parquet
from ...sinks.seed import FORMATS as SEEDS
from ...sinks.seed import SeedTable
from ...sinks.table import Table, choose
from ...wire import Stream
from ..chosen import Only
from ..outputs import check_free
from . import rows
from .fold import folded
from .inputs import Input, open_input
from .progress import followed
from .summary import Summary, as_json, as_lines
from .writing import write, write_pieces

KINDS = (*rows.FORMATS, "parquet")


def convert(
    source: str, target: str, *, window: tuple[str, str], devices: str, scrub: bool, name: str, overwrite: bool
) -> int:
    """Write a recording or a database anew, in another format or place; how many samples that were.

    Raises:
        GpuMonError: it cannot be read or written; nothing is left of what was begun.
    """
    given = open_input(source, *window)
    run = name or ("" if scrub else given.run)
    return write(target, _changed(given, devices, scrub, "Converting"), run, overwrite=overwrite)


def _changed(given: Input, devices: str, scrub: bool, what: str) -> Iterator[Stream]:
    """The messages of these devices, scrubbed if asked for, with a bar beside them; there has to be a sample."""
    changes: list[Callable[[Stream], Stream]] = [Only(devices).message, *([Scrubber().message] if scrub else [])]
    begun: list[Stream] = []
    messages = iter(followed(given.messages, given.done, what))
    for message in messages:
        begun.append(message)
        if isinstance(message, Sample):
            break
    else:
        raise SourceError("There are no samples there. Look at --from and --to, and at what the recording holds.")
    for message in chain(begun, messages):
        for change in changes:
            message = change(message)
        yield message


def export(
    source: str,
    target: str,
    *,
    window: tuple[str, str],
    step: float,
    metrics: str,
    kind: str,
    summary: bool,
    devices: str,
    scrub: bool,
    seed: str,
    name: str,
    overwrite: bool,
) -> None:
    """Rows, or their summary, for other programs.

    Raises:
        GpuMonError: it cannot be read or written.
    """
    kind = _kind(kind, target, summary)
    if target != "-":
        check_free(Path(target), overwrite=overwrite)
    given = open_input(source, *window, step=step, run=name)
    messages = _changed(given, devices, scrub, "Exporting")
    columns, name = choose(metrics), name or ("" if scrub else given.run)
    if summary:
        told = Summary().read(messages).told()
        text = as_json(told) if kind == "json" else as_lines(told, columns.names if metrics else ()).encode() + b"\n"
        _put(target, [text])
        return
    messages = folded(messages, step) if step else messages
    if kind == "parquet":
        with _written(target):
            write_parquet(Path(target), messages, Table(columns, name))
        return
    _put(target, rows.pieces(kind, messages, _rows(seed, metrics, name)))


def _rows(seed: str, metrics: str, name: str) -> Rows:
    if seed and seed not in SEEDS:
        raise SourceError(f"--seed-format {seed}: there are {' and '.join(SEEDS)}.")
    return SeedTable(seed, name) if seed else Table(choose(metrics), name)


def _kind(kind: str, target: str, summary: bool) -> str:
    """The format: as asked for, or by the file's name."""
    named = target.removesuffix(".gz").rpartition(".")[2]
    kind = kind or (named if named in KINDS else "text" if summary else "csv")
    if kind not in (*KINDS, *(("text",) if summary else ())):
        raise SourceError(f"--format {kind}: there are {', '.join(KINDS)}.")
    if kind == "parquet" and target == "-":
        raise SourceError("Parquet needs a file: -o run.parquet")
    return kind


def _put(target: str, pieces: Iterator[bytes] | list[bytes]) -> None:
    if target == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with _written(target):
        write_pieces(Path(target), pieces)


@contextmanager
def _written(target: str) -> Iterator[None]:
    """A file that cannot be written is said in a sentence."""
    try:
        yield
    except OSError as e:
        raise GpuMonError(f"{target} cannot be written: {e.strerror or e}.") from e
