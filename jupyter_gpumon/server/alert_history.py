"""What has fired, kept over restarts: one small SQLite file, written beside the monitor's thread.

Several servers of one user share the file; an alert belongs to the server that wrote it last. What fired when a server
ended is taken over by the next one on that host.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import sqlite3
import threading
from pathlib import Path
from typing import Any

import msgspec
import psutil

from ..findings import Alert

log = logging.getLogger("jupyter_gpumon")

KEPT = 2000
"""Alerts that are over and stay in the file; older ones go."""
SHOWN = 200
"""Alerts in one answer."""
MEMORY = ":memory:"
LOST = "Their history is lost when this server ends."

_TABLE = """
CREATE TABLE IF NOT EXISTS alerts (
  id TEXT PRIMARY KEY, rule TEXT NOT NULL, level TEXT NOT NULL, uuid TEXT, state TEXT NOT NULL,
  fired REAL NOT NULL, resolved REAL, server TEXT NOT NULL, alert BLOB NOT NULL
)"""
_PUT = "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PAST = """
SELECT alert FROM alerts WHERE state = 'resolved' AND resolved >= ? AND fired <= ?
ORDER BY resolved DESC, fired DESC LIMIT ?"""
_OLD = """
DELETE FROM alerts WHERE state = 'resolved' AND id NOT IN
(SELECT id FROM alerts WHERE state = 'resolved' ORDER BY resolved DESC LIMIT ?)"""

_read = msgspec.json.Decoder(Alert).decode
_write = msgspec.json.Encoder().encode


class AlertHistory:
    """The alerts that have fired. ``put`` is for any thread and does not block; the rest may take milliseconds.

    Args:
        path: the file; None keeps them in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.problem = ""
        """What is the matter with the file, with what to do; they are then kept in memory."""
        self._path, self._server = path, _name(psutil.Process())
        self._lock = threading.Lock()
        self._instead = False
        """They are kept in memory because the file cannot be had: that does not get better."""
        self._database = self._open()
        self._queue: queue.SimpleQueue[Alert | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._keep, name="gpumon-alerts", daemon=True)
        self._thread.start()

    def _open(self) -> sqlite3.Connection:
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            return _connected(self._path)
        except (OSError, sqlite3.Error) as e:
            self._say(e)
            self._instead = True
            return _connected(None)

    def put(self, alert: Alert) -> None:
        """Keep an alert as it is now."""
        self._queue.put(alert)

    def _keep(self) -> None:
        """The thread's work: until None comes."""
        while (alert := self._queue.get()) is not None:
            try:
                with self._lock, self._database as writing:
                    writing.execute(_PUT, self._row(alert))
                    writing.execute(_OLD, (KEPT,))
                if not self._instead:
                    self.problem = ""
            except sqlite3.Error as e:
                self._say(e)

    def _row(self, alert: Alert) -> tuple[object, ...]:
        of = alert.finding
        return (
            alert.id, of.rule, of.level, of.uuid, alert.state, alert.fired, alert.resolved, self._server, _write(alert),
        )  # fmt: skip

    def _say(self, error: Exception, what: str = "does not take alerts", then: str = LOST) -> None:
        said = f"{self._path} {what}: {error}. {then}"
        if not self.problem:
            log.error("gpumon: %s", said)
        self.problem = said

    def firing(self) -> list[Alert]:
        """What fired when a server of this host ended: now this one's."""
        try:
            rows = self._rows("SELECT alert, server FROM alerts WHERE state = 'firing'")
            return [_read(alert) for alert, server in rows if _ended(server)]
        except (sqlite3.Error, msgspec.MsgspecError) as e:
            self._leave(e)
            return []

    def resolved(self, since: float = 0.0, until: float = 1e12, most: int = SHOWN) -> list[Alert]:
        """What was over after ``since`` and had fired before ``until`` (Unix seconds), the latest first."""
        try:
            return [_read(alert) for (alert,) in self._rows(_PAST, since, until, most)]
        except (sqlite3.Error, msgspec.MsgspecError) as e:
            self._leave(e)
            return []

    def _rows(self, query: str, *values: float) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def _leave(self, error: Exception) -> None:
        """Go on in memory: a file that cannot be read is left as it is, for whoever wants to mend it."""
        with self._lock:
            if self._instead:
                return
            self._instead = True
            self._database.close()
            self._database = _connected(None)
        self._say(error, "cannot be read", "Alerts are kept in memory; move the file away and restart Jupyter.")

    def close(self) -> None:
        """Write what waits, and close the file; waits a few seconds at most."""
        self._queue.put(None)
        self._thread.join(5.0)
        with self._lock:
            self._database.close()


def _connected(path: Path | None) -> sqlite3.Connection:
    database = sqlite3.connect(path or MEMORY, timeout=5.0, check_same_thread=False)
    database.execute(_TABLE)
    return database


def _name(process: psutil.Process) -> str:
    """A server: its host, pid and start, so that it is known whether it still lives."""
    return f"{socket.gethostname()} {process.pid} {process.create_time():.2f}"


def _ended(server: str) -> bool:
    """Whether a server was on this host and does not live any more."""
    host, pid, _ = server.rsplit(" ", 2)
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():
        return server != _name(psutil.Process())
    try:
        return _name(psutil.Process(int(pid))) != server
    except psutil.Error:
        return True
