"""A simulated energy counter and the reads of it, with the exact integral of power as ground truth."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from jupyter_gpumon.model import Edge

LATENCY = 0.0025


class Truth:
    """Power in steps: ``(from, watts)`` in the order of time; the first holds from the beginning."""

    def __init__(self, steps: Sequence[tuple[float, float]]) -> None:
        self.steps = list(steps)

    def energy(self, until: float) -> float:
        """Exact joules from the first step to ``until``."""
        total = 0.0
        for (at, watts), (stop, _) in zip(self.steps, [*self.steps[1:], (until, 0.0)], strict=True):
            total += watts * max(0.0, min(stop, until) - at)
        return total

    def between(self, start: float, end: float) -> float:
        """Exact joules of a window."""
        return self.energy(end) - self.energy(start)


class Counter:
    """A counter that shows the integral of power as it was at its last update."""

    def __init__(
        self, truth: Truth, rng: random.Random, period: float = 0.1, jitter: float = 0.0, start: float = 0.0,
        seconds: float = 60.0,
    ) -> None:  # fmt: skip
        first = start + rng.random() * period
        count = int(seconds / period)
        self.times = sorted(first + n * period + rng.uniform(-jitter, jitter) for n in range(count))
        self.values = [round(5e5 + truth.energy(t), 3) for t in self.times]

    def at(self, mono: float) -> float:
        """What it shows."""
        return self.values[max(0, bisect_right(self.times, mono) - 1)]


def edges(counter: Counter, reads: Sequence[float], rng: random.Random, uuid: str = "GPU-1") -> Iterator[Edge]:
    """What a sampler that begins its reads at these times tells; each takes a moment of up to ``LATENCY``."""
    seen = value = None
    for begin in reads:
        end = begin + rng.uniform(0.3, 1.0) * LATENCY
        shown = counter.at(rng.uniform(begin, end))
        if value is not None and shown != value:
            yield Edge(uuid=uuid, since=seen, mono=end, joules=shown)
        value, seen = shown, begin


def every(spacing: float, until: float, rng: random.Random, wobble: float = 0.003) -> list[float]:
    """Reads at this spacing, with the unevenness of a busy machine."""
    first = rng.random() * spacing
    return [first + n * spacing + rng.uniform(0, wobble) for n in range(int(until / spacing))]


def around(counter: Counter, until: float, rng: random.Random, margin: float = 0.003) -> list[float]:
    """One read after each update and, at every other one, also one just before, as a sampler that knows when."""
    reads = []
    for n, at in enumerate(t for t in counter.times if t < until):
        if n % 2:
            reads.append(at - margin - rng.uniform(0, 0.001) - LATENCY)
        reads.append(at + margin + rng.uniform(0, 0.001))
    return reads
