"""A webhook that keeps what it was sent, and can be away, answer with an error, or hang up after it has taken it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.services import free_port

PATIENCE = 60.0


class Receiver:
    """On a free loopback port; away until ``begin``."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: list[dict[str, Any]] = []
        """Bodies, in the order in which they came."""
        self.headers: list[dict[str, str]] = []
        self.tried = 0
        self.answers: list[int | None] = []
        """What the next requests are answered with; None takes one and hangs up. Afterwards, 200."""
        self.more: dict[str, str] = {}
        """Headers of answers that are errors."""
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/s3cret-path"

    @property
    def ids(self) -> list[str]:
        """What was counted: by its key, once."""
        return list(dict.fromkeys(body["id"] for body in self.taken))

    def begin(self) -> Receiver:
        """Answer from now on."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        self.tried += 1
        answer = self.answers.pop(0) if self.answers else 200
        if answer in (200, None):
            self.taken.append(body)
            self.headers.append(dict(request.headers))
        if answer is None:
            request.connection.close()
            return
        request.send_response(answer)
        for name, value in self.more.items() if answer != 200 else ():
            request.send_header(name, value)
        request.end_headers()

    def end(self) -> None:
        """Be away."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until this holds, and return what it gave."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.01)
    return found
