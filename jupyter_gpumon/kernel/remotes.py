"""Work that a cell has done elsewhere: on machines that nobody here measures. Looks only at what the user imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any


def _dask(module: Any) -> bool:
    client = module.client._get_global_client()
    return client is not None and getattr(client.cluster, "__class__", type(None)).__name__ != "LocalCluster"


def _ray(module: Any) -> bool:
    return bool(module.is_initialized())


def _spark(module: Any) -> bool:
    context = module.SparkContext._active_spark_context
    return context is not None and not str(context.master).startswith("local")


_WHERE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "distributed": ("Dask", _dask),
    "ray": ("Ray", _ray),
    "pyspark": ("Spark", _spark),
}


def notes() -> Iterator[str]:
    """A sentence for each cluster that is connected now."""
    for name, (called, connected) in _WHERE.items():
        module = sys.modules.get(name)
        try:
            if module is not None and connected(module):
                yield f"work that {called} does on other machines is not measured"
        except Exception:  # noqa: S112 - another version of it: nothing can be said
            continue
