"""The XIDs that a server has been told of, and which of them somebody has acknowledged: kept in a file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from ..health.sightings import Book

log = logging.getLogger("jupyter_gpumon")


class KeptXids:
    """Reads the file once, and writes it whenever the book has changed.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._failed = path, False

    def load(self) -> Book:
        """What was kept; an empty book where there is none, or none that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Book)
        except FileNotFoundError:
            return Book()
        except (OSError, msgspec.DecodeError) as e:
            log.warning("gpumon: %s cannot be read, what it kept of XIDs is forgotten: %s", self._path, e)
            return Book()

    def save(self, book: Book) -> None:
        """Write it, at once and whole. That it cannot be written is said once."""
        draft = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(book))
            draft.replace(self._path)
        except OSError as e:
            if not self._failed:
                self._failed = True
                log.warning("gpumon: XIDs cannot be kept in %s: %s", self._path, e)
