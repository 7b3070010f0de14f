"""Simulated power with its exact integral, and what counters and power sensors make of it, as the agent reads them.

    rng = random.Random(7)
    run = schedule("square2", 1.0, count=20, rng=rng)          # twenty cells of 1 s on an otherwise idle GPU
    counter = Counter(run.truth, rng, period=0.1, delay=0.03, until=run.until)
    for now, edges in follow({"GPU-1": counter}, run.until, rng):   # the agent's own EdgeWatch on a clock of its own
        ...
    run.truth.between(*run.cells[0])                            # exact joules

Times are seconds, powers watts. Everything is drawn from ``rng``; nothing here waits.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jupyter_gpumon.model import Device, Edge, Sensor
from jupyter_gpumon.sources.edges import EdgeWatch

IDLE, LOAD = 60.0, 300.0
LATENCY = 0.0025
"""Seconds a read of the counter takes, as on a slow board."""
FLUSH = 0.09
"""Seconds between two takes of edges, as in the sampler."""
Piece = tuple[float, float, float]
"""(seconds, watts at its begin, watts at its end): power is a straight line between."""

SQUARES = {"square0.5": 0.5, "square2": 2.0, "square10": 10.0, "square33": 33.0}
PROFILES = ("const", *SQUARES, "ramp", "bursts")


class Truth:
    """Power as straight lines after one another, with a slow drift and noise on top, and its exact integral."""

    def __init__(self, pieces: Sequence[Piece], *, drift: float = 0.0, noise: float = 0.0, seed: int = 1) -> None:
        self.pieces, self._drift = pieces, drift
        self.starts, self.sums = [0.0], [0.0]
        for seconds, begin, end in pieces:
            self.starts.append(self.starts[-1] + seconds)
            self.sums.append(self.sums[-1] + seconds * (begin + end) / 2)
        rng = random.Random(seed)
        self._noise = [0.0]
        for _ in range(4096 if noise else 0):
            self._noise.append(self._noise[-1] + rng.gauss(0.0, noise) * NOISE_STEP)

    def energy(self, until: float) -> float:
        """Exact joules from time 0; the last piece's end goes on for ever."""
        i = min(bisect_right(self.starts, until) - 1, len(self.pieces) - 1)
        seconds, begin, end = self.pieces[i]
        inside = until - self.starts[i]
        if inside <= seconds:
            joules = inside * (begin + (end - begin) * inside / seconds / 2)
        else:
            joules = seconds * (begin + end) / 2 + (inside - seconds) * end
        return self.sums[i] + joules + self._drifted(until) + self._noisy(until)

    def between(self, start: float, end: float) -> float:
        """Exact joules of a window."""
        return self.energy(end) - self.energy(start)

    def watts(self, since: float, until: float) -> float:
        """Mean power."""
        return self.between(since, until) / (until - since)

    def _drifted(self, until: float) -> float:
        """Integral of a sine of ``drift`` watts and 40 s."""
        turn = 2 * math.pi / 40
        return self._drift * (1 - math.cos(turn * until)) / turn if self._drift else 0.0

    def _noisy(self, until: float) -> float:
        if len(self._noise) == 1:
            return 0.0
        rounds, rest = divmod(until / NOISE_STEP, len(self._noise) - 1)
        i = int(rest)
        return rounds * self._noise[-1] + self._noise[i] + (self._noise[i + 1] - self._noise[i]) * (rest - i)


NOISE_STEP = 0.02
"""Seconds for which noise keeps its value."""


def shape(profile: str, seconds: float, rng: random.Random) -> list[Piece]:
    """A load of this length; its phase is random.

    ``const`` 300 W; ``squareN`` 400 and 100 W at N Hz; ``ramp`` 60 to 400 W; ``bursts`` 20 ms of 500 W that come like
    rain, a tenth of the time, on 60 W; ``idle`` 60 W.
    """
    if profile in SQUARES:
        half = 0.5 / SQUARES[profile]
        first = rng.random() * half
        levels = [400.0, 100.0] if rng.random() < 0.5 else [100.0, 400.0]
        lengths = [first] + [half] * (int(seconds / half) + 2)
        return _cut([(length, levels[n % 2], levels[n % 2]) for n, length in enumerate(lengths)], seconds)
    if profile == "bursts":
        pieces: list[Piece] = []
        for _ in range(int(seconds / 0.1) + 20):  # twice as many as are needed; the rest is cut off
            pieces += [(rng.expovariate(1 / 0.18), IDLE, IDLE), (0.02, 500.0, 500.0)]
        return _cut(pieces, seconds)
    if profile == "ramp":
        return [(seconds, IDLE, 400.0)]
    watts = {"const": LOAD, "idle": IDLE}[profile]
    return [(seconds, watts, watts)]


def _length(pieces: Sequence[Piece]) -> float:
    return sum(piece[0] for piece in pieces)


def _cut(pieces: Sequence[Piece], seconds: float) -> list[Piece]:
    """The first so many seconds of pieces that are level."""
    kept: list[Piece] = []
    for length, begin, end in pieces:
        if seconds <= 0:
            break
        kept.append((min(length, seconds), begin, end))
        seconds -= length
    return kept


def decay(seconds: float, watts: float = 60.0, tau: float = 0.7) -> list[Piece]:
    """Idle power after a load: so much above it at first, and less and less."""
    steps = max(1, math.ceil(seconds / 0.02))
    level = [IDLE + watts * math.exp(-n * seconds / steps / tau) for n in range(steps + 1)]
    return [(seconds / steps, level[n], level[n + 1]) for n in range(steps)]


@dataclass
class Run:
    """What one GPU did: its power, the cells to be measured, and cells of others next to them."""

    truth: Truth
    cells: list[tuple[float, float]]
    until: float
    others: list[tuple[float, float]] = field(default_factory=list)


def schedule(
    profile: str, seconds: float, *, count: int, rng: random.Random, warmup: float = 8.0, decays: bool = False,
    drift: float = 0.0, noise: float = 1.0, neighbours: float | None = None, pause: float = 1.2,
) -> Run:  # fmt: skip
    """Cells of this profile and length, one after the other, at random phases, on an otherwise idle GPU.

    Args:
        warmup: idle seconds before the first.
        decays: power does not fall to idle at once after a cell.
        neighbours: seconds between each cell and cells of 0.3 s at 300 W before and after it.
        pause: least idle seconds between two cells (or their neighbours).
    """
    pieces: list[Piece] = [(warmup, IDLE, IDLE)]
    cells, others, now = [], [], warmup
    for _ in range(count):
        rest = pause + rng.random()
        load = shape(profile, seconds, rng)
        if neighbours is not None:
            before = [(0.3, LOAD, LOAD), (neighbours, IDLE, IDLE)]
            after = [(neighbours, IDLE, IDLE), (0.3, LOAD, LOAD)]
            start = now + 0.3 + neighbours
            others += [(now, now + 0.3), (start + seconds + neighbours, start + seconds + neighbours + 0.3)]
        else:
            before, after, start = [], [], now
        pieces += [*before, *load, *after, *(decay(rest) if decays else [(rest, IDLE, IDLE)])]
        cells.append((start, start + seconds))
        now = start + seconds + _length(after) + rest
    pieces.append((5.0, IDLE, IDLE))
    return Run(Truth(pieces, drift=drift, noise=noise, seed=rng.randrange(1 << 30)), cells, now + 5.0, others)


class Counter:
    """A counter that shows the integral of power as it was at its last update, to the millijoule.

    Args:
        jitter: seconds by which an update comes early or late, at most (uniform).
        delay: seconds after which an update is shown.
        duty: share of each period, its last part, from which the counter takes the power of all of it.
    """

    def __init__(
        self, truth: Truth, rng: random.Random, *, period: float = 0.1, jitter: float = 0.0, delay: float = 0.0,
        until: float, duty: float = 1.0,
    ) -> None:  # fmt: skip
        phase = rng.random() * period
        taken = sorted(phase + n * period + rng.uniform(-jitter, jitter) for n in range(int(until / period) + 1))
        self.period, self.delay = period, delay
        self.updates = taken
        """When the values were right."""
        self.times = [at + delay for at in taken]
        """When they were shown."""
        base = rng.uniform(1e4, 1e6)
        if duty >= 1:
            self.values = [round(base + truth.energy(at), 3) for at in taken]
            return
        self.values = []
        for at in taken:
            base += period * truth.watts(at - duty * period, at)
            self.values.append(round(base, 3))

    def at(self, mono: float) -> float:
        """What it shows."""
        return self.values[max(0, bisect_right(self.times, mono) - 1)]

    def naive(self, start: float, end: float) -> float:
        """The difference of two reads, which is all that Zeus, CodeCarbon and pyJoules take."""
        return self.at(end) - self.at(start)


def follow(
    counters: Mapping[str, Counter], until: float, rng: random.Random, *, latency: float = LATENCY,
    busy: float = 0.008, measuring: float = 0.0, sensor: Sensor | None = None, stops: float = 0.0,
) -> Iterator[tuple[float, tuple[Edge, ...]]]:  # fmt: skip
    """Run the agent's energy tier over these counters; yields (now, edges) as its samples would bring them.

    Args:
        latency: seconds a read takes; one in fifty takes up to four times as long.
        busy: seconds per GPU for which each second's sample keeps the thread.
        measuring: from when on a kernel measures; before, each counter is read once a second.
        sensor: what a trial has found about the boards.
        stops: share of the moments before, after and between reads at which the thread is not run for 20 to 300 ms.
    """
    now = 0.0

    def stop() -> float:
        return rng.uniform(0.02, 0.3) if stops and rng.random() < stops else 0.0

    def read(uuid: str) -> float:
        nonlocal now
        took = latency * (rng.uniform(0.7, 1.2) if rng.random() < 0.98 else rng.uniform(1.2, 4))
        now += stop()
        value = counters[uuid].at(now + rng.random() * took)
        now += took + stop()
        return value

    watch = EdgeWatch(read, lambda: now)
    watch.watch([Device(uuid=uuid, index=n, name="H200", sensor=sensor) for n, uuid in enumerate(counters)])
    tick, flushed = 0.0, 0.0
    while now < until:
        watch.measuring, now = now >= measuring, now + stop()
        if now >= tick:
            watch.sweep(0.5)
            now, tick = now + busy * len(counters), tick + 1
        elif watch.pending and now >= flushed + FLUSH:
            flushed = now
            yield now, watch.take()
        elif watch.due() <= now:
            watch.poll()
        else:
            flush = flushed + FLUSH if watch.pending else tick
            now = max(now, min(watch.due(), tick, flush)) + rng.expovariate(2000)


@dataclass(frozen=True)
class Meter:
    """A power sensor: every ``update`` seconds the mean of the last ``window`` seconds."""

    update: float
    window: float


METERS = {
    "instant": Meter(0.1, 0.1),
    "average": Meter(0.1, 1.0),
    "duty": Meter(0.1, 0.025),
    "volta": Meter(0.02, 0.01),
}
"""Power readings as boards have them; ``duty`` sees a quarter of the time, ``volta`` half of it."""


def readings(
    truth: Truth, meter: Meter, until: float, rng: random.Random, *, poll: float | None = None, lost: float = 0.0
) -> list[tuple[float, float]]:
    """What reads of a power sensor tell, as (mono, watts), to the milliwatt.

    Args:
        poll: seconds between reads, which see the sensor's last update; None reads once, right after each update.
        lost: share of the reads that fail.
    """
    phase = rng.random() * meter.update

    def shown(number: int) -> float:
        at = max(phase + number * meter.update, meter.window)
        return round(truth.watts(at - meter.window, at), 3)

    found = []
    if poll is None:
        found = [(phase + n * meter.update + 0.0002, shown(n)) for n in range(int((until - phase) / meter.update))]
    else:
        first, cache = rng.random() * poll, (-1, 0.0)
        for n in range(int(until / poll)):
            at = first + n * poll + rng.expovariate(2000)
            number = max(0, math.floor((at - phase) / meter.update))
            cache = cache if cache[0] == number else (number, shown(number))
            found.append((at, cache[1]))
    return [reading for reading in found if rng.random() >= lost]
