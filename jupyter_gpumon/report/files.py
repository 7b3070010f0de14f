"""A file that is there whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import GpuMonError


def write_whole(path: Path, content: bytes) -> None:
    """Write beside it and rename: who interrupts this finds the old file, or none, never a part of the new one.

    Raises:
        GpuMonError: the folder is not there, or may not be written to.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as e:
        raise GpuMonError(f"{path} cannot be written: {e.strerror or e}.") from e
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException as e:
        Path(name).unlink(missing_ok=True)
        if isinstance(e, OSError):
            raise GpuMonError(f"{path} cannot be written: {e.strerror or e}.") from e
        raise


def _umask() -> int:
    """The process's; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
