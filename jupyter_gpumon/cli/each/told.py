"""How many tasks went, for people and for programs: each in a line, and the counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ...experiments import Logged
from ...report.tables import as_text
from ...report.words import cost
from ...units import duration
from ..run.measured import Outcome
from ..run.summary import as_json


@dataclass(frozen=True)
class Done:
    """One of them, and how it went."""

    name: str
    outcome: Outcome | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Logged] = field(default_factory=dict)
    problem: str = ""
    """Why it was not started."""

    @property
    def well(self) -> bool:
        """Whether it was run and ended with 0."""
        return self.outcome is not None and self.outcome.ending.code == 0


def tell(finished: Sequence[Done], number: int, json_file: Path | None, *, quiet: bool) -> None:
    """Say it on standard error, and write it into a file.

    Args:
        finished: those that had their turn.
        number: of all.
        json_file: takes all of it.
        quiet: only the counts.
    """
    if json_file is not None:
        try:
            json_file.write_bytes(_json(finished, number))
        except OSError as e:  # The tasks have ended, and the exit code is what the caller waits for.
            sys.stderr.write(f"gpumon: {json_file} cannot be written: {e.strerror or e}.\n")
    if not quiet:
        text = as_text(("", "ended", "took", "energy"), list(_rows(finished)))
        sys.stderr.write(
            "".join(f"{'each' if not at else '':7} │ {line}\n" for at, line in enumerate(text.splitlines()))
        )
    sys.stderr.write(f"gpumon  │ {_counts(finished, number)}\n")


def _counts(finished: Sequence[Done], number: int) -> str:
    """``4 successful, 1 failed: llama``."""
    failed = [each.name for each in finished if not each.well]
    parts = [f"{len(finished) - len(failed)} successful, {len(failed)} failed"]
    parts += [f"{number - len(finished)} not started"] if len(finished) < number else []
    return ", ".join(parts) + (f": {', '.join(failed)}" if failed else "")


def _rows(finished: Sequence[Done]) -> Iterator[tuple[str, ...]]:
    for each in finished:
        if each.outcome is None:
            yield each.name, "not started", "—", "—"
        else:
            cell = each.outcome.cell
            yield each.name, each.outcome.ending.words, duration(cell.duration), cost(cell)


def _json(finished: Sequence[Done], number: int) -> bytes:
    """The counts, and what ``--json`` says of one task, of each."""
    failed = sum(not each.well for each in finished)
    told = {
        "successful": len(finished) - failed,
        "failed": failed,
        "not_started": number - len(finished),
        "tasks": [_task(each) for each in finished],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _task(done: Done) -> dict[str, object]:
    if done.outcome is None:
        return {"name": done.name, "problem": done.problem}
    metrics = {name: each.stats.last for name, each in done.metrics.items()}
    return {**msgspec.json.decode(as_json(done.outcome)), "tags": done.tags, "metrics": metrics}
