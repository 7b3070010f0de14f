"""A child that has the terminal to itself: our input, output and process group, so that keys reach it as without us.

What the terminal itself sends (Ctrl-C, Ctrl-\\, Ctrl-Z, a new size, a hang-up) goes to the whole group and needs
nobody's help. What somebody sends to us alone is handed on. Stopped and continued we are together with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple

from ...errors import GpuMonError

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes by which a shell says that there is no such program, or that it is none."""
_OWN_DEFAULTS = ("SIGPIPE", "SIGXFSZ")
"""Python ignores these for itself; a child is to begin with what everybody else has."""
_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGCONT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
_BY_THE_KERNEL = 0x80
"""``si_code`` of a signal that the terminal sent (SI_KERNEL)."""


_LOOK = 1.0
"""Seconds after which the child is looked at without news of it."""
_INTERRUPTED = 128 + signal.SIGINT


class Ending(NamedTuple):
    """How a task ended."""

    code: int
    """Its exit code; 128 and the signal's number where a signal ended it, as a shell says it."""
    signal: str = ""
    """Name of that signal."""
    cpu: float | None = None
    """CPU seconds of it and of its children that it waited for; None where the system does not say."""

    @property
    def words(self) -> str:
        """``exit code 3``, or ``ended by SIGKILL``."""
        return f"ended by {self.signal}" if self.signal else f"exit code {self.code}"


class TaskError(GpuMonError):
    """The program cannot be started; ``code`` is what a shell would exit with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Held:
    """While this lasts, signals wait to be handed on instead of ending us. Threads made meanwhile do not meet them."""

    def __init__(self) -> None:
        self.signals = _heeded() if hasattr(signal, "pthread_sigmask") else set[signal.Signals]()
        self.before: set[int] = set()

    def __enter__(self) -> Held:
        if self.signals:
            self.before = {int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, self.signals)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.signals:
            _forget(self.signals)
            signal.pthread_sigmask(signal.SIG_SETMASK, self.before)


def _forget(signals: set[signal.Signals]) -> None:
    """Take what waits: whoever was too late meant the task. What waits may be another thread's, and gone at once."""
    if hasattr(signal, "sigtimedwait"):
        while signal.sigtimedwait(signals, 0) is not None:
            pass
    else:
        while signals & signal.sigpending():
            signal.sigwait(signals)


def _heeded() -> set[signal.Signals]:
    """What is handed on, and news of children.

    Also what we were started to ignore (nohup, a job in the background): so was the child, and whether it still does
    is its own affair.
    """
    return {signal.Signals[name] for name in (*_PASSED_ON, "SIGCHLD") if hasattr(signal, name)}


def run(command: Sequence[str], held: Held, started: Callable[[int], object]) -> Ending:
    """Run a program to its end, without a shell between.

    Args:
        command: the program and its arguments.
        held: the signals that are held back now.
        started: told its process id.

    Raises:
        TaskError: it cannot be started.
    """
    if not held.signals:
        return _run_plainly(command)
    defaults = [signal.Signals[name] for name in _OWN_DEFAULTS]
    if signal.SIGINT in signal.sigpending() and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        raise TaskError("Interrupted before the task was started.", _INTERRUPTED)
    try:
        pid = os.posix_spawnp(command[0], list(command), os.environ, setsigmask=held.before, setsigdef=defaults)
    except OSError as e:
        raise _not_started(command[0], e) from e
    started(pid)
    return _wait(pid, held.signals)


def _not_started(program: str, error: OSError) -> TaskError:
    if isinstance(error, FileNotFoundError):
        return TaskError(f"There is no program {program!r} here. Look at its spelling and at PATH.", NOT_FOUND)
    return TaskError(f"{program!r} cannot be started: {error.strerror or error}.", NOT_EXECUTABLE)


def _run_plainly(command: Sequence[str]) -> Ending:
    """Where signals cannot be held back (Windows): Ctrl-C is the task's, which shares the console."""
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return Ending(subprocess.call(command))  # noqa: S603 - the user's own command
    except OSError as e:
        raise _not_started(command[0], e) from e


def _wait(pid: int, signals: set[signal.Signals]) -> Ending:
    """Hand signals on until the child has ended; stop when it stops. What it may not be sent is said once."""
    refused = False
    while True:
        number, ours = _next(signals)
        if number == signal.SIGCHLD:
            ending = _look(pid)
            if ending is not None:
                return ending
        elif ours and not _sent(pid, number) and not refused:
            refused = True
            sys.stderr.write(f"gpumon: {_name(number)} cannot be handed on: the task is another user's. It goes on.\n")


def _sent(pid: int, number: int) -> bool:
    """Hand a signal on; False where the child is another user's (sudo)."""
    try:
        os.kill(pid, number)
    except PermissionError:
        return False
    return True


def _name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _next(signals: set[signal.Signals]) -> tuple[int, bool]:
    """The next signal, and whether it was sent to us alone: not by the terminal to the whole group."""
    if sys.platform == "linux":
        found = signal.sigtimedwait(signals, _LOOK)
        if found is None:  # a thread that somebody's library has started may have taken the news
            return signal.SIGCHLD, True
        return found.si_signo, found.si_code != _BY_THE_KERNEL
    return signal.sigwait(signals), not sys.stdin.isatty()  # without more knowledge: a terminal has told both


def _look(pid: int) -> Ending | None:
    """How the child has ended; None while it lives. Where it was stopped, so are we until somebody goes on."""
    while True:
        found, status, used = os.wait4(pid, os.WNOHANG | os.WUNTRACED)
        if not found:
            return None
        if os.WIFSTOPPED(status):
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            return _ended(status, used.ru_utime + used.ru_stime)


def _ended(status: int, cpu: float) -> Ending:
    if not os.WIFSIGNALED(status):
        return Ending(os.WEXITSTATUS(status), cpu=cpu)
    number = os.WTERMSIG(status)
    return Ending(128 + number, _name(number), cpu)
