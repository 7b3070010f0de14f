"""``gpumon run`` and ``plot``: a task that is measured, and what its samples look like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import SourceOption

app = typer.Typer()

PASS_THROUGH = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""What follows the program's name is the program's."""


@app.command(context_settings=PASS_THROUGH)
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG]…", help="The task. No shell is started.")],
    name: Annotated[str, typer.Option("--name", "-n", help="What the run is called; the program by default.")] = "",
    interval: Annotated[
        float, typer.Option("--interval", "-t", help="Seconds between samples.", min=0.05, max=60.0)
    ] = 1.0,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", help="Where the samples go: run.jsonl.gz, sqlite:///x.db, csv:…; repeatable."),
    ] = None,
    source: SourceOption = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary to this file as JSON.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it as a run, for gpumon runs, compare and plot.")] = False,
    store: Annotated[str | None, typer.Option(envvar="GPUMON_RUNS", help="Where runs are kept: an SQL URL.")] = None,
    each: Annotated[
        bool,
        typer.Option("--each", help="Run every script and notebook of files and folders; arguments after --."),
    ] = False,
) -> None:
    """Run a task and say what it cost; its exit code, signals and terminal are passed through."""
    from ...sources.urls import default_source
    from ..run.command import Asked, run_task

    asked = Asked(
        source=source or default_source(),
        interval=interval,
        name=name,
        sinks=output or (),
        overwrite=overwrite,
        json_file=json_file,
        quiet=quiet,
        keep=keep,
        store=store,
    )
    if each:
        from ..each.command import run_each

        raise typer.Exit(run_each(command, asked))
    raise typer.Exit(run_task(command, asked))


@app.command()
def plot(
    key: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL|RUN",
            help="A recording in a file, a database (sqlite:///x.db), or a run that was kept.",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="x.html (Plotly), x.png (taken by Chromium), or terminal.")
    ] = "terminal",
    metrics: Annotated[list[str] | None, typer.Option("--metrics", "-m", help="Only these: power,clock_sm.")] = None,
    devices: Annotated[list[str] | None, typer.Option("--devices", "-i", help="Only these: 0,2 or gpu0:1.")] = None,
    run: Annotated[str, typer.Option(help="Of a database: only the samples of this run.")] = "",
    plotly: Annotated[
        str, typer.Option(help="inline: the page needs no network; cdn: it has a link, and is small.")
    ] = "inline",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    store: Annotated[str | None, typer.Option(envvar="GPUMON_RUNS", help="Where runs are kept: an SQL URL.")] = None,
) -> None:
    """Draw a recording or a run: small multiples by unit, a colour per GPU."""
    from ..plot.command import plot as draw

    said = draw(
        key,
        output,
        run=run,
        store=store,
        metrics=metrics or (),
        devices=devices or (),
        how=plotly,
        overwrite=overwrite,
    )
    if said:
        typer.echo(said)
