"""A window in a few numbers per GPU and metric (``gpumon/api/stats``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from ..metrics import METRICS
from ..model import Columns


class Stats(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of one GPU over a window."""

    mean: float | None = None
    min: float | None = None
    max: float | None = None
    p50: float | None = None
    p95: float | None = None
    growth: float | None = None
    """Of a counter: by how much it grew; where it began anew, what it grew to from there counts."""


class Window(Struct, frozen=True, kw_only=True):
    """The answer: ``step`` is the seconds of the rows it was worked out from, ``rows`` how many there were."""

    since: float | None
    until: float | None
    step: float
    rows: int
    gpus: dict[str, dict[str, Stats]]


def over(columns: Columns) -> Window:
    """What columns come to. Percentiles are of the rows' means, the extremes of what was sampled."""
    return Window(
        since=columns.time[0] if columns.time else None,
        until=columns.time[-1] if columns.time else None,
        step=columns.step,
        rows=len(columns.time),
        gpus={
            uuid: {
                name: _stats(name, values, (columns.low or {}).get(uuid, {}), (columns.high or {}).get(uuid, {}))
                for name, values in metrics.items()
            }
            for uuid, metrics in columns.gpus.items()
        },
    )


def _stats(
    name: str,
    values: Sequence[float | None],
    low: Mapping[str, Sequence[float | None]],
    high: Mapping[str, Sequence[float | None]],
) -> Stats:
    known = _known(values)
    if not known:
        return Stats()
    if METRICS[name].kind == "counter":
        return Stats(growth=sum(after - before if after >= before else after for before, after in pairwise(known)))
    return Stats(
        mean=sum(known) / len(known),
        min=min(_known(low.get(name, values)), default=min(known)),
        max=max(_known(high.get(name, values)), default=max(known)),
        p50=quantile(known, 0.5),
        p95=quantile(known, 0.95),
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed, between two of them where it lies there."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (above - below) * (place % 1)
