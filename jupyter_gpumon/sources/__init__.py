"""Where samples come from. A backend meets hardware; a source is a stream; both are named by one URL grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ..clock import Clock
from ..links import Link
from ..model import Device, Event, Gpu, Hello, Process, Request
from ..wire import Stream


class Power(NamedTuple):
    """One reading of a board's power."""

    kind: str
    """``instant`` or ``average`` (over the sensor's window, mostly a second), as ``model.PowerRun.kind``."""
    watts: float


class Backend(Protocol):
    """Hardware (or what stands for it). Called from one thread of the agent process only; calls may block.

    Every method may raise ``DriverError`` when the driver as a whole does not answer. One lost GPU raises nothing: its
    ``Device.state`` becomes ``lost`` and it is left out of ``read``.
    """

    hello: Hello
    """Driver, NVML and CUDA versions, ``simulated``, ``pid_namespace``; without devices."""

    def devices(self) -> Sequence[Device]:
        """The inventory, MIG instances after their board; looked at anew on every call."""

    def read(self, wanted: frozenset[str]) -> Sequence[Gpu]:
        """These metrics of every device that answers, in base units; a metric that is absent stays None."""

    def processes(self) -> Sequence[Process]:
        """Processes on the devices, with the driver's pids."""

    def energy(self, uuid: str) -> float | None:
        """The energy counter of one device in joules, read now; None where it has none."""

    def power(self, uuid: str) -> Power | None:
        """What one device draws, read now by a call that costs microseconds; None where it does not tell."""

    def power_history(self, uuid: str, since: float) -> Sequence[tuple[float, float]] | None:
        """(Unix time, watts) of what the driver recorded by itself after that Unix time, oldest first.

        None where it keeps no such record; empty where there is nothing new.
        """

    def events(self) -> Sequence[Event]:
        """What the driver told since the last call (XIDs, …); never waits."""

    def close(self) -> None:
        """Let go of the driver."""


@runtime_checkable
class TellsLinks(Protocol):
    """What a backend may have besides: it tells its NVLinks one by one."""

    def links(self) -> Sequence[Link]:
        """Each NVLink of every board that answers and is not split, read now."""


class Source(Protocol):
    """A stream of messages that begins with a ``Hello``."""

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """Yield messages until ``close``; blocks between them. The first is a ``Hello``."""

    def ask(self, request: Request) -> None:
        """Ask for another rate or for fine energy edges; a source may ignore it. Safe from any thread."""

    def close(self) -> None:
        """End the stream; safe from any thread, more than once."""
