"""Which metrics a table of samples has, in which order, and how a value stands in it: alike in SQL, CSV and Parquet."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import SourceError
from ..metrics import METRICS, Gpu, Metric

DEFAULT = (
    "utilization", "memory_used", "power", "energy", "temperature", "temperature_memory", "clock_sm", "clock_memory",
    "clock_events", "fan", "pcie_tx", "pcie_rx", "nvlink_tx", "nvlink_rx", "sm_activity", "tensor_activity",
    "dram_activity", "power_limit", "pcie_replay", "ecc_corrected", "ecc_uncorrected",
)  # fmt: skip
"""What is worth keeping for long. A day of eight GPUs by the second is some 100 MB of SQLite."""


def chosen(names: Iterable[str] | str = "") -> tuple[Metric, ...]:
    """The metrics that are named, in the catalogue's order.

    Args:
        names: metric names, or a text with commas between them; ``all`` is every metric, nothing the default ones.

    Raises:
        SourceError: there is no such metric.
    """
    listed = [name for name in names.split(",") if name] if isinstance(names, str) else list(names)
    if unknown := [name for name in listed if name not in METRICS and name != "all"]:
        raise SourceError(f"There is no metric called {unknown[0]!r}. Their names are in docs/metrics.md.")
    wanted = METRICS if "all" in listed else frozenset(listed or DEFAULT)
    return tuple(metric for name, metric in METRICS.items() if name in wanted)


def value(gpu: Gpu, metric: Metric) -> float | str | None:
    """What stands in a row: a number in base units, words with commas for a set, None where it is not known."""
    found = getattr(gpu, metric.name)
    return ",".join(found) if isinstance(found, tuple) else found
