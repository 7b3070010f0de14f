"""What is not the GPU's doing: more threads than CPUs, a cache too small, a first run that compiles."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from ...findings import Evidence, Finding
from ...model import Cell
from ...units import duration, quantity
from .board import boards
from .code import code
from .pictures import host
from .series import known, mean
from .stretch import Stretch

CROWDED, CROWDS = 1.25, 2.0
"""Load per CPU from which on threads wait for one another: a little, and much."""
MISSED = 0.8
"""Share of hits below which a cache does not do what it is for."""
_ASKED = 100
"""How often a cache was asked at least."""
_SLOWER, _SECONDS = 2.0, 0.5
"""How much longer than the others a first run is, and by how many seconds at least."""


def cpu_oversubscription(stretch: Stretch) -> Iterator[Finding]:
    """More threads want to run than there are CPUs, while a GPU is at work."""
    columns, working = stretch.columns, boards(stretch)
    if columns is None or not working:
        return
    rows = sorted({row for board in working for row in board.rows})
    load, count = (columns.host.get(name) or [None] * len(columns.time) for name in ("load", "cpu_count"))
    wanting, cpus = mean([load[row] for row in rows]), max(known([count[row] for row in rows]), default=None)
    if not wanting or not cpus or wanting < CROWDED * cpus or len(rows) * working[0].step < 30:
        return
    span = working[0].span
    yield Finding(
        rule="cpu-oversubscription",
        level="warning" if wanting >= CROWDS * cpus else "info",
        title="More threads than CPUs",
        detail=f"{wanting:.1f} threads wanted to run on {cpus:g} CPUs on average.",
        steps=(
            "Give each process its part: OMP_NUM_THREADS, torch.set_num_threads, fewer loader workers",
            "In a container, count the CPUs it may use (gpumon status), not those of the machine",
            "See who else computes here",
        ),
        value=wanting / cpus,
        unit="count",
        evidence=(host([columns.time[row] for row in span], [load[row] for row in span], "load", "count", cpus),),
        confidence=0.8,
        code=code("threads", stretch, each=max(1, int(cpus) // 2), workers=max(1, int(cpus) // 2)),
    )


def cache_misses(stretch: Stretch) -> Iterator[Finding]:
    """A cache that is watched has less than four fifths of what it is asked for."""
    for name, (hits, misses) in stretch.caches.items():
        asked = hits + misses
        if asked < _ASKED or hits >= MISSED * asked:
            continue
        yield Finding(
            rule="cache-misses",
            level="info",
            title="A cache misses often",
            detail=f"{name} had {hits / asked * 100:.0f} % of what it was asked for ({hits} of {asked}).",
            steps=(
                "Make it larger, or ask in an order that finds what was asked for lately",
                "Prepare what is always needed before the loop",
                "Where hardly anything is asked for twice, do without it",
            ),
            subject=name,
            value=hits / asked,
            unit="ratio",
            evidence=(Evidence(metric="hits, misses", unit="count", values=(float(hits), float(misses))),),
            confidence=0.7,
            code=code("cache", stretch, name=name if name.isidentifier() else "cached", size=4 * misses),
        )


def warm_up(stretch: Stretch) -> Iterator[Finding]:
    """The first run of what is run again and again takes much longer: it compiles, allocates, tunes."""
    repeats = stretch.cell.repeats if stretch.cell is not None else None
    if repeats is not None and repeats.first and repeats.mean and repeats.first >= _SLOWER * repeats.mean:
        first, others = (quantity(value, "joules") for value in (repeats.first, repeats.mean))
        said = f"The first run took {first}, one of the others {others}"
        yield _first(stretch, said, [repeats.first, *repeats.joules], "joules")
        return
    times = [cell.duration for cell in _again(stretch)]
    if len(times) < 4:
        return
    usual = median(times[1:])
    steady = max(times[1:]) <= _SLOWER * usual
    if steady and times[0] >= _SLOWER * usual and times[0] - usual >= _SECONDS:
        said = f"The first run took {duration(times[0])}, the {len(times) - 1} others {duration(usual)}"
        yield _first(stretch, said, times, "seconds")


def _again(stretch: Stretch) -> list[Cell]:
    """The runs of what was run last: the same cell of the notebook, or steps of one name."""
    about = stretch.cell or (stretch.cells[-1] if stretch.cells else None)
    if about is None:
        return []
    if about.cell_id is None and not about.title:
        return []
    name = (about.cell_id, about.title, about.kernel_id)
    every = stretch.cells if about in stretch.cells else (*stretch.cells, about)
    return [cell for cell in every if (cell.cell_id, cell.title, cell.kernel_id) == name and cell.status == "ok"]


def _first(stretch: Stretch, said: str, values: list[float], unit: str) -> Finding:
    return Finding(
        rule="warm-up",
        level="info",
        title="The first run is no measure",
        detail=f"{said}: it compiles, allocates and tunes.",
        steps=(
            "Leave it out of comparisons: %%gpumon --repeat auto does",
            "Keep what was compiled: torch.compile's and JAX's caches outlive the kernel",
            "Keep shapes the same from step to step: each new one compiles again",
        ),
        value=values[0],
        unit=unit,
        evidence=(Evidence(metric="run by run", unit=unit, values=tuple(values[:120])),),
        confidence=0.8,
        code=code("warm", stretch),
    )
