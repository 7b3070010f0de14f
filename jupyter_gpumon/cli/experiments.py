"""What ``gpumon runs`` and ``gpumon compare`` say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..experiments import Run
from ..report.tables import as_text
from ..runs import compared as page
from ..runs import words
from ..runs.compare import compare, group
from ..runs.exports import export, to_json
from ..runs.store import RunStore, shared

MOST = 10_000
"""Runs that are exported at once."""


def listing(store: str | None, *, name: str, branch: str, gpu: str, limit: int) -> str:
    """The list of runs."""
    kept = shared(store)
    lines = kept.lines(name=name, branch=branch, gpu=gpu, limit=limit)
    if not lines:
        which = "No run of that kind" if name or branch or gpu else "No run"
        return f'{which} is kept in {kept.url} yet. Make one, in a notebook or a script: with gm.run("name"): …'
    return as_text(*words.listed(lines), words=5)


def shown(store: str | None, key: str, *, json: bool) -> str:
    """One run."""
    run = shared(store).find(key)[0]
    return to_json(run) if json else words.plain(run)


def chosen(store: str | None, keys: Sequence[str]) -> tuple[RunStore, list[Run]]:
    """The store, and the runs that the keys name, each once; all of them where there are no keys."""
    kept = shared(store)
    keys = keys or [line.id for line in kept.lines(limit=MOST)]
    return kept, list({run.id: run for key in keys for run in kept.find(key)}.values())


def exported(store: str | None, keys: Sequence[str], folder: Path, kind: str) -> list[Path]:
    """The files that were written."""
    return export(chosen(store, keys)[1], folder, kind)


def compared(store: str | None, first: str, second: str, output: Path | None) -> str:
    """The comparison as text; with ``output`` it is written as a page too."""
    kept = shared(store)
    one, other = group(kept, first), group(kept, second)
    found = compare(one, other)
    text = page.plain(found)
    if output is not None:
        page.write(page.page(found, one, other), output)
        text += f"\n\nWritten to {output}."
    return text
