"""``gpumon serve``: a Prometheus exporter for a node that has no Jupyter server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import SourceOption

app = typer.Typer()


@app.command()
def serve(
    port: Annotated[
        int, typer.Option(envvar="GPUMON_EXPORTER_PORT", help="Port to listen on.", min=1, max=65535)
    ] = 9401,
    bind: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is every one of this machine.")
    ] = "127.0.0.1",
    source: SourceOption = None,
    interval: Annotated[
        float,
        typer.Option(envvar="GPUMON_INTERVAL", help="Seconds between samples while it is scraped.", min=0.1, max=60),
    ] = 1.0,
    names: Annotated[
        str,
        typer.Option(help="Metric names: native (gpumon_…), dcgm (those of dcgm-exporter), seed (older exporters)."),
    ] = "native",
    collectors: Annotated[
        Path | None,
        typer.Option(help="DCGM's fields to export, in a file as dcgm-exporter reads it; with --names dcgm."),
    ] = None,
    runs: Annotated[
        bool,
        typer.Option("--runs", help="Also tell runs kept here ($GPUMON_RUNS): the last of each name of a day."),
    ] = False,
    certfile: Annotated[Path | None, typer.Option(help="Certificate, for TLS.")] = None,
    keyfile: Annotated[Path | None, typer.Option(help="The certificate's private key.")] = None,
    web_config: Annotated[
        Path | None, typer.Option(help="TLS and passwords, as Prometheus's own exporters read them (web.config.file).")
    ] = None,
) -> None:
    """Serve metrics for Prometheus: /metrics, and /health. A node with a Jupyter server has them there already."""
    from ...exposition.page import named
    from ...sources.urls import default_source, open_source
    from ..exporter.running import Wish, serve

    wish = Wish(
        port=port,
        bind=bind,
        interval=interval,
        names=named(names),
        collectors=collectors,
        runs=runs,
        certfile=certfile,
        keyfile=keyfile,
        web_config=web_config,
    )
    serve(open_source(source or default_source()), wish, lambda said: typer.echo(said, err=True))
