"""``gpumon report``: a recording, a notebook or a run, told to people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .experiments import StoreOption

app = typer.Typer()

KEPT = (
    "--region, --price and --pue are for recordings; records of cells keep what they were measured with. "
    "For new ones, in the notebook: %gpumon footprint --region DE"
)


@app.command()
def report(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A recording (.jsonl, .csv, .parquet), a notebook (.ipynb), or a run.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A page (.html), or printed by Chromium (.pdf).")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading; the file's name by default.")] = "",
    plotly: Annotated[
        str, typer.Option(help="none: charts of the page's own; inline: with Plotly's bundle, 2 MB; cdn: with a link.")
    ] = "none",
    region: Annotated[str, typer.Option(envvar="GPUMON_REGION", help="Where the electricity is from: DE, WORLD.")] = "",
    price: Annotated[str, typer.Option(envvar="GPUMON_PRICE", help="What a kWh costs: '0.31 EUR'.")] = "",
    pue: Annotated[float, typer.Option(envvar="GPUMON_PUE", help="Energy of the building over its computers'.")] = 1.0,
    identify: Annotated[bool, typer.Option("--identify", help="Name host, GPUs' UUIDs, repository, notebook.")] = False,
    store: StoreOption = None,
) -> None:
    """Make one page of it: charts, findings, energy, environment and method, readable without a network."""
    from ...carbon import setting
    from ...errors import RatesError
    from ...report.chosen import of_cells
    from ..reporting import make

    rates = setting.rates(region, price, pue) if region or price else None
    if rates is not None and rates.problem:
        raise RatesError(rates.problem)
    path = output or Path(f"{Path(source).name.removesuffix('.gz').rsplit('.', 1)[0]}-report.html")
    typer.echo(make(source, path, plotly, title=title, rates=rates, identify=identify, store=store))
    given = [context.get_parameter_source(name) for name in ("region", "price", "pue")]
    if of_cells(source) and any(where and where.name == "COMMANDLINE" for where in given):
        typer.echo(f"gpumon: {KEPT}", err=True)
