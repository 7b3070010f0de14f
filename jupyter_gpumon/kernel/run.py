"""``with gm.run("name") as run:`` a measured experiment, with what is logged in it, kept to be compared with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..experiments import Run
from ..runs.caches import watch_cache
from ..runs.store import shared
from .active import ActiveRun
from .cells import Wish
from .open_runs import current

__all__ = ["ActiveRun", "load_run", "log_metric", "log_metrics", "run", "watch_cache"]


def run(
    name: str,
    *,
    tags: Mapping[str, object] | None = None,
    devices: Sequence[str | int] | None = None,
    sync: bool = True,
    show: bool = False,
) -> ActiveRun:
    """A run of that name; runs of one name are repetitions, and compared as such.

        with gm.run("baseline", tags={"batch": 32}) as run:
            for loss in train():
                run.log_metric("loss", loss)

    Args:
        name: what it is called.
        tags: what you want to find it by; git, notebook, GPU and versions are noted without asking.
        devices: names of GPUs to count, as ``measure`` takes them; None counts those used.
        sync: wait at the end for the GPU to finish.
        show: show the record as a cell's output.

    Raises:
        RunError: the name is empty, or the tags are no dict.
    """
    names = None if devices is None else tuple(str(device) for device in devices)
    return ActiveRun(name, tags, Wish(title=name, devices=names, sync=sync, spanning=True), show)


def log_metric(name: str, value: object, *, kind: str | None = None, unit: str | None = None) -> None:
    """Log a value in the run that is open: a gauge's level, a counter's growth, an observation of a histogram.

    Raises:
        RunError: no run is open; or as ``ActiveRun.log_metric``.
    """
    current(name).log_metric(name, value, kind=kind, unit=unit)


def log_metrics(values: Mapping[str, object], *, kind: str | None = None) -> None:
    """Log several values in the run that is open.

    Raises:
        RunError: no run is open; or as ``ActiveRun.log_metrics``.
    """
    current("it").log_metrics(values, kind=kind)


def load_run(key: str) -> Run:
    """A run that was kept: by its id, the beginning of it, or by name, the newest.

    Raises:
        RunError: there is none.
    """
    return shared().find(key)[0]
