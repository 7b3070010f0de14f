"""Two runs, or two groups of runs, metric by metric: what differs, and whether that may be chance.

Runs of one name are repetitions: what varies between them is chance, and a test tells a difference from it. Of single
runs only observations (histograms) have a spread, and energies the interval of their measurement; a gauge's values
hang together, and are not tested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..errors import RunError
from ..experiments import Compared, Comparison, Logged, Run, Stats
from ..report.amounts import resolved
from ..spread import SIGMAS, SIGNIFICANT, Difference, Moments, Side, difference, holm, welch_of
from . import stats
from .amounts import measured
from .log import value_of

if TYPE_CHECKING:
    from .store import RunStore

ENERGY, DURATION = "energy_joules", "duration_s"
_OF_ENERGY = ("joules_per_", "tokens_per_s_per_watt")
"""Metrics that are as uncertain as the energy they are made from."""
_SINGLE = "one run each: repeat the runs under their names to tell it from chance"


@dataclass(frozen=True)
class Group:
    """One side: runs that ended well, the newest first."""

    name: str
    runs: Sequence[Run]


def group(store: RunStore, key: str) -> Group:
    """All runs of that name, or the one of that id.

    Raises:
        RunError: there is none, or none that has ended well.
    """
    found = store.find(key)
    ended = [run for run in found if run.status != "running" and run.outcome == "ok"]
    if not ended:
        raise RunError(f"No run {key!r} has ended well yet: there is nothing to compare.")
    single = len(ended) == 1
    return Group(f"{ended[0].name} ({ended[0].id[:8]})" if single else f"{ended[0].name} ({len(ended)} runs)", ended)


def compare(first: Group, second: Group) -> Comparison:
    """The second against the first."""
    names = dict.fromkeys(name for side in (first, second) for run in side.runs for name in run.metrics)
    found = [_compared(name, first, second) for name in (ENERGY, DURATION, *names)]
    rows = _corrected([row for row in found if row.first is not None or row.second is not None])
    return Comparison(
        first=first.name,
        second=second.name,
        first_runs=tuple(run.id for run in first.runs),
        second_runs=tuple(run.id for run in second.runs),
        metrics=tuple(rows),
        statement=statement(first.name, second.name, rows),
        notes=tuple(_notes(first, second)),
    )


def _compared(name: str, first: Group, second: Group) -> Compared:
    sides = [_values(name, side.runs) for side in (first, second)]
    logged = [_logged(name, side.runs) for side in (first, second)]
    values = [stats.of(side).mean for side in sides]
    unit = next((metric.unit for metric in logged if metric is not None), _unit(name))
    row = Compared(
        metric=name,
        unit=unit,
        first=values[0],
        second=values[1],
        first_stats=_spread(sides[0], logged[0]),
        second_stats=_spread(sides[1], logged[1]),
    )
    if row.first is None or row.second is None:
        return row
    found, how = _difference(name, row, first, second, sides, logged)
    return _told(row, found, how)


def _told(row: Compared, found: Difference | None, how: str) -> Compared:
    """The row with its difference as a share of the first."""
    base = abs(row.first or 0.0)
    if not base:
        return replace(row, how=how if found is None else f"{how}; no share of 0", p=None if found is None else found.p)
    change = ((row.second or 0.0) - (row.first or 0.0)) / base
    if found is None:
        return replace(row, change=change, how=how)
    return replace(row, change=change, low=found.low / base, high=found.high / base, p=found.p, how=how)


def _difference(
    name: str,
    row: Compared,
    first: Group,
    second: Group,
    sides: Sequence[Sequence[float]],
    logged: Sequence[Logged | None],
) -> tuple[Difference | None, str]:
    if min(map(len, sides)) > 1:
        moments = [_moments(stats.of(side)) for side in sides]
        return welch_of(moments[1], moments[0]), f"Welch's t test over {len(sides[0])} and {len(sides[1])} runs"
    if max(map(len, sides)) > 1:
        return None, "one side has a single run: repeat it under its name to tell it from chance"
    if name == ENERGY or name.startswith(_OF_ENERGY):
        errors = [_share_of_error(side.runs[0]) for side in (first, second)]
        if None in errors:
            return None, "of one of them only a bound is known"
        one, other = (
            Side(value or 0.0, abs(value or 0.0) * (error or 0.0))
            for value, error in zip((row.first, row.second), errors, strict=True)
        )
        return difference(other, one), "the intervals of single runs, which do not tell how much runs vary"
    if all(metric is not None and metric.kind == "histogram" and metric.stats.count > 1 for metric in logged):
        moments = [_moments(metric.stats) for metric in logged if metric is not None]
        counts = " and ".join(str(side.number) for side in moments)
        return welch_of(moments[1], moments[0]), f"Welch's t test over {counts} values within one run each"
    return None, _SINGLE


def _moments(said: Stats) -> Moments:
    return Moments(said.mean or 0.0, said.std or 0.0, said.count)


def _values(name: str, runs: Sequence[Run]) -> list[float]:
    """The value that counts of each run that has it; a histogram's mean, which is what is tested."""
    found = [_value(name, run) for run in runs]
    return [value for value in found if value is not None]


def _value(name: str, run: Run) -> float | None:
    if name == DURATION:
        return run.duration
    if name == ENERGY:
        return measured(run).joules if resolved(measured(run)) else None
    metric = run.metrics.get(name)
    return None if metric is None else metric.stats.mean if metric.kind == "histogram" else value_of(metric)


def _logged(name: str, runs: Sequence[Run]) -> Logged | None:
    return next((run.metrics[name] for run in runs if name in run.metrics), None)


def _spread(values: Sequence[float], logged: Logged | None) -> Stats:
    return logged.stats if len(values) == 1 and logged is not None else stats.of(values)


def _unit(name: str) -> str:
    return {ENERGY: "joules", DURATION: "seconds"}.get(name, "")


def _share_of_error(run: Run) -> float | None:
    """Standard error of a run's energy as a share of it."""
    value = measured(run)
    if not value.joules or value.low is None or value.high is None or not resolved(value):
        return None
    return (value.high - value.low) / 2 / SIGMAS / value.joules


def _corrected(rows: list[Compared]) -> list[Compared]:
    """With likelihoods corrected for their number."""
    tested = [at for at, row in enumerate(rows) if row.p is not None]
    for at, p in zip(tested, holm([rows[at].p or 0.0 for at in tested]), strict=True):
        rows[at] = replace(rows[at], p=p, significant=p < SIGNIFICANT)
    return rows


def statement(first: str, second: str, rows: Sequence[Compared]) -> str:
    """What differs, in plain words."""
    tested = [row for row in rows if row.significant is not None]
    sure = [row for row in tested if row.significant]
    if not tested:
        return f"{second} against {first}: no difference can be told from chance ({_SINGLE})."
    said = (
        f"{second} against {first}: {len(sure)} of {len(tested)} metrics that can be tested differ by more than chance"
    )
    if sure:
        said += ": " + "; ".join(_words(row) for row in sorted(sure, key=lambda row: -abs(row.change or 0.0)))
    rest = len(rows) - len(tested)
    untested = f" {rest} cannot be tested." if rest else ""
    return f"{said} (likelihood of chance below 5 %, corrected for {len(tested)} tests).{untested}"


def _words(row: Compared) -> str:
    if row.change is None:
        return f"{row.metric} (p {_p(row.p)})"
    known = row.low is not None and row.high is not None and row.low < row.high
    range_ = f", {share(row.low or 0.0)} to {share(row.high or 0.0)}" if known else ""
    return f"{row.metric} {more(row.change)}{range_} (p {_p(row.p)})"


def more(change: float) -> str:
    """``12 % less``."""
    return f"{share(abs(change)).lstrip('+')} {'more' if change >= 0 else 'less'}"


def share(change: float) -> str:
    """``-12 %``."""
    size = abs(change) * 100
    digits = f"{size:.0f}" if size >= 9.95 else f"{size:.1f}" if size >= 0.05 else f"{size:.2g}"
    return f"{'+' if change > 0 else '-' if change < 0 else ''}{digits} %"


def _p(p: float | None) -> str:
    return "< 0.001" if p is not None and p < 0.001 else f"= {p:.2g}"


def _notes(first: Group, second: Group) -> list[str]:
    """What else is not the same."""
    kinds: dict[str, Callable[[Run], str]] = {
        "GPU": lambda run: ", ".join(dict.fromkeys(run.origin.gpus)) or "none",
        "driver": lambda run: run.origin.driver or "unknown",
        "commit": lambda run: (run.origin.commit or "unknown")[:8],
        "machine": lambda run: run.origin.hostname,
    }
    found = []
    for kind, tell in kinds.items():
        one, other = ({tell(run) for run in side.runs} for side in (first, second))
        if one != other:
            found.append(f"Not the same {kind}: {', '.join(sorted(one))} against {', '.join(sorted(other))}.")
    if any(run.simulated for side in (first, second) for run in side.runs):
        found.append("Simulated GPUs: energies and device readings are not measured.")
    return found
