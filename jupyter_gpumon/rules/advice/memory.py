"""Device memory: how much more would fit, and what the framework's allocator makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...findings import Evidence, Finding
from ...model import Cell
from ...units import duration, quantity
from .board import Board, boards
from .code import code
from .pictures import picture
from .stretch import Allocator, Stretch

ROOMY = 0.5
"""Share of the memory that is never filled, from which on much more would fit."""
SPARE = 0.9
"""Share of the memory that is counted on: the rest is for what a larger batch needs besides."""
LONG = 60.0
"""Seconds of work after which the highest that was seen is likely the highest there is."""
UNUSED = 0.3
"""Share of what is reserved that no tensor holds, from which on memory is in fragments."""
_NOTABLE = 0.1
"""Share of the device's memory below which it does not matter."""


class Batch(NamedTuple):
    """What is known of a batch."""

    size: float
    per_sample: float
    """Bytes."""
    measured: bool
    """By two sizes or more; else it is the most that it can be, with all that does not grow with the batch."""


def headroom(stretch: Stretch) -> Iterator[Finding]:
    """Most of the memory was never used: a larger batch would fit."""
    for board in boards(stretch):
        peak, whole = board.peak("memory_used"), board.memory
        batch = batch_of(stretch.cells, stretch.cell, board.label)
        if not peak or not whole or peak >= (1 - ROOMY) * whole or (board.seconds < LONG and batch is None):
            continue
        if (board.mean("sm_activity") or 0.0) >= 0.8:  # it has enough to do as it is
            continue
        then = None if batch is None else int(batch.size + (SPARE * whole - peak) / batch.per_sample)
        yield Finding(
            rule="memory-headroom",
            level="info",
            title="A larger batch would fit",
            detail=f"{board.label} held {quantity(peak, 'bytes')} of {quantity(whole, 'bytes')} at most"
            f" in {duration(board.seconds)} of work{_fits(batch, then)}.",
            steps=(
                f"Try a batch of {then}" if then else "Double the batch, as long as it gets faster per sample",
                "Adapt the learning rate to the batch, and look at the loss",
                "Or keep data on the GPU, or run a second small job beside it",
            ),
            uuid=board.device.uuid,
            value=peak / whole,
            unit="ratio",
            evidence=(picture(board, "memory_used", whole),),
            confidence=0.4 if batch is None else 0.8 if batch.measured else 0.6,
            code=code("batch", stretch, now=round(batch.size) if batch else 32, then=then or 64),
        )


def _fits(batch: Batch | None, then: int | None) -> str:
    if batch is None:
        return ""
    most = "" if batch.measured else "at most "
    return f"; a sample takes {most}{quantity(batch.per_sample, 'bytes')}: about {then} would fit, not {batch.size:g}"


def batch_of(cells: Iterable[Cell], cell: Cell | None, label: str) -> Batch | None:
    """Bytes per sample, out of records that say their batch: by the slope over several sizes, else by the last one's
    rise. None where no record says it."""
    known = [(size, cell.peak.get(label, {}).get("memory_used"), cell) for cell in cells if (size := size_of(cell))]
    sizes = {size: peak for size, peak, _ in known if peak}
    least, most = min(sizes, default=0.0), max(sizes, default=0.0)
    if most > least and sizes[most] > sizes[least]:
        return Batch(size_of(cell) or known[-1][0], (sizes[most] - sizes[least]) / (most - least), measured=True)
    last = cell if cell is not None and size_of(cell) else known[-1][2] if known else None
    rise = last.rise.get(label, {}).get("memory_used") if last is not None else None
    size = size_of(last)
    return Batch(size, rise / size, measured=False) if rise and size else None


def size_of(cell: Cell | None) -> float | None:
    """Samples per step: as its maker said, or as they were counted."""
    if cell is None:
        return None
    said = next((cell.attributes[name] for name in ("batch", "batch_size") if name in cell.attributes), None)
    if isinstance(said, int | float) and not isinstance(said, bool) and said > 0:
        return float(said)
    samples, steps = cell.counts.get("sample"), cell.counts.get("step")
    return samples / steps if samples and steps else None


def fragmentation(stretch: Stretch) -> Iterator[Finding]:
    """The framework has reserved much that no tensor uses, or had to give memory back to go on."""
    for device in stretch.leaves:
        held = stretch.allocators.get(device.label)
        whole = Board(stretch, device).memory
        if held is None or not whole or held.reserved < _NOTABLE * whole:
            continue
        torn = held.unused >= UNUSED and max(held.split, held.reserved - held.peak) >= 0.1 * held.reserved
        if not torn and not held.retries:
            continue
        yield Finding(
            rule="fragmentation",
            level="warning" if held.retries else "info",
            title="The allocator holds memory in fragments",
            detail=f"{device.label}: {_state(held)}.",
            steps=(
                "Let segments grow: PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True, before CUDA is first used",
                "Keep sizes the same from step to step: pad or bucket inputs, drop the last short batch",
                "torch.cuda.empty_cache() gives back what is whole, once, after the largest step",
            ),
            uuid=device.uuid,
            value=held.unused,
            unit="ratio",
            evidence=(
                Evidence(metric="tensors, kept for later", unit="bytes", values=(held.allocated, held.reserved)),
            ),
            confidence=0.9 if held.retries else 0.6,
            code=code("fragments", stretch),
        )


def _state(held: Allocator) -> str:
    again = f"; memory was given back and asked for again {held.retries} times" if held.retries else ""
    return (
        f"tensors hold {quantity(held.allocated, 'bytes')} of {quantity(held.reserved, 'bytes')} that are reserved "
        f"({held.unused * 100:.0f} % unused, {quantity(held.split, 'bytes')} in torn blocks){again}"
    )
