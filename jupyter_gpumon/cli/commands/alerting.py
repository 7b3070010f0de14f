"""``gpumon notify``, alerts sent on without a Jupyter server, and ``gpumon policy``, what a server does about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import SourceOption

app = typer.Typer()


@app.command()
def notify(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="apprise:URL, alertmanager:http://host:9093, webhook:https://host/path, log:, desktop:; env:NAME is "
            "one from the environment, $NAME a part of it. ?level=critical sends those alone.",
        ),
    ],
    source: SourceOption = None,
    rules: Annotated[
        Path | None, typer.Option(help="TOML file of rules of your own, and changes of those that are shipped.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option("--interval", "-t", help="Seconds between samples; 1 by default.", min=0.05, max=60)
    ] = None,
    rate: Annotated[int, typer.Option(help="Messages a minute to one target, at most.", min=1)] = 20,
    keep: Annotated[
        Path | None, typer.Option(help="Folder in which alerts wait for a receiver that is away, also over a restart.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Send each target a message that says so, and end.")] = False,
) -> None:
    """Judge a stream by rules, and send its alerts on, until Ctrl-C; exit code 1 where something did not arrive."""
    from .. import notifying

    def say(said: str) -> None:
        typer.echo(said, err=True)

    opened = notifying.opened(targets, rate, None if test else keep)
    if test:
        raise typer.Exit(0 if notifying.tried(opened, say) else 1)
    stream = notifying.stream(source, interval)
    lost = notifying.watch(stream, notifying.judged_by(rules), opened, say)
    for each in lost:
        say(f"gpumon: {each}")
    raise typer.Exit(1 if lost else 0)


@app.command()
def rules(
    file: Annotated[
        Path | None,
        typer.Option("--rules", help="TOML file of rules of your own, and changes of those that are shipped."),
    ] = None,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Print alert rules for Prometheus instead, yours translated.")
    ] = False,
) -> None:
    """List the rules that judge; or print the alert rules for Prometheus, as a rule file."""
    from .. import rules as shown

    if not prometheus:
        shown.listed(file)
        return
    text, problems = shown.prometheus(file)
    typer.echo(text, nl=False)
    for problem in problems:
        typer.echo(f"gpumon: {problem}", err=True)
    raise typer.Exit(1 if problems else 0)


policies = typer.Typer(
    no_args_is_help=True, help="What this user's Jupyter servers do by themselves when a rule fires."
)
app.add_typer(policies, name="policy")


@policies.command("list")
def list_policies() -> None:
    """Those of Jupyter's configuration, a line each; of what cannot be used, why."""
    from .. import policies as asked

    found, problems, _ = asked.configured()
    for line in asked.listed(found) or ["None: c.GpuMon.policies is empty."]:
        typer.echo(line)
    for problem in problems:
        typer.echo(f"gpumon: {problem}", err=True)


@policies.command()
def check() -> None:
    """Whether all can be used, and wait for rules that there are; exit code 1 where not."""
    from .. import policies as asked

    found, problems, settings = asked.configured()
    problems += asked.unknown(found, settings)
    for problem in problems:
        typer.echo(f"gpumon: {problem}", err=True)
    typer.echo(f"{len(found)} policies can be used.")
    raise typer.Exit(1 if problems else 0)


@policies.command("dry-run")
def dry_run(recording: Annotated[str, typer.Argument(help="run.jsonl[.gz], run.csv[.gz] or run.parquet.")]) -> None:
    """What they would have done over a recording, and when; nothing is touched."""
    from .. import policies as asked

    found, problems, settings = asked.configured()
    for problem in problems:
        typer.echo(f"gpumon: {problem}", err=True)
    count = asked.rehearse(recording, found, settings, typer.echo)
    typer.echo(f"{count} actions by {len(found)} policies.")
