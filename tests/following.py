"""A source followed in a thread, as the monitor does it, with waits that end when something has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from jupyter_gpumon.clock import SystemClock
from jupyter_gpumon.model import Hello, Sample, Status


class Following:
    """Collects what a source says; ``until`` waits for it."""

    def __init__(self, source) -> None:
        self.source = source
        self.messages: list = []
        self.error: Exception | None = None
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *args) -> None:
        self.source.close()
        self._thread.join(10)

    def _run(self) -> None:
        try:
            for message in self.source.stream(SystemClock()):
                self.messages.append(message)
        except Exception as e:
            self.error = e
        self.ended.set()

    @property
    def hellos(self) -> list[Hello]:
        return [m for m in self.messages if isinstance(m, Hello)]

    @property
    def status(self) -> Status:
        return self.hellos[-1].status if self.hellos else Status(state="")

    @property
    def states(self) -> list[str]:
        """The states in turn, each once."""
        states = [hello.status.state for hello in self.hellos]
        return [state for place, state in enumerate(states) if place == 0 or states[place - 1] != state]

    @property
    def samples(self) -> list[Sample]:
        return [m for m in self.messages if isinstance(m, Sample) and m.gpus]

    @property
    def events(self) -> list:
        return [event for m in self.messages if isinstance(m, Sample) for event in m.events]

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> float:
        """Wait for the condition; how long it took."""
        begun = time.monotonic()
        while not condition():
            assert self.error is None, self.error
            assert time.monotonic() - begun < seconds, f"no {what} in {seconds} s; states {self.states}"
            time.sleep(0.02)
        return time.monotonic() - begun

    def until_state(self, state: str, seconds: float = 60) -> Status:
        self.until(lambda: self.status.state == state, state, seconds)
        return self.status

    def until_more(self, count: int = 2, seconds: float = 60) -> None:
        """Wait for that many more samples with GPUs."""
        known = len(self.samples)
        self.until(lambda: len(self.samples) >= known + count, f"{count} more samples", seconds)


def gone(pid: int, seconds: float = 60) -> bool:
    """Whether the process has ended (or does so in time)."""
    import psutil

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False
