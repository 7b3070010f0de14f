"""``gpumon`` (also ``jupyter gpumon``): the demo, a look at the GPUs, and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..errors import GpuMonError, SourceError

app = typer.Typer(
    name="gpumon",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="GPU monitoring for Jupyter.",
)

SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        envvar="GPUMON_SOURCE",
        help="Where samples come from: agent (this machine's driver), sim:gpus=8&script=training, "
        "replay:run.jsonl?speed=10, ws://host:8888/gpumon/api/stream?token=….",
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jupyter-gpumon {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which one.")
    ] = False,
) -> None:
    """GPU monitoring for Jupyter: a live sidebar, a %gpumon widget, and what each cell cost in joules."""


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
    from .demo import run_demo

    raise typer.Exit(run_demo(source, port=port, browser=browser, folder=folder))


@app.command()
def status(source: SourceOption = None) -> None:
    """One look at every GPU."""
    from rich.console import Console

    from ..sources.urls import default_source, open_source
    from .overview import first_look, overview

    hello, sample = first_look(open_source(source or default_source()))
    Console().print(overview(hello, sample))
    if sample is None:
        raise typer.Exit(1)


@app.command()
def record(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: run.jsonl, or run.jsonl.gz.")],
    source: SourceOption = None,
    duration: Annotated[float | None, typer.Option(help="Seconds to record; until Ctrl-C by default.", min=0)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Write the stream to a file, to be played again with --source replay:FILE."""
    from ..sinks.lines import open_sink
    from ..sources.urls import default_source, open_source
    from .recording import record_stream

    if output.exists() and not overwrite:
        raise SourceError(f"{output} is there already. Name another file, or add --overwrite.")
    stream, sink = open_source(source or default_source()), open_sink(str(output))
    typer.echo(f"Recording to {output}; Ctrl-C ends it.", err=True)
    count = record_stream(stream, sink, duration)
    if not count:
        typer.echo(f"No GPU was seen; {output} holds what was said about it and the host. See: gpumon status", err=True)
        raise typer.Exit(1)
    typer.echo(f"{count} samples in {output}. Play them: gpumon demo --source replay:{output}", err=True)


def main() -> None:
    """Entry point; an error of ours is one sentence, not a traceback."""
    try:
        app()
    except GpuMonError as e:
        hint = getattr(e, "hint", "")
        typer.echo(f"gpumon: {e}" + (f"\n{hint}" if hint else ""), err=True)
        raise SystemExit(2) from e
