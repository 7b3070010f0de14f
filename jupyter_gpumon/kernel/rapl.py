"""Energy of CPU packages and memory over a window, and which part of it is this kernel's.

By the host's RAPL counters, read once a second: of what goes beyond the idle power, the share of the CPU time that this
kernel's process tree had. The idle power belongs to the machine and is told apart, as is what others had. Where the
counters cannot be read it is an estimate by the model of the CPU, and called so.
"""

from __future__ import annotations

from collections import deque

from ..attribution import cpus
from ..attribution.shares import DOUBT
from ..model import Energy, Host, Sample
from ..wire import Stream
from .work import Work, descendants, own_seconds

_COUNTERS = {"cpu_energy": "cpu", "dram_energy": "memory"}
_GB = 1e9
Reading = tuple[float, float]
"""(monotonic seconds, joules or seconds)"""


class HostWatch:
    """What all windows of a kernel need of its host. A sink of its monitor, in whose thread it is asked."""

    def __init__(self) -> None:
        self._children: tuple[float, Work] = (-1.0, Work(0.0, 0.0))
        self._last: dict[str, Reading] = {}
        self._watts: dict[str, deque[float]] = {}

    def write(self, message: Stream) -> None:
        """Take what a sample says of the host."""
        if isinstance(message, Sample) and message.host is not None:
            for metric, name in _COUNTERS.items():
                joules = getattr(message.host, metric)
                if joules is not None:
                    self._take(name, message.mono, joules)

    def _take(self, name: str, mono: float, joules: float) -> None:
        last = self._last.get(name)
        if last is not None and mono - last[0] < 0.5:
            return
        self._last[name] = mono, joules
        if last is not None and joules >= last[1]:
            kept = self._watts.setdefault(name, deque(maxlen=600))
            kept.append((joules - last[1]) / (mono - last[0]))

    def own(self) -> float:
        """CPU time of the process that is measured, in seconds."""
        return own_seconds()

    def children(self, mono: float) -> Work:
        """Of this process's descendants; looked at once per sample."""
        if self._children[0] != mono:
            self._children = mono, descendants()
        return self._children[1]

    def idle(self, name: str) -> float:
        """Watts that CPUs (``cpu``) or memory draw without work: a low one of the last minutes; 0 before the first."""
        seen = sorted(self._watts.get(name, ()))
        return seen[len(seen) // 10] if seen else 0.0


class HostEnergy:
    """Keeps the readings around the start and the end of one window.

    Args:
        start: monotonic seconds.
        host: what is known of the machine.
        model: the CPU's name, for an estimate; None where the samples are of another machine, and none can be made.
    """

    def __init__(self, start: float, host: HostWatch | None = None, model: str | None = None) -> None:
        self._start, self._host, self._model = start, host or HostWatch(), model
        self._readings: dict[str, list[Reading]] = {}
        self._busy: list[Reading] = []
        """CPU seconds that the whole machine was busy since the first sample."""
        self._children: list[Reading] = []
        """CPU seconds of this process's descendants."""
        self._memory = 0.0
        self._before = self._after = self._host.own()

    def add(self, mono: float, host: Host) -> None:
        """Take one reading of the host."""
        for metric, name in _COUNTERS.items():
            joules = getattr(host, metric)
            if joules is not None:
                _keep(self._readings.setdefault(name, []), (mono, joules), self._start)
        if host.cpu_cores is not None:
            last = self._busy[-1] if self._busy else (mono, 0.0)
            _keep(self._busy, (mono, last[1] + sum(host.cpu_cores) * (mono - last[0])), self._start)
        if mono >= self._start:  # of samples from before it is too late to look
            children = self._host.children(mono)
            _keep(self._children, (mono, children.seconds), self._start)
            self._memory = max(self._memory, children.memory)

    def close(self) -> None:
        """The window has ended."""
        self._after = self._host.own()

    def over(self, end: float) -> dict[str, Energy]:
        """Energy from the start to ``end`` per domain; no entry where neither a counter nor an estimate tells it."""
        used = self._after - self._before + _grown(self._children, self._start, end)
        found = {name: _between(readings, self._start, end) for name, readings in self._readings.items()}
        share = self._share(used, end)
        told = {name: _charged(e, self._host.idle(name) * (end - self._start), share) for name, e in found.items() if e}
        if "cpu" not in self._readings and self._model is not None:
            return told | estimate(used, self._memory, end - self._start, self._model)
        return told

    def _share(self, used: float, end: float) -> float | None:
        """This kernel's share of all CPU time; None where the machine's is not known."""
        busy = _grown(self._busy, self._start, end)
        return min(1.0, used / busy) if busy > 0 else None


def _charged(whole: Energy, idle: float, share: float | None) -> Energy:
    """A window's part of what the machine took. Without a share it is all of it."""
    if share is None or whole.joules is None or whole.low is None or whole.high is None:
        return whole
    idle = min(idle, whole.joules)
    work = whole.joules - idle
    return Energy(
        joules=work * share,
        low=max(0.0, whole.low - idle) * share * (1 - DOUBT),
        high=min(max(0.0, whole.high - idle), (whole.high - idle) * share * (1 + DOUBT)),
        idle=0.0,
        others=work * (1 - share),
        unattributed=idle,
        method=whole.method,
    )


def estimate(used: float, memory: float, seconds: float, model: str) -> dict[str, Energy]:
    """By CPU time and memory alone.

    Args:
        used: CPU seconds.
        memory: bytes that the process tree held.
        seconds: length of the window.
        model: the CPU's name.
    """
    joules = {
        "cpu": cpus.watts_per_thread(model) * used,
        "memory": cpus.DRAM * memory / _GB * seconds,
    }
    off = cpus.DOUBT
    return {
        name: Energy(joules=value, low=(1 - off) * value, high=(1 + off) * value, idle=0.0, method="estimate")
        for name, value in joules.items()
        if value > 0
    }


def _keep(kept: list[Reading], reading: Reading, start: float) -> None:
    """Only the readings beside the start and the newest ones matter: a cell may run for days."""
    kept.append(reading)
    if len(kept) > 8 and kept[2][0] > start:
        del kept[3]
    elif len(kept) > 16:
        del kept[0]


def _grown(readings: list[Reading], start: float, end: float) -> float:
    """Growth over the window, from the first reading on, as far as it is known."""
    first, last = _at(readings, max(start, readings[0][0]) if readings else start), _at(readings, end)
    return max(0.0, last[0] - first[0]) if first and last else 0.0


def _between(readings: list[Reading], start: float, end: float) -> Energy | None:
    first, last = _at(readings, start), _at(readings, end)
    if first is None or last is None or last[0] < first[0]:
        return None  # too few readings, or the counter began anew
    return Energy(
        joules=last[0] - first[0], low=max(0.0, last[1] - first[2]), high=max(0.0, last[2] - first[1]), method="rapl"
    )


def _at(readings: list[Reading], moment: float) -> tuple[float, float, float] | None:
    """(value, lowest, highest) of a growing counter at a moment: linear between two readings, and on from the last."""
    if len(readings) < 2 or moment < readings[0][0]:
        return None
    after = next((i for i, (mono, _) in enumerate(readings) if mono >= moment), len(readings))
    (t0, e0), (t1, e1) = readings[max(0, min(after, len(readings) - 1) - 1) :][:2]
    value = e0 + (e1 - e0) * (moment - t0) / (t1 - t0)
    if moment > t1:
        # No reading yet: the power may have been anything from nothing to twice what it was.
        return value, e1, 2 * value - e1
    return value, e0, e1
