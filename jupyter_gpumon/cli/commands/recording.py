"""``gpumon record``, ``replay``, ``convert`` and ``export``: a stream, to be kept and used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ..options import SourceOption

app = typer.Typer()

FromOption = Annotated[
    str, typer.Option("--from", help="From here on: 90, 5m, 1h30m; -10m from the end; 2026-11-28T09:30.")
]
ToOption = Annotated[str, typer.Option("--to", help="Up to here, likewise.")]
DevicesOption = Annotated[str, typer.Option("--devices", "-i", help="Only these GPUs: 0,2 or 0:1 or a UUID.")]
NameOption = Annotated[str, typer.Option("--name", "-n", help="What the samples belong to: the column run.")]
ScrubOption = Annotated[bool, typer.Option("--scrub", help="Leave out what names machines, people or programs.")]
SeedOption = Annotated[str, typer.Option(help="15 or 18: exactly the columns of ECM-Tool, in CSV.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]


@app.command()
def record(
    output: Annotated[
        list[str],
        typer.Option(
            "--output",
            "-o",
            help="Where to: run.jsonl[.gz], run.csv[.gz], run.parquet, csv:FOLDER/, sqlite:///x.db; repeatable.",
        ),
    ],
    source: SourceOption = None,
    duration: Annotated[float | None, typer.Option(help="Seconds to record; until Ctrl-C by default.", min=0)] = None,
    interval: Annotated[
        float | None, typer.Option("--interval", "-t", help="Seconds between samples; 1 by default.", min=0.05, max=60)
    ] = None,
    devices: DevicesOption = "",
    metrics: Annotated[
        str, typer.Option("--metrics", "-m", help="power,utilization,host_cpu; all there are by default.")
    ] = "",
    name: NameOption = "",
    scrub: ScrubOption = False,
    seed_format: SeedOption = "",
    overwrite: OverwriteOption = False,
    append: Annotated[bool, typer.Option("--append", help="Continue a file that is there.")] = False,
) -> None:
    """Write the stream to files or a database; --source replay:FILE plays it again."""
    from ...model import Request
    from ...scrub import Scrubber
    from ...sinks.table import choose
    from ...sinks.urls import shown
    from ...sources.urls import default_source, open_source
    from .. import outputs
    from ..chosen import Metrics, Only, with_columns
    from ..recording import losses, record_stream
    from ..unhurried import Unhurried, is_at_once

    url = source or default_source()
    stream, urls = open_source(url), outputs.seed_format(output, seed_format)
    columns = choose(metrics)
    if metrics:
        urls = [with_columns(url, columns) for url in urls]
    sinks = [outputs.open_new(url, name, overwrite=overwrite, append=append) for url in urls]
    if interval is not None:
        stream.ask(Request(interval=interval))
    told = ", ".join(map(shown, output))
    typer.echo(f"Recording to {told}; Ctrl-C ends it.", err=True)
    changes = [Only(devices).message]
    changes += [Metrics(columns).message] if metrics else []
    changes += [Scrubber().message] if scrub else []
    count = record_stream(stream, [Unhurried(sink) for sink in sinks] if is_at_once(url) else sinks, duration, changes)
    for lost in losses(sinks):
        typer.echo(f"gpumon: {lost}", err=True)
    if not count:
        typer.echo(f"No GPU was seen; {told} holds what was said about it and the host. See: gpumon status", err=True)
        raise typer.Exit(1)
    if losses(sinks):
        typer.echo(f"Of {count} samples not all are in {told}.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{count} samples in {told}." + _hint(output[0]), err=True)


def _hint(url: str) -> str:
    from ...sinks.urls import path_of

    path = path_of(url)
    return f" Play them: gpumon replay {path}" if path else ""


@app.command()
def replay(
    recording: Annotated[str, typer.Argument(help="run.jsonl[.gz], run.csv[.gz] or run.parquet.")],
    speed: Annotated[float, typer.Option(help="How many times faster than life; 0 is all at once.", min=0)] = 1.0,
    begin: FromOption = "",
    end: ToOption = "",
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
    lab: Annotated[bool, typer.Option("--lab", help="Play it in JupyterLab's sidebar.")] = False,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", help="Play it into this instead: otlp:…, sqlite:///x.db; repeatable."),
    ] = None,
) -> None:
    """Play a recording: in the terminal, in JupyterLab, or into whatever takes samples."""
    from ...sinks.urls import shown
    from ..play import in_lab, in_terminal, into, url_of

    url = url_of(recording, speed=speed, begin=begin, end=end, loop=loop)
    if output:
        typer.echo(f"{into(url, output)} samples played into {', '.join(map(shown, output))}.", err=True)
    else:
        raise typer.Exit(in_lab(url) if lab else in_terminal(url))


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A recording, or a database's URL.")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="run.jsonl[.gz], run.csv[.gz], run.parquet, or a database.")
    ],
    begin: FromOption = "",
    end: ToOption = "",
    devices: DevicesOption = "",
    scrub: ScrubOption = False,
    seed_format: SeedOption = "",
    name: NameOption = "",
    overwrite: OverwriteOption = False,
) -> None:
    """Write a recording anew in another format. An interruption leaves no half of a file."""
    from ...sinks.urls import shown
    from ..copy.command import convert as run
    from ..outputs import seed_format as with_seed

    (url,) = with_seed([target], seed_format)
    window = (begin, end)
    with _interruptible():
        count = run(source, url, window=window, devices=devices, scrub=scrub, name=name, overwrite=overwrite)
    typer.echo(f"{count} samples in {shown(target)}.", err=True)


@app.command()
def export(
    source: Annotated[str, typer.Argument(metavar="IN", help="A recording, or a database's URL.")],
    target: Annotated[str, typer.Option("--output", "-o", help="File to write; - is standard output.")] = "-",
    begin: FromOption = "",
    end: ToOption = "",
    step: Annotated[float, typer.Option(help="Seconds per row: means of gauges; 0 is every sample.", min=0)] = 0.0,
    metrics: Annotated[
        str, typer.Option("--metrics", "-m", help="power,utilization,host_cpu; all; the usual ones by default.")
    ] = "",
    format: Annotated[
        str, typer.Option("--format", "-f", help="csv, jsonl, json or parquet; by the file's name, else csv.")
    ] = "",
    summary: Annotated[bool, typer.Option("--summary", help="Energy, mean, extremes and percentiles instead.")] = False,
    devices: DevicesOption = "",
    scrub: ScrubOption = False,
    seed_format: SeedOption = "",
    name: NameOption = "",
    overwrite: OverwriteOption = False,
) -> None:
    """Rows for other programs, of a recording or a database; or their summary."""
    from ..copy.command import export as run

    with _interruptible():
        run(
            source, target, window=(begin, end), step=step, metrics=metrics, kind=format, summary=summary,
            devices=devices, scrub=scrub, seed=seed_format, name=name, overwrite=overwrite,
        )  # fmt: skip


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM are no error of ours, and said in one sentence."""
    from ..recording import terminated_as_interrupted

    try:
        with terminated_as_interrupted():
            yield
    except KeyboardInterrupt:
        typer.echo("Interrupted; no file was begun.", err=True)
        raise typer.Exit(130) from None
