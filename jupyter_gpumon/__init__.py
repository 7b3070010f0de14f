"""jupyter-gpumon: which GPU is busy and with whose notebook, and what each cell cost in joules.

Importing this package is cheap: the Jupyter server and the plotting libraries are imported when they are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import bench
    from .kernel.bridge import watch_opentelemetry
    from .kernel.measure import Measurement, measure
    from .kernel.report import write_report
    from .kernel.run import load_run, log_metric, log_metrics, run, watch_cache
    from .kernel.span import span, traced
    from .kernel.started import plot, start, stop
    from .runs.kvcache import kv_cache_bytes

__all__ = [
    "Measurement", "__version__", "bench", "kv_cache_bytes", "load_ipython_extension", "load_run", "log_metric",
    "log_metrics", "measure", "plot", "run", "span", "start", "stop", "traced", "unload_ipython_extension",
    "watch_cache", "watch_opentelemetry", "write_report",
]  # fmt: skip

_LAZY = {
    **dict.fromkeys(("measure", "Measurement"), "kernel.measure"),
    **dict.fromkeys(("run", "log_metric", "log_metrics", "load_run", "watch_cache"), "kernel.run"),
    **dict.fromkeys(("span", "traced"), "kernel.span"),
    **dict.fromkeys(("start", "stop", "plot"), "kernel.started"),
    "watch_opentelemetry": "kernel.bridge",
    "kv_cache_bytes": "runs.kvcache",
    "write_report": "kernel.report",
}
"""Public name → the module it is in, imported when the name is first used."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jupyter-gpumon")
    from importlib import import_module

    if name == "bench":
        return import_module(".bench", __name__)
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-gpumon"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .server.app import GpuMon

    return [{"module": "jupyter_gpumon", "app": GpuMon}]


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext jupyter_gpumon``: the magics ``%gpumon`` and ``%%gpumon``."""
    from .kernel.magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext jupyter_gpumon``: summaries off, connection closed."""
    from .kernel.magics import unload

    unload(shell)
