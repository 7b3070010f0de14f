"""A TCP proxy on the loopback interface that counts bytes: what a tab costs on the wire, deflate included."""

from __future__ import annotations

import socket
import threading


class CountingProxy:
    """Forwards to ``port``; ``received`` counts what the server sent."""

    def __init__(self, port: int) -> None:
        self._target, self.received = port, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, count: bool) -> None:
        try:
            while data := source.recv(65536):
                self.received += len(data) if count else 0
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    def close(self) -> None:
        """Accept nobody any more."""
        self._listener.close()
