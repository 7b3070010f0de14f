"""``gpumon demo``, ``status``, ``watch``, ``trial`` and ``dmon``: what there is, seen now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import SourceOption

app = typer.Typer()


@app.command()
def demo(
    source: SourceOption = None,
    port: Annotated[int, typer.Option(help="Port on the loopback interface; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    folder: Annotated[
        Path | None, typer.Option(help="Where the notebook is put; a temporary folder by default.")
    ] = None,
) -> None:
    """Open JupyterLab with the GPU panel and the quickstart notebook; simulated GPUs where there is no NVIDIA GPU."""
    from ..demo import run_demo

    raise typer.Exit(run_demo(source, port=port, browser=browser, folder=folder))


@app.command()
def status(
    source: SourceOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON: devices, and all metrics.")] = False,
) -> None:
    """One look at every GPU, and where the samples of this user's Jupyter servers go."""
    from rich.console import Console

    from ...doctor.servers import destinations
    from ...sources.urls import default_source, open_source
    from ...wire import to_json
    from ..overview import first_look, overview

    hello, sample = first_look(open_source(source or default_source()))
    servers = destinations()
    if json:
        typer.echo(to_json({"hello": hello, "sample": sample, "servers": servers}))
    else:
        Console().print(overview(hello, sample, servers))
    if sample is None:
        raise typer.Exit(1)


@app.command()
def watch(source: SourceOption = None) -> None:
    """Every GPU live: meters, the last two minutes, processes by notebook, the host, what happened; q ends it."""
    from rich.console import Console

    from ...sources.urls import open_source
    from ..watch.screen import watch as show
    from ..watch.where import best_source

    raise typer.Exit(show(open_source(source or best_source()), Console()))


@app.command()
def trial(source: SourceOption = None) -> None:
    """Try how well each GPU's sensors measure energy: about six seconds per GPU, best while nothing runs on them."""
    from rich.console import Console

    from ...sources.urls import default_source, open_source
    from ..trial import check, report, tried

    url = source or default_source()
    check(url)
    typer.echo("Trying each GPU in turn; this takes about six seconds per GPU.", err=True)
    hello = tried(open_source(url))
    Console().print(report(hello))
    if not hello.devices:
        raise typer.Exit(1)


@app.command()
def dmon(
    fields: Annotated[
        list[str] | None,
        typer.Option("--field-id", "-e", help="Fields: DCGM's ids or short names, or our metrics; 203,GPUTL,power."),
    ] = None,
    devices: Annotated[
        list[str] | None, typer.Option("--entity-id", "-i", help="GPUs: 0,1 or 0:1 for a MIG instance; -1 is all.")
    ] = None,
    delay: Annotated[
        str, typer.Option("--delay", "-d", help="Between rounds: milliseconds as DCGM, or 2s, 500ms; from 50 ms.")
    ] = "1000",
    count: Annotated[int | None, typer.Option("--count", "-c", help="Rounds; without end by default.", min=1)] = None,
    listed: Annotated[bool, typer.Option("--list", "-l", help="List all fields.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A line of JSON per round.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    why: Annotated[bool, typer.Option("--why", help="Say why a value is N/A.")] = False,
    source: SourceOption = None,
) -> None:
    """Chosen fields of chosen GPUs, line by line, as `dcgmi dmon` prints them; without DCGM."""
    from ...sources.urls import default_source, open_source
    from ..dmon import command, lines
    from ..dmon import fields as known

    if listed:
        typer.echo(command.listing())
        return
    chosen = known.fields(fields or known.DEFAULT)
    way = lines.Json(chosen) if json else lines.Csv(chosen) if csv else lines.Table(chosen, explain=why)
    every, stream = command.seconds(delay), open_source(source or default_source())
    raise typer.Exit(command.follow(stream, chosen, way, which=devices or (), every=every, count=count))
