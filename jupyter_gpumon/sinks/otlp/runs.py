"""What runs log, as points: by ``gen_ai.*`` where it is the timing of a model, else as ``gpumon.run.<name>``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...conventions import run_metric
from ...experiments import Logged, Run, bounds
from .points import Attributes, Point, nanoseconds


@dataclass(frozen=True)
class Histogram:
    """How many values there were, and where they lay."""

    count: int
    sum: float
    counts: tuple[int, ...]
    """Values up to each of ``bounds``, and above the last."""
    bounds: tuple[float, ...]
    min: float | None
    max: float | None


def points(run: Run) -> Iterator[Point]:
    """A run as it stands."""
    start, time = nanoseconds(run.start), nanoseconds(run.end)
    for name, logged in run.metrics.items():
        value = _value(logged)
        if value is not None:
            convention = run_metric(name, logged.kind, logged.unit)
            attributes = {} if convention.name.startswith("gpumon.") else _model(run)
            yield Point(convention, {**_about(run), **attributes, **convention.attributes}, value, time, start)


def _value(logged: Logged) -> float | Histogram | None:
    """A level's last, a counter's sum, a histogram's buckets; None where nothing was logged yet."""
    said = logged.stats
    if not said.count:
        return None
    if logged.kind == "counter":
        return said.sum
    if logged.kind != "histogram":
        return said.last
    limits = bounds(logged.unit) if logged.buckets else ()
    return Histogram(said.count, said.sum or 0.0, logged.buckets or (said.count,), limits, said.min, said.max)


def _about(run: Run) -> Attributes:
    return {"gpumon.run.name": run.name, "gpumon.run.id": run.id}


def _model(run: Run) -> Attributes:
    """What the conventions ask for, from the run's tags; where these say nothing, what is so in any case."""
    model = run.tags.get("model")
    return {
        "gen_ai.operation.name": run.tags.get("operation", "text_completion"),
        "gen_ai.provider.name": run.tags.get("provider", "local"),
        **({"gen_ai.request.model": model} if model else {}),
    }
