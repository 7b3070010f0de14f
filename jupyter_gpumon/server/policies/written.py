"""What policies did, in a file that outlives the server: a line of JSON each, with its cause."""

from __future__ import annotations

import logging
import os
from collections import deque
from pathlib import Path

import msgspec

from ...findings import Action
from ...wire import encode_line

log = logging.getLogger("jupyter_gpumon")

SHOWN = 100
"""Actions that are shown."""
_LARGEST = 2_000_000
"""Bytes from which on the file begins anew, the older half as ``….old``."""

_decoder = msgspec.json.Decoder(Action)


class Written:
    """The file, and the last actions of it. In the server's loop.

    Args:
        path: ``policies.jsonl`` in Jupyter's data folder; made with the first action.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.recent: deque[Action] = deque(_last(path) if path is not None and path.exists() else (), maxlen=SHOWN)

    def add(self, action: Action) -> None:
        """Write an action that has ended."""
        self.recent.append(action)
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and self._path.stat().st_size > _LARGEST:
                self._path.replace(self._path.with_suffix(".old"))
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            with open(os.open(self._path, flags, 0o600), "ab") as out:  # noqa: PTH123 — with its mode
                out.write(encode_line(action))
        except OSError as e:
            log.error("gpumon: what policies do cannot be written to %s: %s", self._path, e)
            self._path = None


def _last(path: Path) -> list[Action]:
    found = []
    try:
        lines = path.read_bytes().splitlines()[-SHOWN:]
    except OSError as e:
        log.error("gpumon: what policies did cannot be read from %s: %s", path, e)
        return []
    for line in lines:
        try:
            found.append(_decoder.decode(line))
        except msgspec.DecodeError:
            continue  # cut off when the machine went down
    return found
