"""jupyter-gpumon: which GPU is busy and with whose notebook, and what each cell cost in joules.

Importing this package is cheap: the Jupyter server and the plotting libraries are imported when they are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kernel.measure import Measurement, measure

__all__ = ["Measurement", "__version__", "load_ipython_extension", "measure", "unload_ipython_extension"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("jupyter-gpumon")
    if name in ("measure", "Measurement"):
        from .kernel import measure as module

        return getattr(module, name)
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
