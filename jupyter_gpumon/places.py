"""Where a file is that somebody named, with ``~`` for a folder of theirs."""

from __future__ import annotations

from pathlib import Path

from .errors import SourceError


def place(name: str) -> Path:
    """The path of this name, ``~`` written out.

    Raises:
        SourceError: nobody knows whose folder is meant.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError as e:
        whose = Path(name).parts[0]
        raise SourceError(
            f"{name}: there is no folder {whose}, since no user of that name is known. "
            f"Write ~/… for your own folder, or the whole path."
        ) from e
