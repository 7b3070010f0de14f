"""``gpumon doctor``: what is wrong, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import SourceOption

app = typer.Typer()


@app.command()
def doctor(
    source: SourceOption = None,
    exporter: Annotated[
        str | None,
        typer.Option(help="Where gpumon serve answers, or is to; by default this machine's port 9401."),
    ] = None,
    provisioning: Annotated[
        Path | None, typer.Option(help="Grafana's folder of provisioning files; by default where it looks itself.")
    ] = None,
    config: Annotated[
        bool, typer.Option("--config", help="Show the settings in force, and where each is from, instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look at driver, rights, Jupyter, store, exporter and data sources; say of each what to do.

    The exit code is 0 where all is well, 1 with warnings, 2 with faults. Nothing is changed, and no password shown.
    """
    from ..examination import examination, settings

    raise typer.Exit(settings(as_json) if config else examination(source, exporter, provisioning, as_json))
