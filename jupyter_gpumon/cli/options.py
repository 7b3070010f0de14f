"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        envvar="GPUMON_SOURCE",
        help="Where samples come from: agent (this machine's driver), sim:gpus=8&script=training, "
        "replay:run.jsonl?speed=10, ws://host:8888/gpumon/api/stream?token=….",
    ),
]
