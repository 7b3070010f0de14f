"""The agent seen from outside: a child process that is started, watched and, where it ends or hangs, started anew."""

from __future__ import annotations

import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from .. import __version__
from ..clock import Clock, boot_id
from ..errors import SourceError
from ..model import Error, Hello, Request, Sample, Status
from ..wire import Message, Stream, encode_line
from .child import MOST_GARBAGE, Child, Kill, command
from .lifeline import BEAT, EXIT_FRESH, REOPEN, stalled
from .urls import is_backend, parse

LOG = logging.getLogger("jupyter_gpumon")

REPLACE = 60.0
"""Seconds of hanging after which an agent is given up: a GPU's firmware may take 45 s to recover."""
LONGEST_PAUSE = 30.0
"""Seconds between two starts at most."""
HEALTHY = 60.0
"""Seconds after which an agent that has lived is started at once when it ends."""


def open_source(url: str) -> AgentSource:
    """The source of ``auto``, ``agent`` and of every backend's own scheme (``sim:gpus=8``).

    Raises:
        SourceError: the URL names no backend.
    """
    return AgentSource(url)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it; a process in a hung driver call outlives even this until the call returns."""
    process.kill()


class AgentSource:
    """The stream of an agent of our own.

    Args:
        url: ``auto``, ``agent``, ``nvidia``, ``sim:…``.
        interval: seconds between samples, at first.
        stall: seconds without an answer from the driver, or without any line from the agent, that count as hanging.
        reopen: seconds after which a driver with a lost GPU is opened anew, at first.
        replace: seconds of hanging after which the agent is replaced, by at most one while it still lives.
        arguments: another command to run, for tests.
        kill: how an agent is killed, for tests.
    """

    def __init__(
        self,
        url: str = "auto",
        *,
        interval: float = 1.0,
        stall: float = 5.0,
        reopen: float = REOPEN,
        replace: float = REPLACE,
        arguments: Sequence[str] | None = None,
        kill: Kill = kill,
    ) -> None:
        self.url, self._stall, self._replace = url, stall, replace
        self._arguments, self._kill, self._reopen = arguments, kill, reopen
        self._backend = _backend(url)
        self._request = Request(interval=interval)
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._child: Child | None = None
        self._stuck: Child | None = None
        self._heard = self._hello = Hello(source=_name(url), software=__version__, boot_id=boot_id(), interval=interval)
        self._base, self._stalled_at, self._silent = 0, 0.0, False
        self._pause, self._patience = 1.0, 1.0
        self._told = ""

    @property
    def pid(self) -> int | None:
        """Process id of the agent that is followed now."""
        child = self._child
        return child.pid if child else None

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of all agents that live: one that may be stuck in the driver, and the one that is followed."""
        children = dict.fromkeys(child for child in (self._stuck, self._child) if child)
        return tuple(child.pid for child in children if child.alive)

    def ask(self, request: Request) -> None:
        """Pass a request on, and repeat it to every agent started later. Safe from any thread."""
        with self._lock:
            known = {name: value for name in request.__struct_fields__ if (value := getattr(request, name)) is not None}
            once = request.trial or request.links  # made once, and not by every agent
            merged = replace(self._request, **{**known, "trial": None, "links": None})
            if merged == self._request and not once:
                return
            self._request = merged
            if self._child:
                self._child.send(encode_line(request))

    def close(self) -> None:
        """End the stream and the agent; safe from any thread, more than once."""
        self._closing.set()
        with self._lock:
            child = self._child
        if child:
            child.end(self._kill)

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """Messages until ``close``.

        Raises:
            SourceError: the agent cannot be started, or refuses its parameters.
        """
        yield self._say(Status(state="starting", message="Starting the agent.", since=clock.time()))
        try:
            while not self._closing.is_set():
                with self._lock:
                    self._child = child = self._start()
                yield from self._follow(child, clock)
                if not self._closing.is_set():
                    yield from self._after(child, clock)
        finally:
            self.close()

    def _start(self) -> Child:
        times = {"stall": self._stall, "patience": self._patience, "reopen": self._reopen}
        options = [word for name, seconds in times.items() for word in (f"--{name}", f"{seconds:g}")]
        try:
            child = Child(
                self._arguments
                or command(self._backend, "--name", _name(self.url), "--software", __version__, *options)
            )
        except OSError as e:
            raise SourceError(f"The agent cannot be started with {sys.executable!r}: {e}.") from e
        child.send(encode_line(self._request))
        return child

    def _follow(self, child: Child, clock: Clock) -> Iterator[Stream]:
        """Pass on what the agent says, until it ends, or hangs for too long."""
        while not self._closing.is_set():
            try:
                message = child.get(timeout=min(0.5, self._stall / 4))
            except queue.Empty:
                yield from self._silence(child, clock)
            else:
                if message is None:
                    return
                yield from self._pass_on(message)
            if self._hanging(child) > self._replace and not (self._stuck and self._stuck.alive):
                return

    def _pass_on(self, message: Message) -> Iterator[Stream]:
        if isinstance(message, Error):
            raise SourceError(message.message)
        if isinstance(message, Hello):
            self._heard = replace(message, generation=message.generation + self._base)
            yield self._tell(self._heard)
        elif isinstance(message, Sample):
            if self._silent:
                yield self._tell(self._heard)
            # Otherwise it is only a sign of life.
            if message.gpus or message.host or message.edges or message.powers or message.events:
                yield message
        self._silent = False

    def _silence(self, child: Child, clock: Clock) -> Iterator[Stream]:
        """Nothing came for a while: say so, once, when it is too long."""
        silent = child.silent()
        if silent > max(self._stall, 3 * self._hello.interval, 2 * BEAT) and not self._silent:
            self._silent = True
            yield self._say(stalled(clock.time() - silent))

    def _hanging(self, child: Child) -> float:
        """Seconds since the driver, or the whole agent, was said to hang while this agent was there."""
        stalled = self._hello.status.state == "stalled"
        return time.monotonic() - max(self._stalled_at, child.started) if stalled else 0.0

    def _after(self, child: Child, clock: Clock) -> Iterator[Stream]:
        """The agent has ended, hangs or writes garbage: bury it, say so, and wait before the next."""
        hung, lived = self._hanging(child) > self._replace, time.monotonic() - child.started
        code = child.ended(0.0 if hung else 1.0)
        if not child.end(self._kill):
            self._stuck = child
            LOG.warning("The agent (pid %s) hangs in the driver and cannot be killed; starting one more.", child.pid)
        self._base, self._silent = self._hello.generation, False
        if code == EXIT_FRESH:
            self._patience = min(LONGEST_PAUSE, 2 * self._patience)
            return
        self._pause = 1.0 if lived > HEALTHY else self._pause
        if not hung:
            yield self._say(restarting(code, child.garbage >= MOST_GARBAGE, clock.time()))
        self._closing.wait(self._pause)
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    def _say(self, status: Status) -> Hello:
        """A hello of our own: as the last one, with another status."""
        return self._tell(replace(self._hello, status=status))

    def _tell(self, hello: Hello) -> Hello:
        """Log what is new about the status, once, and when the trouble is over."""
        state, before = hello.status.state, self._hello.status.state
        if state == "stalled" and before != "stalled":
            self._stalled_at = time.monotonic()
        self._hello = hello
        if state in ("live", "no-gpus") and self._told not in ("", state):
            LOG.info("The GPUs are watched again.")
        if state not in ("live", "starting") and state != self._told:
            LOG.warning("%s %s", hello.status.message, hello.status.hint)
        if state != "starting":
            self._told = "" if state == "live" else state
        return hello


def restarting(code: int | None, garbage: bool, since: float) -> Status:
    """The status between two agents."""
    if garbage:
        how = "wrote garbage"
    elif code is not None and code < 0:
        how = f"was ended by signal {-code}" + (" (killed, or out of memory)" if code == -9 else "")
    else:
        how = f"ended by itself (exit code {code})"
    return Status(
        state="restarting",
        message=f"The process that reads the GPUs {how}; it is being started again.",
        hint="The log of Jupyter has its last words.",
        since=since,
    )


def _backend(url: str) -> str:
    scheme = parse(url).scheme
    if scheme in ("auto", "agent"):
        return "nvidia"
    if not is_backend(scheme):
        raise SourceError(f"{url!r}: there is no backend called {scheme!r}.")
    return url


def _name(url: str) -> str:
    """What ``Hello.source`` says: the backend's own URL, or ``agent``."""
    return "agent" if parse(url).scheme in ("auto", "agent") else url
