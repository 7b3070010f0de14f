"""What a client asked to see of a sample, and two samples made one. Pure functions."""

from __future__ import annotations

from msgspec.structs import replace

from ..metrics import METRICS
from ..model import Gpu, Sample, Subscribe

MOST_EVENTS = 200
MOST_EDGES = 10_000
"""How many events and edges wait for a client that is slow to read; the oldest go first."""


def narrowed(sample: Sample, view: Subscribe) -> Sample | None:
    """The part of the sample that was subscribed to; None where nothing is left of it."""
    part = replace(
        sample,
        gpus=tuple(_gpu(gpu, view.metrics) for gpu in sample.gpus if view.devices is None or gpu.uuid in view.devices),
        host=sample.host if view.host else None,
        processes=_processes(sample, view),
        edges=sample.edges if view.edges else (),
        powers=sample.powers if view.edges else (),
        links=None,
    )
    anything = part.gpus or part.host or part.edges or part.powers or part.events or part.processes is not None
    return part if anything else None


def _gpu(gpu: Gpu, metrics: tuple[str, ...] | None) -> Gpu:
    if metrics is None:
        return gpu
    return Gpu(uuid=gpu.uuid, **{name: getattr(gpu, name) for name in metrics if name in METRICS})


def _processes(sample: Sample, view: Subscribe) -> tuple[object, ...] | None:
    if not view.processes or sample.processes is None or view.devices is None:
        return sample.processes if view.processes else None
    return tuple(process for process in sample.processes if process.uuid in view.devices)


def merged(older: Sample, newer: Sample) -> Sample:
    """One sample for two: the newer values, all events, edges and power readings."""
    return replace(
        newer,
        gpus=newer.gpus or older.gpus,
        host=newer.host or older.host,
        processes=older.processes if newer.processes is None else newer.processes,
        events=(*older.events, *newer.events)[-MOST_EVENTS:],
        edges=(*older.edges, *newer.edges)[-MOST_EDGES:],
        powers=(*older.powers, *newer.powers)[-MOST_EDGES:],
        missed=older.missed + newer.missed,
    )
