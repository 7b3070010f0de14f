"""``gpumon health``, ``links`` and ``mig``: how each GPU stands, is linked and is split."""

from __future__ import annotations

from typing import Annotated

import typer

from ..options import SourceOption

app = typer.Typer()

GpuOption = Annotated[list[str] | None, typer.Option("--gpu", "-g", help="GPUs: 0 or a UUID; all by default.")]


@app.command()
def health(
    gpu: GpuOption = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Look by itself for so long, instead of asking a Jupyter server; rates need 60.", min=0.5),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    source: SourceOption = None,
) -> None:
    """How each GPU stands: PASS, WARN or FAIL per watch, with what to do.

    Asks the Jupyter server of this user that runs here, which has followed the GPUs; else it looks for three seconds.
    The exit code is 0 where all is well, 1 with warnings, 2 where a GPU has failed, 3 where nothing can be said.
    """
    from ..health import health as show

    raise typer.Exit(show(source, seconds, gpu or (), as_json=json))


JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def links(
    topo: Annotated[bool, typer.Option("--topo", help="Only which link each pair of GPUs shares.")] = False,
    json: JsonOption = False,
    source: SourceOption = None,
) -> None:
    """PCIe and NVLinks of each GPU: state, what they can do and do now, errors; and which link each pair shares."""
    from ..links import links as show

    raise typer.Exit(show(source, topo=topo, as_json=json))


@app.command()
def mig(json: JsonOption = False, source: SourceOption = None) -> None:
    """How boards are split: GPU instances, compute instances, memory, and who is on each."""
    from ..links import mig as show

    raise typer.Exit(show(source, as_json=json))
