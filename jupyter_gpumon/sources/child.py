"""One child process that writes the stream: started clean, read with bounded memory, and never waited for."""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import WireError
from ..model import Error, Hello, Sample
from ..wire import Message, decode

LOG = logging.getLogger("jupyter_gpumon")

LONGEST_LINE = 4 << 20
"""Bytes; a longer line is garbage."""
MOST_GARBAGE = 50
"""Lines of garbage in a row, after which the child is given up."""
MOST_WAITING = 64
"""Messages that wait for the reader of the stream; beyond it the child's pipe fills, which stops nobody."""
MOST_WORDS = 20
"""Lines of the child's standard error that go to the log per minute."""

Kill = Callable[["subprocess.Popen[bytes]"], None]


def command(backend: str, *options: str) -> list[str]:
    """The command line of an agent with that backend."""
    # -P keeps the working directory off sys.path; before Python 3.11 the neutral working directory has to do.
    safe = ["-P"] if sys.version_info >= (3, 11) else []
    return [sys.executable, *safe, "-m", "jupyter_gpumon.agent", "--backend", backend, *options]


class Child:
    """A running child. Its messages come from ``get``; None means that it has ended or was given up."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.started = self.heard = time.monotonic()
        """Monotonic time of its start, and of the last bytes it wrote."""
        self.garbage = 0
        self.last_words = ""
        self._messages: queue.Queue[Message | None] = queue.Queue(MOST_WAITING)
        self._given_up = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603 - the command comes from us or from a test
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A user's psutil.py beside the notebook must not be imported, and no folder be kept busy.
            cwd=Path(sys.executable).anchor or None,
            bufsize=0,
            start_new_session=os.name == "posix",  # Interrupting a kernel or the server is not for the agent.
        )
        self._send_lock = threading.Lock()
        for target in (self._read, self._log):
            threading.Thread(target=target, daemon=True, name=f"gpumon-agent{target.__name__}").start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is still there, were it but in a driver call that cannot be killed."""
        return self._process.poll() is None

    def get(self, timeout: float) -> Message | None:
        """The next message; None where it has ended.

        Raises:
            queue.Empty: none came in time.
        """
        return self._messages.get(timeout=timeout)

    def silent(self) -> float:
        """Seconds since it last wrote anything; 0 while what it wrote still waits to be read."""
        return 0.0 if not self._messages.empty() else time.monotonic() - self.heard

    def send(self, line: bytes) -> None:
        """Write one line to its standard input; a child that has gone is not told."""
        try:
            with self._send_lock:
                if self._process.stdin and not self._process.stdin.closed:
                    self._process.stdin.write(line)
        except OSError as e:
            LOG.debug("The agent takes no requests any more: %s", e)

    def ended(self, wait: float) -> int | None:
        """Its exit code, waiting a little; None where it still lives."""
        try:
            return self._process.wait(wait)
        except subprocess.TimeoutExpired:
            return None

    def end(self, kill: Kill, grace: float = 1.0) -> bool:
        """Ask it to end, then kill it; False where even that does not help."""
        self._given_up.set()
        with self._send_lock:
            if self._process.stdin:
                self._process.stdin.close()
        if self.ended(grace) is None:
            kill(self._process)
        gone = self.ended(grace) is not None
        self._drain()
        return gone

    def _drain(self) -> None:
        """Wake a reader thread that waits for room, and whoever waits for a message."""
        while not self._messages.empty():
            try:
                self._messages.get_nowait()
            except queue.Empty:
                break
        self._put(None)

    def _put(self, message: Message | None) -> None:
        while True:
            try:
                return self._messages.put(message, timeout=0.5)
            except queue.Full:
                if self._given_up.is_set():
                    return None

    def _read(self) -> None:
        """Bytes to lines to messages; ends with the child or with too much garbage."""
        pipe, buffer, skipping = self._process.stdout, b"", False
        while pipe and not self._given_up.is_set() and self.garbage < MOST_GARBAGE:
            chunk = pipe.read(65536)
            if not chunk:
                break
            self.heard = time.monotonic()
            *lines, buffer = (buffer + chunk).split(b"\n")
            if lines and skipping:
                lines, skipping = lines[1:], False
            if len(buffer) > LONGEST_LINE:
                self._refuse(f"a line of more than {LONGEST_LINE >> 20} MiB")
                skipping = True
            if skipping:
                buffer = b""
            for line in filter(None, lines):
                self._take(line)
        self._put(None)
        if pipe:
            pipe.close()

    def _take(self, line: bytes) -> None:
        try:
            message = decode(line)
        except WireError as e:
            self._refuse(str(e))
            return
        self.garbage = 0
        if isinstance(message, Hello | Sample | Error):
            self._put(message)

    def _refuse(self, why: str) -> None:
        self.garbage += 1
        if self.garbage == 1:
            LOG.warning("The agent (pid %s) wrote something that is not a message, ignored: %s", self.pid, why)

    def _log(self) -> None:
        """Its standard error goes to our log, a few lines a minute."""
        pipe, minute, said = self._process.stderr, 0, 0
        while pipe and (words := pipe.readline(4096)):
            now = int(time.monotonic() / 60)
            minute, said = (minute, said + 1) if now == minute else (now, 1)
            self.last_words = words.decode(errors="replace").strip()
            if said <= MOST_WORDS:
                LOG.warning("agent: %s", self.last_words)
            elif said == MOST_WORDS + 1:
                LOG.warning("agent: … more of this kind is not shown for a minute.")
        if pipe:
            pipe.close()
