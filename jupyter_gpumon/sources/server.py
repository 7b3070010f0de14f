"""Asking a Jupyter server of this user a question, over the Unix socket on which it listens for its kernels."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

from ..errors import SourceError

WAIT = 10.0
"""Seconds for an answer."""


class _Socket(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=WAIT)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(WAIT)
        self.sock.connect(self._path)


def asked(path: Path, question: str) -> bytes:
    """The answer to GET ``gpumon/api/<question>``, as it is there.

    Args:
        path: the server's socket.
        question: ``health``, ``links`` or ``alerts``.

    Raises:
        SourceError: the server does not answer, or is of another version that has no answer.
    """
    link = _Socket(path)
    try:
        link.request("GET", f"/gpumon/api/{question}")
        answer = link.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as e:
        raise SourceError(f"The Jupyter server at {path} does not answer: {e}.") from e
    finally:
        link.close()
    if answer.status != http.client.OK:
        raise SourceError(
            f"The Jupyter server at {path} has no answer to {question} ({answer.status}); is it of another version? "
            "Restart it, or ask the driver: --source auto"
        )
    return text
