"""Measuring from one call to another, where a ``with`` block does not fit; and a chart of what was recorded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .cells import Wish
from .measure import Measurement

_started: list[Measurement] = []
"""The innermost last: a start within another one is stopped first."""


def start(title: str = "", *, devices: Sequence[str | int] | None = None) -> Measurement:
    """Begin to measure; ``stop()`` ends it.

    Args:
        title: what the record is called.
        devices: names of GPUs to count; None counts those used.
    """
    names = None if devices is None else tuple(str(name) for name in devices)
    _started.append(Measurement(Wish(title, names)).__enter__())
    return _started[-1]


def stop(*, show: bool = True) -> Measurement:
    """End what was started last, and print what it cost.

    Raises:
        RuntimeError: nothing was started.
    """
    if not _started:
        raise RuntimeError("Nothing was started: call jupyter_gpumon.start() first.")
    measured = _started.pop()
    measured.__exit__(None, None, None)
    if show:
        sys.stdout.write(f"{measured!r}\n")
    return measured


def plot(
    source: str, *, metrics: Sequence[str] = (), devices: Sequence[str] = (), run: str = "", store: str | None = None
) -> Any:
    """A recording, a database or a run as small multiples: a ``plotly.graph_objects.Figure``.

    Args:
        source: a file, the URL of a database, or a run's id or name.
        metrics: names of metrics; all that are charted by default.
        devices: names of GPUs (``0``, ``gpu1``); all by default.
        run: of a database, only the samples of this run.
        store: where runs are kept; the usual place by default.

    Raises:
        GpuMonError: there is no such source, metric or device; or Plotly is not installed.
    """
    from ..report.chart import chosen_panels, plotted
    from ..report.chosen import evidence

    found = evidence(str(source), store=store, only=run)
    return plotted(found, chosen_panels(found, metrics, devices))
