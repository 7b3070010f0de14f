"""``gpumon run --each``, from its words to the exit code: 0 where all went well, else 1."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ...errors import GpuMonError, RunError, SourceError
from ...experiments import Logged, Origin
from ...runs.log import Log
from ...runs.origin import of_git
from ...sinks.urls import path_of, shown
from ..run.command import Asked, keep, measured
from ..run.summary import lines
from .files import command, found, names
from .told import Done, tell

_STOPPED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
"""Whoever ends one task so wants no further one."""


def run_each(words: Sequence[str], asked: Asked) -> int:
    """Run all scripts and notebooks, one after another, and say how each went.

    Args:
        words: files and folders; after ``--``, the arguments of every script.
        asked: as for one task; ``name`` stands before each name.

    Raises:
        GpuMonError: there is nothing to run, or a sink takes only one of them. Nothing was started then.
    """
    files, arguments = _split(words)
    _check(asked.sinks)
    titled = [f"{asked.name}/{name}" if asked.name else name for name in names(files)]
    finished: list[Done] = []
    for number, (path, name) in enumerate(zip(files, titled, strict=True), 1):
        sys.stderr.write(f"gpumon  │ {number} of {len(files)}: {path}\n")
        finished.append(_done(path, name, arguments, asked))
        outcome = finished[-1].outcome
        if outcome is not None and outcome.ending.signal in _STOPPED:
            break
    tell(finished, len(files), asked.json_file, quiet=asked.quiet)
    return 0 if len(finished) == len(files) and all(each.well for each in finished) else 1


def _split(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    at = words.index("--") if "--" in words else len(words)
    return found(words[:at]), list(words[at + 1 :])


def _check(sinks: Sequence[str]) -> None:
    """A file is one task's: the next would replace it, or be refused."""
    single = next((url for url in sinks if path_of(url) is not None), None)
    if single is not None:
        raise SourceError(
            f"{shown(single)} is a file of one task. With --each name what takes many: csv:folder/, sqlite:///x.db."
        )


def _done(path: Path, name: str, arguments: Sequence[str], asked: Asked) -> Done:
    """Run one. Whatever goes wrong is told, and the next one's turn comes."""
    with tempfile.TemporaryDirectory(prefix="gpumon-") as folder:
        measurements = Path(folder) / "measurements.json"
        try:
            outcome = measured(name, command(path, arguments, _origin(path), measurements), asked)
        except GpuMonError as e:
            sys.stderr.write(f"gpumon: {e}\n")
            return Done(name, problem=str(e))
        said = _said(measurements)
    outcome = replace(outcome, command=(str(path), *arguments))
    done = Done(name, outcome, said.tags, said.logged(outcome.cell.start))
    if not asked.quiet:
        sys.stderr.write("\n".join(lines(outcome)) + "\n")
    if asked.keep:
        keep(outcome, asked.store, tags=done.tags, metrics=done.metrics)
    return done


def _origin(path: Path) -> Origin:
    return of_git(path.resolve().parent)


class _Said(msgspec.Struct):
    """What a benchmark has told of itself."""

    tags: dict[str, str] = {}
    metrics: dict[str, list[tuple[float, float]]] = {}

    def logged(self, start: float) -> dict[str, Logged]:
        """As a run's metrics; times count from ``start``. One that cannot be kept is said, and left out."""
        log = Log()
        for name, values in self.metrics.items():
            try:
                metric = log.metric(name)
            except RunError as e:
                sys.stderr.write(f"gpumon: the metric {name[:40]!r} is left out. {e}\n")
                continue
            for pair in values:
                metric.append(pair)
        return log.logged(start)


def _said(path: Path) -> _Said:
    """Nothing of a plain script, or of one that was killed, also while it wrote this."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Said) if path.exists() else _Said()
    except msgspec.MsgspecError:
        return _Said()
