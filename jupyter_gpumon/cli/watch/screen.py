"""The live screen of ``gpumon watch``: drawn over itself when something is new; the terminal is left as it was."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ...clock import SystemClock
from ...errors import GpuMonError
from ...model import Hello, Sample
from ...sources import Source
from .frame import ORDERS, frame
from .state import State

_PATIENCE = 5.0
"""Seconds to wait for a first sample where one frame is all there is to be."""
_IDLE = 2.0
"""Seconds after which a frame is drawn again though nothing came: the clock, and what the source says of itself."""


def watch(source: Source, console: Console) -> int:
    """Until ``q`` or Ctrl-C; one frame where the output is no terminal.

    Returns:
        0, or 1 where no GPU was seen.
    """
    return _live(source, console) if console.is_terminal else _once(source, console)


def _once(source: Source, console: Console) -> int:
    """The first frame that has something to say."""
    state, clock = State(), SystemClock()
    end = clock.mono() + _PATIENCE
    try:
        for message in source.stream(clock):
            state.take(message)
            hopeless = state.hello.status.state not in ("live", "starting")
            if (isinstance(message, Sample) and message.gpus) or hopeless or clock.mono() > end:
                break
    finally:
        source.close()
    for line in frame(state, console.width, None):
        console.print(line, soft_wrap=True)
    return 0 if state.sample else 1


class _Follower:
    """Takes the stream in a thread of its own and wakes whoever draws.

    Args:
        source: where messages come from.
        wake: a file descriptor; a byte is written to it when something is new.
    """

    def __init__(self, source: Source, wake: int) -> None:
        self.state, self.lock = State(), threading.Lock()
        self.error: GpuMonError | None = None
        self.ended = False
        self._source, self._wake = source, wake
        threading.Thread(target=self._run, name="gpumon-watch", daemon=True).start()

    def _run(self) -> None:
        try:
            for message in self._source.stream(SystemClock()):
                with self.lock:
                    self.state.take(message)
                if isinstance(message, Hello) or message.gpus or message.events:
                    self._tell()
        except GpuMonError as e:
            self.error = e
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        with suppress(OSError):  # nobody draws any more; or as many wait to be seen as a pipe holds
            os.write(self._wake, b".")


def _live(source: Source, console: Console) -> int:
    order, over = "g", False
    with ExitStack() as stack:
        stack.callback(source.close)
        wakes, wake = stack.enter_context(_pipe())
        keys = stack.enter_context(_keys())
        stack.enter_context(_resized(wake))
        follower = _Follower(source, wake)
        live = stack.enter_context(Live(console=console, screen=True, auto_refresh=False, redirect_stderr=False))
        rest = stack.enter_context(_suspended(live, keys, wake))
        with suppress(KeyboardInterrupt):
            while not follower.ended:
                _draw(live, console, follower, order)
                rest()
                key = _next_key(keys, wakes)
                if key in ("q", "Q", "\x1b"):
                    break
                order = key if key in ORDERS else order
            over = follower.ended
    if over and follower.error is not None:
        raise follower.error
    if over:  # a recording has come to its end: leave its last frame
        console.print(*frame(follower.state, console.width, None), sep="\n")
    return 0 if follower.state.sample else 1


def _draw(live: Live, console: Console, follower: _Follower, order: str) -> None:
    with follower.lock:
        lines = frame(follower.state, console.width, console.height, order)
    live.update(Text("\n", no_wrap=True).join(lines), refresh=True)


def _next_key(keys: int | None, wakes: int) -> str:
    """The next key; empty where something else is new first."""
    ready, _, _ = select.select([wakes, *([] if keys is None else [keys])], [], [], _IDLE)
    if wakes in ready:
        os.read(wakes, 4096)
    if keys is None or keys not in ready:
        return ""
    return os.read(keys, 64).decode(errors="replace")[:1] or "q"  # an end of input is an end


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    """Reading and writing end; what does not fit is not waited for."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def _keys() -> Iterator[int | None]:
    """Keys one by one and unechoed; None where the input is no terminal."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield None
        return
    if not sys.stdin.isatty():
        yield None
        return
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys)
        yield keys
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextmanager
def _suspended(live: Live, keys: int | None, wake: int) -> Iterator[Callable[[], None]]:
    """Ctrl-Z gives the terminal back as it was, and ``fg`` draws again.

    Yields what is to be called between two frames: in the middle of one the terminal cannot be given back.
    """
    if keys is None:
        yield lambda: None
        return
    import termios

    asked = threading.Event()

    def ask(_number: int, _at: FrameType | None) -> None:
        asked.set()
        with suppress(OSError):  # as many wait to be seen as a pipe holds
            os.write(wake, b".")

    def rest() -> None:
        if not asked.is_set():
            return
        asked.clear()
        ours = termios.tcgetattr(keys)
        live.stop()
        termios.tcsetattr(keys, termios.TCSADRAIN, cooked(ours))
        os.kill(os.getpid(), signal.SIGSTOP)
        termios.tcsetattr(keys, termios.TCSADRAIN, ours)
        live.start(refresh=True)

    def cooked(ours: list[Any]) -> list[Any]:
        return [*ours[:3], ours[3] | termios.ECHO | termios.ICANON, *ours[4:]]

    before = signal.signal(signal.SIGTSTP, ask)
    try:
        yield rest
    finally:
        signal.signal(signal.SIGTSTP, before)


@contextmanager
def _resized(wake: int) -> Iterator[None]:
    """Another size of the window is drawn at once; a request to end leaves the terminal as it was."""
    handlers = {
        name: signal.signal(getattr(signal, name), handler)
        for name, handler in (("SIGWINCH", _nothing), ("SIGTERM", _end), ("SIGHUP", _end))
        if hasattr(signal, name)
    }
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        for name, handler in handlers.items():
            signal.signal(getattr(signal, name), handler)


def _nothing(_number: int, _at: FrameType | None) -> None:
    """The byte in the pipe is enough."""


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
