"""``gpumon runs``, ``compare`` and ``bench``: experiments that were kept, what differs, and one that we bring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
runs = typer.Typer(invoke_without_command=True, help="List the runs that were kept; export, show or remove them.")
app.add_typer(runs, name="runs")

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="GPUMON_RUNS",
        show_envvar=True,
        help="Where runs are kept: an SQL URL. A file in Jupyter's data folder by default.",
    ),
]
Keys = Annotated[list[str] | None, typer.Argument(help="Ids, beginnings of them, or names; all runs by default.")]


@runs.callback()
def runs_listed(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Only runs of this name.")] = "",
    branch: Annotated[str, typer.Option(help="Only runs of this git branch.")] = "",
    gpu: Annotated[str, typer.Option(help="Only runs on this model of GPU.")] = "",
    last: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 50,
    store: StoreOption = None,
) -> None:
    """List the runs that were kept, the newest first."""
    from ..experiments import listing

    if context.invoked_subcommand is None:
        typer.echo(listing(store, name=name, branch=branch, gpu=gpu, limit=last))


@runs.command()
def show(
    key: Annotated[str, typer.Argument(help="An id, the beginning of one, or a name (its newest run).")],
    json: Annotated[bool, typer.Option("--json", help="The whole record as JSON.")] = False,
    store: StoreOption = None,
) -> None:
    """Show a run: what it cost, its metrics, where it is from."""
    from ..experiments import shown

    typer.echo(shown(store, key, json=json))


@runs.command()
def export(
    keys: Keys = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")] = Path("benchmark_results"),
    format: Annotated[str, typer.Option("--format", help="csv (four tables), parquet (the same), or json.")] = "csv",
    store: StoreOption = None,
) -> None:
    """Export runs: benchmarks, device measurements, model measurements and their summary."""
    from ..experiments import exported

    for path in exported(store, keys or [], output, format):
        typer.echo(path)


@runs.command()
def remove(
    keys: Annotated[list[str], typer.Argument(help="Ids, beginnings of them, or names (all runs of one).")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: StoreOption = None,
) -> None:
    """Forget runs."""
    from ..experiments import chosen

    kept, found = chosen(store, keys)
    if not yes:
        typer.confirm(f"Remove {len(found)} run{'' if len(found) == 1 else 's'} from {kept.url}?", abort=True)
    kept.remove(run.id for run in found)
    typer.echo(f"{len(found)} removed.")


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A name (all its runs that ended well), or an id.")],
    second: Annotated[str, typer.Argument(help="What is compared with it: a name, or an id.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Page with charts to write: x.html, or x.png.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Compare two runs, or all runs of two names: what differs, and whether that may be chance."""
    from ..experiments import compared

    typer.echo(compared(store, first, second, output))


@app.command()
def bench(
    size: Annotated[int, typer.Option(help="Rows of the matrices.", min=1)] = 4096,
    copied: Annotated[int, typer.Option("--mib", help="MiB that are copied.", min=1)] = 256,
    repeats: Annotated[int, typer.Option(help="Repetitions that count.", min=1)] = 20,
    warmup: Annotated[int, typer.Option(help="Repetitions before them that do not.", min=0)] = 3,
    library: Annotated[str, typer.Option(help="What computes on the GPU: torch, cupy, or auto.")] = "auto",
    device: Annotated[int, typer.Option(help="Number of the GPU, as CUDA counts.", min=0)] = 0,
    name: Annotated[str, typer.Option(help="Name of the run that is kept.")] = "bench",
    force: Annotated[bool, typer.Option("--force", help="Also on a GPU that is busy.")] = False,
    store: StoreOption = None,
) -> None:
    """Measure a matrix product and a copy in memory, on the GPU against the CPU; the result is a run."""
    import os

    from ...bench.machine import Plan, run
    from ...runs.words import plain

    if store:
        os.environ["GPUMON_RUNS"] = store
    plan = Plan(size, copied * 2**20, repeats, warmup, library, device, force, name)
    typer.echo(plain(run(plan, say=lambda words: typer.echo(words, err=True))))
