"""The nvidia backend in a process of its own: which driver is loaded is decided before a process starts.

The test's side is ``BackendProcess``, a ``Backend`` like any other; the child's side is ``main``: a call a line in, its
value or its error a line out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from jupyter_gpumon import errors
from jupyter_gpumon.clock import SystemClock
from jupyter_gpumon.metrics import METRICS, Gpu
from jupyter_gpumon.model import Device, Event, Hello, Process
from jupyter_gpumon.sources import Power

ROOT = Path(__file__).parents[1]
ALL = frozenset(METRICS)

T = TypeVar("T")


class BackendProcess:
    """Speaks to the child; raises what the backend raised. Use it as a context manager."""

    def __init__(self, env: dict[str, str], root: Path = Path("/")) -> None:
        command = [sys.executable, "-m", "tests.backend_process", str(root)]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, env=env, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    def __enter__(self) -> BackendProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        self._child.stdin.close()
        self._child.stdout.close()
        assert self._child.wait(60) == 0

    def open(self) -> BackendProcess:
        """Open the backend, closing the one before."""
        self._call("open", None)
        return self

    @property
    def hello(self) -> Hello:
        return self._call("hello", Hello)

    def devices(self) -> Sequence[Device]:
        return self._call("devices", list[Device])

    def read(self, wanted: Iterable[str] = ALL) -> Sequence[Gpu]:
        return self._call("read", list[Gpu], sorted(wanted))

    def processes(self) -> Sequence[Process]:
        return self._call("processes", list[Process])

    def energy(self, uuid: str) -> float | None:
        return self._call("energy", float | None, uuid)

    def power(self, uuid: str) -> Power | None:
        return self._call("power", Power | None, uuid)

    def power_history(self, uuid: str, since: float) -> Sequence[tuple[float, float]] | None:
        return self._call("power_history", list[tuple[float, float]] | None, uuid, since)

    def events(self) -> Sequence[Event]:
        return self._call("events", list[Event])

    def close(self) -> None:
        self._call("close", None)

    def advance(self, seconds: float) -> None:
        """Let that much time pass for what the backend decides by its clock."""
        self._call("advance", None, seconds)

    def _call(self, name: str, kind: type[T] | None, *args: object) -> T:
        time.sleep(0.003)  # the fake driver looks once a millisecond whether its scenario was changed
        self._child.stdin.write(json.dumps([name, *args]) + "\n")
        self._child.stdin.flush()
        answer = json.loads(self._child.stdout.readline())
        if "error" in answer:
            raise getattr(errors, answer["error"])(answer["message"])
        return msgspec.convert(answer["value"], kind)


class RunningOn(SystemClock):
    """The machine's clock, some time ahead."""

    ahead = 0.0

    def mono(self) -> float:
        return super().mono() + self.ahead


class Child:
    """Answers the calls."""

    def __init__(self, root: str) -> None:
        self.root, self.clock, self.backend = Path(root), RunningOn(), None

    def answer(self, name: str, *args: Any) -> Any:
        if name == "open":
            return self._open()
        if name == "advance":
            self.clock.ahead += args[0]
            return None
        if name == "hello":
            return self.backend.hello
        if name == "read":
            return self.backend.read(frozenset(args[0]))
        return getattr(self.backend, name)(*args)

    def _open(self) -> None:
        from jupyter_gpumon.sources.nvidia.backend import NvidiaBackend

        if self.backend is not None:
            self.backend.close()
        self.backend = NvidiaBackend(self.root, self.clock)


def main(root: str) -> None:
    """Until standard input ends."""
    child = Child(root)
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"value": child.answer(*json.loads(line))}
        except errors.GpuMonError as e:
            answer = {"error": type(e).__name__, "message": str(e)}
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()


def until(check: Any, seconds: float = 60.0) -> Any:
    """What ``check`` returns, as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
    return found


if __name__ == "__main__":
    main(sys.argv[1])
