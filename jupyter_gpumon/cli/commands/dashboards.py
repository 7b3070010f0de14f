"""``gpumon dashboards``, ``up`` and ``down``: Prometheus and Grafana, on what is here."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ...dashboards.files import EXPORTER, PROMETHEUS
from ..options import SourceOption

app = typer.Typer()


@app.command()
def dashboards(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to; made where it is not there.")],
    target: Annotated[
        list[str] | None, typer.Option(help=f"host:port of a gpumon serve; may be repeated. Default: {EXPORTER}.")
    ] = None,
    jupyter: Annotated[
        list[str] | None, typer.Option(help="Address of a Jupyter server to scrape too; may be repeated.")
    ] = None,
    prometheus: Annotated[str, typer.Option(help="Address at which Grafana finds Prometheus.")] = PROMETHEUS,
    interval: Annotated[str, typer.Option(help="Time between two scrapes, in Prometheus's words.")] = "10s",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there and differ.")] = False,
) -> None:
    """Write Grafana dashboards, Prometheus alert rules and scrape jobs, and what Grafana needs to find them."""
    from ...dashboards.files import write

    servers = jupyter or ()
    targets = target or (() if servers else (EXPORTER,))
    paths = write(
        output, targets=targets, servers=servers, prometheus=prometheus, interval=interval, overwrite=overwrite
    )
    for path in paths:
        typer.echo(path)


class What(str, Enum):
    """What to start or to stop."""

    all = "all"
    exporter = "exporter"
    prometheus = "prometheus"
    grafana = "grafana"


WhatArgument = Annotated[What, typer.Argument(help="all, exporter, prometheus or grafana.")]
FolderOption = Annotated[
    Path | None, typer.Option(help="Where configuration, data and logs are kept; in Jupyter's data folder by default.")
]


@app.command()
def up(
    what: WhatArgument = What.all,
    source: SourceOption = None,
    exporter_port: Annotated[int, typer.Option(help="Port of the exporter.", min=1, max=65535)] = 9401,
    prometheus_port: Annotated[int, typer.Option(help="Port of Prometheus.", min=1, max=65535)] = 9090,
    grafana_port: Annotated[int, typer.Option(help="Port of Grafana.", min=1, max=65535)] = 3000,
    folder: FolderOption = None,
) -> None:
    """Start exporter, Prometheus and Grafana on the loopback interface, as far as they are installed."""
    from ..stack.programs import Wish
    from ..stack.running import up as start

    ports = {"exporter": exporter_port, "prometheus": prometheus_port, "grafana": grafana_port}
    wish = Wish(folder=_place(folder), ports=ports, source=source)
    if not start(_names(what), wish, typer.echo) and what is not What.all:
        raise typer.Exit(1)


@app.command()
def down(what: WhatArgument = What.all, folder: FolderOption = None) -> None:
    """Stop what gpumon up started, and nothing else."""
    from ..stack.running import down as stop

    stop(_names(what), _place(folder), typer.echo)


def _names(what: What) -> list[str]:
    return [one.value for one in What if one is not What.all] if what is What.all else [what.value]


def _place(folder: Path | None) -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return (folder or Path(jupyter_data_dir()) / "gpumon" / "up").resolve()
