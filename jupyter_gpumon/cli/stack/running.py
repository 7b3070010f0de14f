"""Start and stop: what is not installed is said, what is taken is said, what others started is left alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import psutil

from ...errors import GpuMonError
from .programs import HERE, PROGRAMS, Call, Program, Wish
from .state import Started, State

PATIENCE = 60.0
"""Seconds a program may take until it answers."""
GRACE = 20.0
"""Seconds a program may take to end, before it is killed."""

Say = Callable[[str], None]


def up(names: Sequence[str], wish: Wish, say: Say) -> bool:
    """Start these programs; returns whether all that were asked for run.

    Raises:
        GpuMonError: a port is taken (then none is started), or a program ended at once (those before it go on).
    """
    state = State(wish.folder)
    wanted = [PROGRAMS[name] for name in names if not _runs(state.read().get(name), say)]
    found = {program.name: path for program in wanted for path in [program.found()] if path}
    _check(found, wish)
    for program in wanted:
        if program.name in found:
            _start(program, program.call(wish, found[program.name]), wish, state)
            say(f"{program.name}: http://{wish.address(program.name)}")
            for hint in program.hints:
                say(hint.format(folder=wish.folder))
        else:
            say(f"{program.name} is not installed. {program.get}")
    return len(found) == len(wanted)


def _runs(known: Started | None, say: Say) -> bool:
    if known is None or known.process() is None:
        return False
    say(f"{known.name} runs already: http://{HERE}:{known.port} (process {known.pid}).")
    return True


def _check(names: Collection[str], wish: Wish) -> None:
    """All ports, before anything is started."""
    ports = [wish.ports[name] for name in names]
    for name in names:
        if ports.count(wish.ports[name]) > 1 or taken(wish.ports[name]):
            raise GpuMonError(
                f"Port {wish.ports[name]} is taken, so nothing was started. Choose another: --{name}-port."
            )


def taken(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        if os.name == "posix":  # a connection that has just ended there is not in the way
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HERE, port))
        except OSError:
            return True
    return False


def _start(program: Program, call: Call, wish: Wish, state: State) -> None:
    """Start it, remember it, and wait until it answers."""
    log, port = wish.folder / "logs" / f"{program.name}.log", wish.ports[program.name]
    process = _spawn(call, log)
    started = Started(name=program.name, pid=process.pid, began=psutil.Process(process.pid).create_time(), port=port)
    state.add(started)
    try:
        _wait(process, f"http://{HERE}:{port}{program.path}", log)
    except GpuMonError:
        _end(started)
        state.forget(program.name)
        raise


def _spawn(call: Call, log: Path) -> subprocess.Popen[bytes]:
    """A process that outlives this command and its terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603 - the words are our own
            list(call.words),
            env={**os.environ, **call.variables},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=sys.platform != "win32",
            creationflags=_apart(),
        )


def _apart() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
    return 0


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    name, end = log.stem, time.monotonic() + PATIENCE
    while not _answers(url):
        if process.poll() is not None:
            raise GpuMonError(f"{name} ended at once. Its last words: {_last(log)}\nAll of them: {log}")
        if time.monotonic() > end:
            raise GpuMonError(f"{name} did not answer within {PATIENCE:.0f} s, and was ended. See: {log}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    """Whether it answers on our own loopback address, which no proxy leads to."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _last(log: Path) -> str:
    words = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return words[-1] if words else "(none)"


def down(names: Sequence[str], folder: Path, say: Say) -> None:
    """Stop these programs, as far as ``up`` started them; the last one started first."""
    state = State(folder)
    started = state.read()
    wanted = [name for name in reversed(PROGRAMS) if name in names and name in started]
    if not wanted:
        say("Nothing is running that gpumon up started.")
    for name in wanted:
        say(f"{name} stopped." if _end(started[name]) else f"{name} had ended before.")
        state.forget(name)


def _end(started: Started) -> bool:
    """Ask it to end, and see that it does; False where it was gone already."""
    process = started.process()
    if process is None:
        return False
    process.terminate()
    if not _gone(started, GRACE):
        process.kill()
        _gone(started, GRACE)
    return True


def _gone(started: Started, seconds: float) -> bool:
    """Wait for its end; one whose parent does not collect it has ended too."""
    end = time.monotonic() + seconds
    while started.process() is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
