"""The Unix socket for kernels and commands: in Jupyter's runtime folder, for this user alone, gone with the server."""

from __future__ import annotations

import logging
import os
import re
import socket
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler

from . import alert_handlers, health_handlers
from .service import Service
from .sockets import KernelStream

log = logging.getLogger("jupyter_gpumon")

SUPPORTED = hasattr(socket, "AF_UNIX") and hasattr(socket, "SO_PEERCRED")
"""Linux. Elsewhere the peer's pid cannot be had this way, and kernels start an agent of their own."""

LONGEST = 100
"""Bytes in the path of a Unix socket, less a little."""


def socket_path(runtime: Path, pid: int) -> Path:
    """Where the server with this pid listens."""
    return runtime / f"gpumon-{pid}.sock"


class KernelChannel:
    """Listens on the Unix socket until ``close``."""

    def __init__(self, service: Service, runtime: Path) -> None:
        self.path = socket_path(runtime, os.getpid())
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_stale(runtime)
        before = os.umask(0o177)
        try:
            listening = bind_unix_socket(str(self.path), mode=0o600)
        finally:
            os.umask(before)
        self._server = HTTPServer(Application(_routes(service)))
        self._server.add_socket(listening)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._server.stop()
        self.path.unlink(missing_ok=True)


def _routes(service: Service) -> list[tuple[str, type[RequestHandler], dict[str, Service]]]:
    handlers: dict[str, type[RequestHandler]] = {
        "stream": KernelStream,
        **health_handlers.LOCAL,
        **alert_handlers.LOCAL,
    }
    return [(rf"/gpumon/api/{name}", handler, {"service": service}) for name, handler in handlers.items()]


def open_kernel_channel(service: Service, runtime: Path) -> KernelChannel | None:
    """The channel, or None with a line in the log where this machine cannot have one."""
    if not SUPPORTED:
        return None
    if len(os.fsencode(socket_path(runtime, os.getpid()))) > LONGEST:
        log.warning("gpumon: %s is too long a path for a socket; kernels will sample for themselves", runtime)
        return None
    try:
        return KernelChannel(service, runtime)
    except OSError as e:
        log.warning("gpumon: no socket for kernels (%s); they will sample for themselves", e)
        return None


def remove_stale(runtime: Path) -> None:
    """Remove the sockets of servers that are no more."""
    for path in runtime.glob("gpumon-*.sock"):
        pid = re.fullmatch(r"gpumon-(\d+)\.sock", path.name)
        if pid and not _listening(path):
            path.unlink(missing_ok=True)


def _listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        return True
