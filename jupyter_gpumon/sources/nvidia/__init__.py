"""NVIDIA GPUs, read by NVML through the unmodified nvidia-ml-py.

Built in layers, each knowing only those above it: ``driver`` (error codes), ``fields`` and ``gpm`` (two peculiar
interfaces), ``ways`` and ``own`` (how something can be asked), ``table`` (what is asked how: add a metric there),
``ability`` (what one GPU can tell), ``board``, ``inventory``, ``processes`` and ``events``, ``backend``.
``python -m jupyter_gpumon.sources.nvidia`` prints one look at everything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SourceError

if TYPE_CHECKING:
    from .. import Backend

_ALLOWED = ("root",)


def open_backend(params: dict[str, str]) -> Backend:
    """Open the driver.

    Args:
        params: ``root`` (also by ``$GPUMON_ROOT``): root of the file system in which sysfs and procfs are read.

    Raises:
        SourceError: a parameter that is none.
        DriverError: there is no driver to speak to; the subclass says why.
    """
    unknown = sorted(params.keys() - set(_ALLOWED))
    if unknown:
        raise SourceError(f"The nvidia source has no parameter {', '.join(unknown)}; it knows: {', '.join(_ALLOWED)}.")
    from .backend import NvidiaBackend  # here, for a machine without nvidia-ml-py can still list the sources

    return NvidiaBackend(Path(params.get("root") or os.environ.get("GPUMON_ROOT") or "/"))
