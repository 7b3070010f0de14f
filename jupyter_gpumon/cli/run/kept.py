"""A task kept as a run, beside those of notebooks: to be listed, compared and drawn."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from ...experiments import Logged, Run
from ...runs.ending import derived, status_of, trouble_of
from ...runs.origin import origin
from ...runs.store import shared
from .measured import Outcome


def keep(
    outcome: Outcome,
    store: str | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    metrics: Mapping[str, Logged] | None = None,
) -> Run:
    """Keep it; with the script it ran, the commit of the folder it ran in, its exit code, and what it said of itself.

    Raises:
        RunError: the store does not take it.
    """
    run = made(outcome, tags or {}, metrics or {})
    shared(store).save(run)
    return run


def made(outcome: Outcome, tags: Mapping[str, str], metrics: Mapping[str, Logged]) -> Run:
    """The record."""
    cell, hello, code = outcome.cell, outcome.hello, outcome.ending.code
    ended = "error" if code else "ok"
    script = next((Path(word).name for word in outcome.command if word.endswith((".py", ".sh", ".ipynb"))), None)
    return Run(
        id=str(uuid.uuid4()),
        name=outcome.name,
        start=cell.start,
        end=cell.end,
        status=status_of(hello, outcome.usage, ended, cell),
        outcome=ended,
        simulated=hello.simulated,
        tags={**tags, "exit_code": str(code)},
        origin=origin(hello, Path.cwd(), script or Path(outcome.command[0]).name),
        metrics={**metrics, **derived(cell, metrics)},
        usage=outcome.usage.columns({device.uuid: device.label for device in hello.devices}),
        cell=cell,
        notes=trouble_of(hello),
    )
