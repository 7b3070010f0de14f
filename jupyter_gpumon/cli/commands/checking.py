"""``gpumon check``: are the GPUs fit for work?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import SourceOption
from ..strict import Strict

app = typer.Typer()


@app.command(cls=Strict)
def check(
    gpu: Annotated[list[str] | None, typer.Option("--gpu", "-g", help="GPUs: 0, gpu1, a UUID; all by default.")] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", "-s", help="How long to look; what is a rate needs 60.", min=0.5, max=3600)
    ] = 3.0,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="TOML file of your rules, beside the shipped ones: [[rule]] tables.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    source: SourceOption = None,
) -> None:
    """Look for a few seconds, or at a recording, and judge by the rules of alerts and health.

    The exit code is 0 where nothing is the matter, 1 with warnings, 2 where something is critical, 3 where nothing can
    be said: no driver, no GPU, a wrong option. A prolog of Slurm or JupyterHub can go by it.
    """
    from ..check import check as look

    raise typer.Exit(look(source, gpu or (), seconds, rules, as_json=as_json))
