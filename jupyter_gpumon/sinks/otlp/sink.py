"""The sink itself: it takes samples and cells, and sends them on; again and again while the receiver is away."""

from __future__ import annotations

import logging
import os
from collections import deque
from typing import TYPE_CHECKING

from ...errors import SourceError
from ...experiments import Run
from ...model import Cell, Sample
from ...wire import Stream
from ..queued import Queued
from ..urls import shown
from .address import Receiver
from .points import Point, Teller
from .runs import points as of_run
from .spans import span
from .words import heard

if TYPE_CHECKING:
    from .exporters import Exporter, Metrics, Traces

log = logging.getLogger("jupyter_gpumon")

MOST_TOGETHER = 30
"""Samples taken at once: what has waited for a receiver goes in few requests."""
MOST_POINTS = 5000
"""Points in one request: about 1.5 MB, where a receiver by gRPC takes 4 MB."""
MOST_CELLS = 2000
"""Records that may wait."""
LONGEST_PAUSE = 30.0
"""Seconds between two tries at most."""


class OtlpSink(Queued):
    """Sends over OTLP. ``keep`` and ``keep_run`` take the records of cells and runs, which do not ride in the samples.

    Args:
        url: as it was configured.
        receivers: signal (``metrics``, ``traces``) → who takes it.
    """

    def __init__(self, url: str, receivers: dict[str, Receiver]) -> None:
        super().__init__(url)
        self._receivers = receivers
        self._every = interval()
        self._cells: deque[Cell] = deque()
        self._runs: dict[str, Run] = {}
        self._told: deque[str] = deque(maxlen=MOST_CELLS)
        self._teller = Teller()
        self._due = float("-inf")
        self._metrics: Metrics | None = None
        self._traces: Traces | None = None
        self._exporters: list[Exporter] = []
        self.start()

    def keep(self, cell: Cell) -> None:
        """Take a record; a draft is waited for to become final. Sent with the next samples."""
        if not cell.final or cell.id in self._told:
            return
        self._told.append(cell.id)
        if len(self._cells) < MOST_CELLS:
            self._cells.append(cell)
        else:
            self.dropped += 1

    def keep_run(self, run: Run) -> None:
        """Take a word on a run: of several that wait the last one counts, since what it logs is told as sums."""
        if run.id in self._runs or len(self._runs) < MOST_CELLS:
            self._runs[run.id] = run
        else:
            self.dropped += 1

    def close(self) -> None:
        """Send what waits, unless the receiver is away."""
        if self.problem:
            self._stop()
        super().close()
        self._stop()

    def _stop(self) -> None:
        stopped, self._exporters = self._exporters, []
        for exporter in stopped:
            exporter.stop()

    def drain(self) -> None:
        """Send what comes."""
        from .exporters import Metrics, Traces

        with heard() as words:
            wanted = self._receivers
            self._metrics = Metrics(wanted["metrics"]) if "metrics" in wanted else None
            self._traces = Traces(wanted["traces"]) if "traces" in wanted else None
            self._exporters = [each for each in (self._metrics, self._traces) if each is not None]
            if words.last:
                self._say(words.last)
        while batch := self.batch(MOST_TOGETHER, 0.0):
            self._send_samples(batch)
            self._send_records()
        self._send_records()

    def _send_samples(self, batch: list[Stream]) -> None:
        self._send_points(list(self._teller.points([each for each in batch if self._wanted(each)])), len(batch))

    def _send_points(self, points: list[Point], messages: int) -> None:
        if self._metrics is None:
            return
        for first in range(0, len(points), MOST_POINTS):
            self._metrics.points = points[first : first + MOST_POINTS]
            self._deliver(self._metrics, messages if first == 0 else 0)

    def _send_records(self) -> None:
        runs = [self._runs.pop(key) for key in tuple(self._runs)]
        self._send_points([point for run in runs for point in of_run(run)], len(runs))
        cells = [self._cells.popleft() for _ in range(len(self._cells))]
        if self._traces is not None and cells:
            self._traces.spans = [span(cell) for cell in cells]
            self._deliver(self._traces, len(cells))

    def _wanted(self, message: Stream) -> bool:
        """Whether it is time: every sample, or one every so often."""
        if not isinstance(message, Sample):
            return True
        if not message.gpus and message.host is None:
            return False
        if message.mono < self._due - 2 * self._every:  # the clock began anew: another machine, or a restart
            self._due = float("-inf")
        if message.mono < self._due:
            return False
        self._due = message.mono + 0.9 * self._every
        return True

    def _deliver(self, exporter: Exporter, count: int) -> None:
        """Send until it has arrived, is refused, or nothing more may be waited for."""
        pause = 1.0
        while True:
            with heard() as words:
                arrived = self._tried(exporter)
            if arrived is None:
                self.dropped += count
                return
            if arrived:
                self._recovered()
                return
            self._say(words.reason, refused=words.refused)
            if words.refused or self.closing:
                self.dropped += count
                return
            self.pause(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _tried(self, exporter: Exporter) -> bool | None:
        """Whether it has arrived; None where it cannot be sent at all."""
        try:
            return exporter.send(self._teller.hello)
        except Exception as e:  # A value that the protocol cannot hold costs what it came with, not the sink.
            self._say(f"{type(e).__name__}: {e}", refused=True)
            return None

    def _say(self, reason: str, *, refused: bool = False) -> None:
        """Say what is the matter, once until it is over."""
        before, self.problem = self.problem, shown(reason)
        if not before:
            so = "What is refused is lost" if refused else "It is tried again"
            log.error("gpumon: %s: %s. %s; the other sinks go on.", self.url, self.problem.rstrip("."), so)

    def _recovered(self) -> None:
        if self.problem:
            lost = f"; {self.dropped} messages were lost" if self.dropped else ""
            log.info("gpumon: %s takes what it is sent again%s.", self.url, lost)
        self.problem = ""


def interval() -> float:
    """Seconds between points of one series: ``$OTEL_METRIC_EXPORT_INTERVAL`` in milliseconds, else every sample.

    Raises:
        SourceError: it is no number.
    """
    text = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "0")
    try:
        return float(text) / 1000
    except ValueError as e:
        raise SourceError(f"OTEL_METRIC_EXPORT_INTERVAL is to be milliseconds, not {text!r}.") from e
