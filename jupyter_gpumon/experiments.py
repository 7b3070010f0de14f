"""The words of runs: what was run, by which code on which machine, what was logged in it, and what it cost.

A run is an experiment under a name: a training, a benchmark, a load test. Runs of one name are repetitions.
"""

from __future__ import annotations

from msgspec import Struct, field

from .model import Cell, Columns

STATUSES = ("success", "partial", "failed", "no_gpus_available", "no_samples_collected")
"""How the monitoring of a run went: ``partial`` has gaps or no end, ``failed`` no source. ``running`` has not ended."""

KINDS = ("gauge", "counter", "histogram")
"""What a metric is: a level (its last value counts), growth (its sum counts), observations (their spread counts)."""


class Stats(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What many values are like. A percentile lies between two values in proportion."""

    count: int = 0
    sum: float | None = None
    last: float | None = None
    mean: float | None = None
    std: float | None = None
    """Standard deviation of a single value, by n - 1; None of fewer than two."""
    min: float | None = None
    median: float | None = None
    max: float | None = None
    p95: float | None = None
    p99: float | None = None


BOUNDS = {
    "seconds": (
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0,
        60.0,
    ),
    "ratio": (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0),
}  # fmt: skip
"""Unit → upper bounds of a histogram's buckets: latencies from one token to a long answer, and shares."""
_DECADES = tuple(step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5))


def bounds(unit: str) -> tuple[float, ...]:
    """Upper bounds of the buckets of a histogram in that unit."""
    return BOUNDS.get(unit, _DECADES)


class Logged(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of a run: its statistics over all values, and values to draw."""

    kind: str = "gauge"
    """One of ``KINDS``."""
    unit: str = ""
    """``seconds``, ``bytes``, ``ratio``, … ; empty where it has none, or nobody said."""
    stats: Stats = field(default_factory=Stats)
    times: tuple[float, ...] = ()
    """Seconds since the run's start at which ``values`` were logged; of very many, every n-th is kept."""
    values: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    """Of a histogram: how many values lay up to each of its unit's ``bounds``, and above the last."""
    skipped: int = 0
    """Values that were not finite (a loss that became NaN); in no statistic."""


class Origin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which code ran where. Nothing here is asked of the user."""

    repository: str | None = None
    branch: str | None = None
    commit: str | None = None
    message: str | None = None
    """First line of the commit's message."""
    changed: bool | None = None
    """Whether tracked files differed from the commit; None where that is not known."""
    notebook: str | None = None
    """Path of the notebook as the server names it; of a script, its file's name."""
    hostname: str = ""
    python: str = ""
    gpus: tuple[str, ...] = ()
    """Models of the GPUs that were visible, in their order."""
    driver: str | None = None
    cuda: str | None = None
    cpus: int | None = None
    memory: float | None = None
    """Bytes of the host's memory."""
    frameworks: dict[str, str] = field(default_factory=dict)
    """Name → version of those that the code itself had imported."""


class Run(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run."""

    version: int = 1
    id: str
    """UUID4."""
    name: str
    start: float
    end: float
    status: str = "success"
    """One of ``STATUSES``, or ``running``."""
    outcome: str = "ok"
    """How the code itself ended: ``ok``, ``error`` or ``interrupted``."""
    final: bool = True
    """False while the energy counters' last updates are still to come, and of one that runs."""
    simulated: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)
    metrics: dict[str, Logged] = field(default_factory=dict)
    usage: Columns | None = None
    """What the devices did meanwhile, by their names (``gpu0``), a row per sample; of a long run, means of several."""
    cell: Cell | None = None
    """What it cost: the record of its measurement."""
    notes: tuple[str, ...] = ()
    pid: int | None = None
    kernel_id: str | None = None

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.end - self.start


class RunLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run as a line in a list."""

    id: str
    name: str
    start: float
    end: float
    status: str
    outcome: str = "ok"
    simulated: bool = False
    branch: str | None = None
    commit: str | None = None
    message: str | None = None
    notebook: str | None = None
    gpus: str | None = None
    """Models of the GPUs, each once."""
    tags: dict[str, str] = field(default_factory=dict)
    joules: float | None = None
    """Measured energy of the GPUs it used, together; None where it is not known, or only an estimate or a bound."""
    joules_low: float | None = None
    joules_high: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    """Metric → the value that counts: a gauge's last, a counter's sum, a histogram's median."""


class Compared(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of two sides, and whether they differ by more than chance."""

    metric: str
    unit: str = ""
    first: float | None = None
    """The value that counts: over several runs, its mean; None where that side has none."""
    second: float | None = None
    first_stats: Stats = field(default_factory=Stats)
    """Over the runs of the side; of a single run, over the values that were logged in it."""
    second_stats: Stats = field(default_factory=Stats)
    change: float | None = None
    """``second`` less ``first``, as a share of ``first``; None where one is missing, or ``first`` is 0."""
    low: float | None = None
    """``low`` to ``high`` holds the true change with a likelihood of 95 %; None where no spread tells it."""
    high: float | None = None
    p: float | None = None
    """Likelihood of so great a difference by chance, corrected for how many metrics were tested (Holm)."""
    significant: bool | None = None
    """``p`` below 0.05; None where it cannot be told."""
    how: str = ""
    """By which test over what, or why it cannot be told."""


class Comparison(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Two sides, each a run or several of one name, metric by metric."""

    first: str
    second: str
    first_runs: tuple[str, ...] = ()
    """Ids of the runs that make up the side, the newest first."""
    second_runs: tuple[str, ...] = ()
    metrics: tuple[Compared, ...] = ()
    statement: str = ""
    """What differs, in plain words."""
    notes: tuple[str, ...] = ()
    """What else differs between the sides: GPUs, commits, drivers."""


class PostRun(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="run", tag_field="type"):
    """From a kernel: how a run of it stands, without its series."""

    run: Run
