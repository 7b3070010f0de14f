"""``gpumon advise``: what could be done better in a recording, a notebook, a run, or what a source shows now."""

from __future__ import annotations

from typing import Annotated

import typer

from ..options import SourceOption
from .experiments import StoreOption

app = typer.Typer()


@app.command()
def advise(
    what: Annotated[
        str | None,
        typer.Argument(help="A recording (.jsonl, .csv, .parquet), a database, a notebook (.ipynb), or a run."),
    ] = None,
    source: SourceOption = None,
    length: Annotated[str, typer.Option("--for", help="How long a source is watched: 60s, 5m.")] = "60s",
    window: Annotated[str | None, typer.Option(help="Of a recording, only its last 90s, 10m, 1h.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON, with evidence and code.")] = False,
    store: StoreOption = None,
) -> None:
    """What could be done better, with numbers, how sure that is, and steps; nothing where nobody is at work."""
    from ...wire import to_json
    from ..advising import found, watched, words

    stretch, findings = watched(source, length) if what is None else found(what, window, store)
    if json:
        typer.echo(to_json({"findings": findings, "since": stretch.start, "until": stretch.end}))
    else:
        typer.echo(words(stretch, findings))
