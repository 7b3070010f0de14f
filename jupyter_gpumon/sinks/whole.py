"""Files that are there only once they are whole: written under another name, which an interruption takes away again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A name to write to; it becomes ``path`` where nothing went wrong, and nothing where something did."""
    name = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield name
        name.replace(path)
    finally:
        name.unlink(missing_ok=True)
