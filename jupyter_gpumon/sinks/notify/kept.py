"""What waits for a target, in a file: a server that is restarted while a receiver is away loses nothing."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import psutil

from ...wire import encode
from .address import Address
from .notice import Notice

log = logging.getLogger("jupyter_gpumon")

_decoder = msgspec.json.Decoder(list[Notice])


class Kept:
    """A file per process and target; there is one only while something waits.

    Args:
        folder: where; None keeps nothing.
        address: whose. The file is named by a digest of it, since the address itself is a secret.
    """

    def __init__(self, folder: Path | None, address: Address) -> None:
        meant = (socket.gethostname(), address.scheme, address.url, address.level, *address.rules)
        self._name = f"undelivered-{hashlib.sha256(repr(meant).encode()).hexdigest()[:16]}"
        self._folder, self._written = folder, tuple[str, ...]()

    @property
    def outlives(self) -> bool:
        """Whether what waits outlives this process."""
        return self._folder is not None

    def read(self) -> list[Notice]:
        """What waited when processes ended that are no more; from now on it waits here."""
        found = [notice for path in self._left() for notice in _taken(path)]
        self.write(found)
        return found

    def write(self, waiting: Iterable[Notice]) -> None:
        """Let the file hold these, for nobody but its owner; without any there is no file."""
        notices = list(waiting)
        keys = tuple(each.key for each in notices)
        if self._folder is None or keys == self._written:
            return
        try:
            _replace(self._folder / f"{self._name}-{_process(os.getpid())}.json", encode(notices) if notices else None)
        except OSError as e:
            log.error("gpumon: alerts that wait cannot be kept in %s: %s", self._folder, e)
            self._folder = None
            return
        self._written = keys

    def _left(self) -> Iterator[Path]:
        """Files of processes that are no more, or of a target of this one that was closed."""
        for path in self._folder.glob(f"{self._name}-*.json") if self._folder is not None else ():
            pid = path.stem.removeprefix(f"{self._name}-").partition("-")[0]
            if pid == str(os.getpid()) or _process(int(pid)) != path.stem.removeprefix(f"{self._name}-"):
                yield path


def _process(pid: int) -> str:
    """A process as it is told from a later one with its pid; empty where there is none."""
    try:
        return f"{pid}-{int(psutil.Process(pid).create_time())}"
    except psutil.Error:
        return ""


def _taken(path: Path) -> list[Notice]:
    """What a file holds, which is gone then: of two processes that begin now one gets it."""
    mine = path.with_suffix(f".{os.getpid()}")
    try:
        path.rename(mine)
        found = _decoder.decode(mine.read_bytes())
        mine.unlink()
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as e:
        log.error("gpumon: alerts that waited in %s cannot be read: %s", mine, e)
        return []
    return found


def _replace(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:  # noqa: PTH123 — with its mode
        out.write(content)
    new.replace(path)
