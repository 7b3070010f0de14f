"""Where ``gpumon watch`` looks: a Jupyter server of this user knows which notebook a process is; else the driver."""

from __future__ import annotations

from pathlib import Path

from ...kernel.connect import listens
from ...sources.urls import DEFAULT, default_source


def best_source() -> str:
    """``$GPUMON_SOURCE``, the Jupyter server of this user that was started last, or ``auto``."""
    asked = default_source()
    return asked if asked != DEFAULT else next((f"unix:{path}" for path in _sockets() if listens(path)), asked)


def _sockets() -> list[Path]:
    """Those of Jupyter servers, the latest first; one that ended may have left its own."""
    from jupyter_core.paths import jupyter_runtime_dir

    found = Path(jupyter_runtime_dir()).glob("gpumon-*.sock")
    return sorted(found, key=lambda path: path.lstat().st_mtime, reverse=True)
