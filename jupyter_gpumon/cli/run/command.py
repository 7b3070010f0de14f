"""``gpumon run``, from its words to the task's exit code."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ...errors import GpuMonError
from ...experiments import Logged
from ..outputs import open_new
from .measured import Outcome, measure
from .summary import as_json, lines
from .task import NOT_EXECUTABLE, NOT_FOUND, Held, TaskError

LEAST, MOST = 0.05, 60.0
"""Seconds between samples."""


@dataclass(frozen=True)
class Asked:
    """How tasks are to be run, and what is to be done with what was measured."""

    source: str
    interval: float = 1.0
    name: str = ""
    sinks: Sequence[str] = ()
    overwrite: bool = False
    json_file: Path | None = None
    quiet: bool = False
    keep: bool = False
    store: str | None = None


def run_task(command: Sequence[str], asked: Asked) -> int:
    """Run it, say what it cost; the exit code is the task's.

    Raises:
        GpuMonError: a sink or the source cannot be opened. The task was not started then.
    """
    try:
        outcome = measured(asked.name or Path(command[0]).name, command, asked)
    except TaskError as e:
        sys.stderr.write(f"gpumon: {e}\n")
        return e.code
    _tell(outcome, asked.json_file, quiet=asked.quiet)
    if asked.keep:
        keep(outcome, asked.store)
    return outcome.ending.code


def measured(name: str, command: Sequence[str], asked: Asked) -> Outcome:
    """Run a task into its sinks.

    Raises:
        GpuMonError: it, a sink or the source cannot be opened; nothing was started then.
    """
    _find(command[0])
    with Held() as held, ExitStack() as stack:
        opened = [open_new(url, name, overwrite=asked.overwrite) for url in asked.sinks]
        for sink in opened:
            stack.callback(sink.close)
        return measure(name, command, asked.source, asked.interval, opened, held)


def keep(
    outcome: Outcome,
    store: str | None,
    *,
    tags: Mapping[str, str] | None = None,
    metrics: Mapping[str, Logged] | None = None,
) -> None:
    """Keep it as a run, and say so; what goes wrong is said, since the task has ended.

    Args:
        outcome: of the task.
        store: URL of where runs are kept; None is the default.
        tags: what the task has said of itself.
        metrics: what it has logged.
    """
    from . import kept

    try:
        run = kept.keep(outcome, store, tags=tags, metrics=metrics)
    except GpuMonError as e:  # The task has ended, and its exit code is what the caller waits for.
        sys.stderr.write(f"gpumon: the run is not kept: {e}\n")
    else:
        sys.stderr.write(f"kept    │ as {run.name} ({run.id[:8]}). See: gpumon runs, gpumon plot {run.id[:8]}\n")


def _find(program: str) -> None:
    """Before a file is made for it: whether there is such a program."""
    if shutil.which(program) is None:
        if os.path.dirname(program) and os.path.exists(program):  # noqa: PTH110,PTH120 - as execvp looks
            raise TaskError(f"{program!r} is not a program: it may not be executed.", NOT_EXECUTABLE)
        raise TaskError(f"There is no program {program!r} here. Look at its spelling and at PATH.", NOT_FOUND)


def _tell(outcome: Outcome, json_file: Path | None, *, quiet: bool) -> None:
    """Whatever goes wrong here is said: it must not look like a failure of the task."""
    try:
        if json_file is not None:
            json_file.write_bytes(as_json(outcome))
        if not quiet:
            sys.stderr.write("\n".join(lines(outcome)) + "\n")
    except Exception:  # The task has ended, and its exit code is what the caller waits for.
        traceback.print_exc()
