"""What the posted cells were charged, summed up by notebook: pure functions over records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from msgspec.structs import replace

from ..books import NotebookBook
from ..carbon import footprint
from ..energy.sums import placed, total
from ..model import Cell, Energy, Footprint

ESTIMATE = "estimate"
_AMOUNTS = ("joules", "low", "high", "least", "most", "idle", "tail", "others", "unattributed")
_SAID = ("joules", "grams", "grams_low", "grams_high", "cost", "cost_low", "cost_high")


def charged(cell: Cell, uuids: Mapping[str, str], since: float, kernel: str) -> NotebookBook:
    """A book with this one cell in it, as far as the cell lies after ``since``: each joule once.

    Args:
        cell: measurements nested in it are posted themselves, and are taken off where it says so (``exclusive``). What
            is counted as a cell, its seconds and what CPU and memory took are those of the outermost one.
        uuids: device name → UUID.
        since: Unix time; of a cell that began before it only the later part counts, as if its power had been even.
        kernel: whose cell it is.
    """
    part = _part(cell, since)
    own = {**cell.energy, **cell.exclusive}
    used = {uuids[d.name]: own[d.name] for d in cell.devices if d.used and d.name in own and d.name in uuids}
    charges = {uuid: placed(energy) for uuid, energy in used.items()}
    known = {uuid: scaled(energy, part) for uuid, energy in charges.items() if energy.joules is not None}
    unresolved = [energy for energy in used.values() if energy.joules is None]
    after = {uuids[name]: placed(energy).joules for name, energy in cell.background.items() if name in uuids}
    costs = footprint.anew if cell.exclusive else footprint.told
    return NotebookBook(
        notebook=cell.notebook,
        kernel=kernel,
        cells=0 if cell.within else 1,
        seconds=0.0 if cell.within else (cell.end - cell.start) * part,
        energy={uuid: energy for uuid, energy in known.items() if energy.method != ESTIMATE},
        unresolved=len(unresolved),
        bound=sum(energy.high or 0.0 for energy in unresolved) * part,
        background={uuid: joules * part for uuid, joules in after.items() if joules is not None},
        estimate={uuid: energy.joules or 0.0 for uuid, energy in known.items() if energy.method == ESTIMATE},
        host=None if cell.within else _host(cell.host_energy.values(), part),
        footprint=_shrunk(costs(cell.footprint, charges.values()), part),
    )


def _part(cell: Cell, since: float) -> float:
    """Share of a cell's time that lies after ``since``."""
    return 1.0 if cell.start >= since else max(0.0, cell.end - since) / max(cell.end - cell.start, 1e-9)


def scaled(energy: Energy, part: float) -> Energy:
    """This share of an energy."""
    return (
        energy if part == 1.0 else replace(energy, **{name: _times(getattr(energy, name), part) for name in _AMOUNTS})
    )


def _shrunk(found: Footprint | None, part: float) -> Footprint | None:
    """Of what was measured; an estimate is in no sum."""
    if found is None or found.estimate or found.joules is None:
        return None
    return replace(found, **{name: _times(getattr(found, name), part) for name in _SAID})


def _times(value: float | None, part: float) -> float | None:
    return None if value is None else value * part


def _host(energies: Iterable[Energy], part: float) -> float | None:
    """What was measured of CPU and memory; an estimate is not."""
    known = [e.joules for e in energies if e.joules is not None and e.method != ESTIMATE]
    return sum(known) * part if known else None


def summed(books: Iterable[NotebookBook]) -> NotebookBook:
    """One book of several."""
    return reduce(merged, books, NotebookBook())


def merged(one: NotebookBook, other: NotebookBook) -> NotebookBook:
    """Both in one; the later one says the names."""
    return NotebookBook(
        notebook=other.notebook or one.notebook,
        kernel=other.kernel or one.kernel,
        cells=one.cells + other.cells,
        seconds=one.seconds + other.seconds,
        energy=one.energy | {u: total((one.energy[u], e)) if u in one.energy else e for u, e in other.energy.items()},
        unresolved=one.unresolved + other.unresolved,
        bound=one.bound + other.bound,
        background=_both(one.background, other.background),
        estimate=_both(one.estimate, other.estimate),
        host=_plus(one.host, other.host),
        footprint=footprint.total((one.footprint, other.footprint)),
    )


def _plus(one: float | None, other: float | None) -> float | None:
    """The sum of those that are known."""
    return other if one is None else one if other is None else one + other


def _both(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {uuid: one.get(uuid, 0.0) + other.get(uuid, 0.0) for uuid in (*one, *other)}
