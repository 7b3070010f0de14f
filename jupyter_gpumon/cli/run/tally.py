"""What the samples of a run say: how each metric was distributed, and how regularly they came. A sink."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ...distribution import Distribution, Spread
from ...metrics import HOST_METRICS, METRICS, SERIES, Metric
from ...model import Host, Sample
from ...wire import Stream

GAUGES = tuple(name for name, metric in METRICS.items() if metric.kind == "gauge" and name in SERIES)
HOST_GAUGES = tuple(name for name, metric in HOST_METRICS.items() if metric.kind == "gauge")
POWERS = {"cpu_energy": "cpu_power", "dram_energy": "dram_power"}
"""Counters of the host's energy → what their growth is called here; in watts."""
_WATTS = METRICS["power"]
HOST = ""
_HOLD = {"slow": 35.0}
"""Seconds for which a reading stands at most: a metric of the slow tier is read every 15 s."""
_LEAST_HOLD = 3.0


@dataclass
class Pace:
    """How the samples came."""

    asked: float
    """Seconds between two that were asked for."""
    samples: int = 0
    missed: int = 0
    """Due, but left out because the driver or the machine was too slow."""
    longest: float = 0.0
    """Seconds between two at most."""
    first: float | None = None
    last: float = 0.0

    @property
    def achieved(self) -> float | None:
        """Seconds between two on average; None where there were not two."""
        if self.first is None or self.samples < 2:
            return None
        return (self.last - self.first) / (self.samples - 1)

    def take(self, mono: float, missed: int) -> None:
        """One more."""
        self.samples += 1
        if self.first is None:
            self.first = mono
        else:
            self.missed, self.longest = self.missed + missed, max(self.longest, mono - self.last)
        self.last = mono


@dataclass
class Tally:
    """Adds up the samples from ``start`` to the end that is told when it is known (monotonic seconds)."""

    start: float
    interval: float
    end: float = float("inf")
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(self.interval)
        self._found: dict[tuple[str, str], Distribution] = {}
        self._energies: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def write(self, message: Stream) -> None:
        """Look at one message, in the monitor's thread."""
        if isinstance(message, Sample) and message.mono <= self.end:
            with self._lock:
                if message.host is not None:
                    self._powers(message.mono, message.host)
                if message.mono >= self.start:
                    self._take(message)

    def _take(self, sample: Sample) -> None:
        if sample.gpus:
            self.pace.take(sample.mono, sample.missed)
        for gpu in sample.gpus:
            for name in GAUGES:
                self._add((gpu.uuid, name), METRICS[name], sample.mono, getattr(gpu, name))
        if sample.host is not None:
            for name in HOST_GAUGES:
                self._add((HOST, name), HOST_METRICS[name], sample.mono, getattr(sample.host, name))

    def _powers(self, mono: float, host: Host) -> None:
        """Watts of CPU and memory since the reading before; counters are updated too coarsely for less than 0.2 s."""
        for counter, name in POWERS.items():
            joules, before = getattr(host, counter), self._energies.get(counter)
            if joules is None or (before is not None and mono - before[0] < 0.2):
                continue
            self._energies[counter] = mono, joules
            if before is not None and joules >= before[1] and mono >= self.start:
                self._add((HOST, name), _WATTS, mono, (joules - before[1]) / (mono - before[0]))

    def _add(self, key: tuple[str, str], metric: Metric, mono: float, value: float | None) -> None:
        if value is None:
            return
        if key not in self._found:
            hold = _HOLD.get(metric.tier, max(_LEAST_HOLD, 3 * self.interval))
            self._found[key] = Distribution(metric.unit, self.start, hold)
        self._found[key].add(mono, value)

    def spreads(self) -> dict[str, dict[str, Spread]]:
        """Device (the host is ``HOST``) → metric → how it was distributed. To be asked once, when all has come."""
        with self._lock:
            told: dict[str, dict[str, Spread]] = {}
            for (device, metric), found in self._found.items():
                spread = found.close(self.end)
                if spread is not None:
                    told.setdefault(device, {})[metric] = spread
            return told
