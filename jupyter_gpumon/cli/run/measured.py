"""A task between two moments of a stream: its record, its statistics, and its samples in the sinks."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from ...errors import GpuMonError
from ...kernel import completion
from ...kernel.cells import Frame, Wish
from ...kernel.connect import Connection
from ...kernel.rapl import HostWatch
from ...kernel.work import Work, tree
from ...model import Cell, Event, Hello, Request, Sample
from ...runs.usage import Usage
from ...sinks import Sink
from ...sinks.gate import Gate
from ...units import duration
from .tally import Tally
from .task import Ending, Held, TaskError, run

_LONG = 2.0
"""Seconds of waiting for sinks that are worth a word."""


@dataclass(frozen=True)
class Outcome:
    """All that is known of a run."""

    name: str
    command: tuple[str, ...]
    ending: Ending
    cell: Cell
    """The record: energies, by the same ledger as a notebook's cells."""
    window: tuple[float, float]
    """Start and end, monotonic seconds."""
    tally: Tally
    usage: Usage
    """What the devices did, by the sample."""
    hello: Hello
    sinks: tuple[Sink, ...]


def measure(
    name: str,
    command: Sequence[str],
    source: str,
    interval: float,
    sinks: Sequence[Sink],
    held: Held | None = None,
) -> Outcome:
    """Run a task and measure it. The task runs also where there is nothing to measure.

    Args:
        name: what the run is called.
        command: the program and its arguments.
        source: URL of where samples come from.
        interval: seconds between samples.
        sinks: where the samples of this time go; they are closed.
        held: the signals, where they are held back already: before any thread of a sink was there to meet them.

    Raises:
        TaskError: the program cannot be started.
        SourceError: the source is malformed.
    """
    with Held() if held is None else nullcontext(held) as signals:
        link = Connection(source)
        try:
            return _measured(link, signals, name, command, interval, sinks)
        finally:
            link.close()


class TaskWatch(HostWatch):
    """Whose CPU time and memory count: the task's, not ours or the agent's."""

    def __init__(self) -> None:
        super().__init__()
        self._pid: int | None = None
        self._used: float | None = None

    def begin(self, pid: int) -> None:
        """The task has this process id."""
        self._pid = pid

    def end(self, ending: Ending) -> None:
        """It is over."""
        self._pid, self._used = None, ending.cpu

    def own(self) -> float:
        """CPU seconds of the task up to now."""
        return self._used or 0.0

    def children(self, mono: float) -> Work:  # noqa: ARG002 - asked once a second at most: nothing to remember
        """Its memory; the CPU time of its children is in its own, where it waits for them."""
        return Work(0.0, 0.0 if self._pid is None else tree(self._pid).memory)


def _measured(
    link: Connection, held: Held, name: str, command: Sequence[str], interval: float, sinks: Sequence[Sink]
) -> Outcome:
    link.host = watch = TaskWatch()
    link.monitor.add(watch)
    link.monitor.ask(Request(interval=interval))
    gates = [Gate(sink) for sink in sinks]
    for gate in gates:
        link.monitor.add(gate)
    try:
        if link.ready():
            link.measure()
        for gate in gates:
            gate.open(link.hello)
        frame = Frame(link, Wish(name, sync=False))
        tally, usage = Tally(frame.start, interval), Usage(frame.start)
        link.monitor.add(tally)
        link.tape.follow(usage.take)
        ending = _run(frame, command, held, watch)
        tally.end = link.now()
        usage.close(tally.end)
        frame.close("error" if ending.code else "ok")
        cell = completion.finish(frame, None, patience=None).cell
        for gate in gates:
            _keep(gate, cell, tally.end)
    finally:
        for gate in gates:
            gate.shut()  # all, before one is waited for: what comes meanwhile would be in the others
        for gate in gates:
            _close(gate)
    window = frame.start, frame.start + cell.duration
    return Outcome(name, tuple(command), ending, cell, window, tally, usage, link.hello, tuple(sinks))


def _keep(gate: Gate, cell: Cell, mono: float) -> None:
    """The run's record, where a sink keeps such; in a recording, where it was, for charts and reports."""
    event = Event(kind="cell", time=cell.start, until=cell.end, mono=mono, title=cell.title, detail=cell.id)
    gate.write(Sample(time=cell.end, mono=mono, events=(event,)))
    keep = getattr(gate.sink, "keep", None)
    if keep is not None:
        keep(cell)


def _run(frame: Frame, command: Sequence[str], held: Held, watch: TaskWatch) -> Ending:
    try:
        ending = run(command, held, watch.begin)
        watch.end(ending)
        return ending
    except TaskError:
        frame.release()
        raise


def _close(gate: Gate) -> None:
    begun = time.monotonic()
    with suppress(GpuMonError):
        gate.close()
    waited = time.monotonic() - begun
    if waited > _LONG:
        sys.stderr.write(f"gpumon: waited {duration(waited)} for {getattr(gate.sink, 'url', 'a sink')}\n")
