"""Memory that does not come back: by its slope over cells, steps or time, never by its level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from ...findings import Evidence, Finding
from ...model import Cell
from ...units import duration, quantity
from .board import Board, boards
from .code import code
from .pictures import picture
from .series import known, rising, slope
from .stretch import Stretch

FEWEST = 5
"""Cells, steps or stretches of time over which it has to grow."""
MOSTLY = 0.75
"""Share of the steps that grow at least: a sample a second may show two cells' growth in the second one only."""
APART = 1.0
"""Seconds from one cell to the next at least, where every cell shows its own growth: those between show none."""
STRAIGHT = 0.9
"""How well a line has to fit (R²): what is loaded once, or cached, does not grow evenly."""
LEAST = 5e-4
"""Growth from one to the next, as a share of the device's memory, below which it is none."""
ALTOGETHER = 0.05
"""Growth over time alone, as a share of the device's memory, below which it is none."""
LONG, PARTS = 60.0, 24
"""Seconds of work that are looked at least, and into how many parts they are cut at most."""
_PART = 10.0
"""Seconds of a part at least."""
_STEPS = (
    "Look for what is kept: lists of losses or outputs (loss.item(), .detach()), hooks, a growing cache, Out[…]",
    "Free what a step no longer needs: del, optimizer.zero_grad(set_to_none=True)",
    "See what holds the memory with the code below; restart the kernel to have it all back",
)


class Growth(NamedTuple):
    """What grew: values in bytes, and by how much from one to the next."""

    values: Sequence[float]
    each: float
    fit: float
    """R², 0 to 1."""
    seconds: float = 0.0
    """From one to the next; 0 where they are cells."""


def grown(values: Sequence[float], least: float) -> Growth | None:
    """The longest run of values that never fall, from where on they grow evenly; None where there is none of
    ``FEWEST``."""
    run = [values[place] for place in rising(values, least)]
    grew = list(accumulate(after - before >= least for after, before in pairwise(reversed(run))))
    """By how many steps back from the end: those that grow."""
    for start in range(len(run) - FEWEST + 1):  # what was loaded at the beginning is no leak
        steps = len(run) - start - 1
        if grew[steps - 1] < MOSTLY * steps:
            continue
        each, fit = slope(run[start:])
        if fit >= STRAIGHT:
            return Growth(run[start:], each, fit)
    return None


def memory_leak(stretch: Stretch) -> Iterator[Finding]:
    """Memory that grows from cell to cell, from step to step, or evenly over the time of work."""
    told: set[str] = set()
    for board in (Board(stretch, device) for device in stretch.leaves):
        whole = board.memory
        found = _over_cells(stretch, board.label, whole) if whole else None
        if whole and found is not None:
            told.add(board.device.uuid)
            yield _finding(stretch, board, *found, whole)
    for board in boards(stretch):
        growth = _over_time(board)
        if growth is not None and board.device.uuid not in told:
            yield _in_time(stretch, board, growth)


def _over_cells(stretch: Stretch, label: str, whole: float) -> tuple[Growth, str] | None:
    """Of each kernel's cells, and of the steps within one: what was held before each, and the most in each."""
    for name, cells in _series(stretch.cells):
        known = [(cell, *held) for cell in cells if (held := _held(cell, label)) is not None]
        for apart in (0.0, APART):
            places = _places([cell.start for cell, _, _ in known], apart)
            before = grown([known[place][1] for place in places], LEAST * whole)
            peaks = grown([known[place][2] for place in places], LEAST * whole)
            if before is not None and peaks is not None:
                count = len(known) - places[-len(peaks.values)]
                each = peaks.each * (len(peaks.values) - 1) / (count - 1)
                return peaks._replace(each=each), f"{count} {name} in turn"
    return None


def _places(starts: Sequence[float], apart: float) -> list[int]:
    """Places of the last of these, and of those before it that began so many seconds before the one after them."""
    found: list[int] = []
    for place in reversed(range(len(starts))):
        if not found or starts[found[-1]] - starts[place] >= apart:
            found.append(place)
    return found[::-1]


def _series(cells: Sequence[Cell]) -> Iterator[tuple[str, list[Cell]]]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        nested = cell.within[-1] if cell.within else ""
        groups.setdefault((cell.kernel_id or "", nested and f"{nested} {cell.title}"), []).append(cell)
    for (_, nested), found in groups.items():
        yield "steps" if nested else "cells", found


def _held(cell: Cell, label: str) -> tuple[float, float] | None:
    peak, rise = (table.get(label, {}).get("memory_used") for table in (cell.peak, cell.rise))
    return None if peak is None or rise is None else (peak - rise, peak)


def _over_time(board: Board) -> Growth | None:
    """What is held at least, part by part of the time of work."""
    memory, whole = board.values("memory_used"), board.memory
    if board.seconds < LONG or not whole or len(known(memory)) < len(memory):
        return None
    size = max(1, round(max(_PART, board.seconds / PARTS) / board.step))
    parts = [min(known(memory[at : at + size])) for at in range(0, len(memory) - size + 1, size)]
    growth = grown(parts, LEAST * whole)
    enough = growth is not None and growth.values[-1] - growth.values[0] >= ALTOGETHER * whole
    return growth._replace(seconds=size * board.step) if growth is not None and enough else None


def _finding(stretch: Stretch, board: Board, growth: Growth, where: str, whole: float) -> Finding:
    left = (whole - growth.values[-1]) / growth.each
    return Finding(
        rule="memory-leak",
        title="Memory grows and does not come back",
        detail=f"{board.label}: {quantity(growth.each, 'bytes')} more each time over {where}, from "
        f"{quantity(growth.values[0], 'bytes')} to {quantity(growth.values[-1], 'bytes')}; about {left:.0f} more fit.",
        steps=_STEPS,
        uuid=board.device.uuid,
        cause="memory",
        value=growth.each,
        unit="bytes",
        evidence=(
            Evidence(
                metric="memory_used",
                unit="bytes",
                uuid=board.device.uuid,
                values=tuple(growth.values[-120:]),
                limit=whole,
            ),
        ),
        confidence=round(min(0.95, 0.5 + 0.05 * len(growth.values)) * growth.fit, 2),
        code=code("leak", stretch),
    )


def _in_time(stretch: Stretch, board: Board, growth: Growth) -> Finding:
    whole = board.memory or 0.0
    per_second = growth.each / growth.seconds
    first, last = (quantity(growth.values[place], "bytes") for place in (0, -1))
    left = duration(max(0.0, whole - growth.values[-1]) / per_second)
    return Finding(
        rule="memory-leak",
        title="Memory grows and does not come back",
        detail=f"{board.label}: {quantity(per_second, 'bytes', rate=True)} over "
        f"{duration(growth.seconds * len(growth.values))} of work, from {first} to {last}; full {left} later.",
        steps=_STEPS,
        uuid=board.device.uuid,
        cause="memory",
        value=per_second,
        unit="bytes",
        evidence=(picture(board, "memory_used", whole),),
        confidence=0.6,
        code=code("leak", stretch),
    )
