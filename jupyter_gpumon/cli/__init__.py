"""``gpumon`` (also ``jupyter gpumon``): the demo, a look at the GPUs, a trial of their sensors, and recordings."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from ..errors import GpuMonError
from .commands import GROUPS

app = typer.Typer(
    name="gpumon",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="GPU monitoring for Jupyter.",
)


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


for _group in GROUPS:
    app.add_typer(_group)


def main() -> None:
    """Entry point; an error of ours is one sentence, not a traceback."""
    try:
        app()
    except GpuMonError as e:
        hint = getattr(e, "hint", "")
        typer.echo(f"gpumon: {e}" + (f"\n{hint}" if hint else ""), err=True)
        raise SystemExit(2) from e
