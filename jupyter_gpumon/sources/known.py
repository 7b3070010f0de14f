"""What trials found, kept between runs in the user's cache folder. A file that is broken or not there is no error."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

import msgspec

from ..model import Sensor

LOG = logging.getLogger("jupyter_gpumon")

KEPT = 30 * 86400.0
"""Seconds after which a trial is made anew: a board ages, and so does its firmware."""


class _Entry(msgspec.Struct, frozen=True):
    driver: str
    sensor: Sensor


def cache_file() -> Path | None:
    """``sensors.json`` in ``$GPUMON_CACHE``, or in the user's cache folder; None where the user has no home."""
    folder = os.environ.get("GPUMON_CACHE")
    try:
        return (Path(folder) if folder else _user_cache() / "jupyter-gpumon") / "sensors.json"
    except RuntimeError:
        return None


def _user_cache() -> Path:
    """The platform's folder for what can be found out again (XDG Base Directory Specification on Linux)."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    folder = os.environ.get("XDG_CACHE_HOME", "")
    return Path(folder) if Path(folder).is_absolute() else Path.home() / ".cache"


class KnownSensors:
    """Trials by UUID and driver version.

    Args:
        path: the file; None keeps them for this process alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._entries: dict[str, _Entry] = {}
        self._stamp: tuple[int, int] | None = None

    def get(self, uuid: str, driver: str, now: float) -> Sensor | None:
        """What a trial with this driver found, unless it is too old; ``now`` is Unix time."""
        self._refresh()
        entry = self._entries.get(uuid)
        if entry is None or entry.driver != driver or entry.sensor.checked is None:
            return None
        return entry.sensor if -86400.0 < now - entry.sensor.checked < KEPT else None

    def put(self, uuid: str, driver: str, sensor: Sensor) -> None:
        """Keep what a trial found."""
        self._refresh()
        self._entries[uuid] = _Entry(driver, sensor)
        self._write()

    def _refresh(self) -> None:
        """Read the file if another process has written it since."""
        if self._path is None:
            return
        try:
            about = self._path.stat()
            stamp = about.st_mtime_ns, about.st_size
            if stamp != self._stamp:
                self._entries |= msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Entry])
                self._stamp = stamp
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as e:
            LOG.debug("What trials found before is not read from %s: %s", self._path, e)

    def _write(self) -> None:
        """Replace the file at once: several agents may write it."""
        if self._path is None:
            return
        draft = ""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(self._entries))
            Path(draft).replace(self._path)
        except OSError as e:
            Path(draft).unlink(missing_ok=True) if draft else None
            LOG.debug("What a trial found is not kept in %s: %s", self._path, e)
