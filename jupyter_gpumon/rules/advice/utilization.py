"""Is the GPU at work as much as it could be, and if not, what does it wait for?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean, pstdev

from ...findings import Evidence, Finding
from ...units import duration, quantity
from .board import Board, boards
from .code import code
from .pictures import host, picture
from .series import known, mean, share
from .stretch import Stretch

LOW = 0.30
"""Mean utilization below which a GPU at work is badly used."""
STARVED = 0.40
"""The same where it can be told what it waits for."""
LONG, ENOUGH = 120.0, 20.0
"""Seconds of work that are judged at least; fewer where it can be told what it waits for, or of a cell."""
CPU_FULL = 0.85
"""Share of the CPUs from which on they are what is waited for."""
PCIE = 1e9
"""Bytes per second that reach a GPU, from which on feeding it is much of what is done."""
_SPREAD = 0.5
"""Spread of the times between gaps, as a share of their mean, up to which they are regular."""
_GAPS = 4
_STILL = 0.3
"""Share of the samples in which it rests, at least: a step of a moment may lie in two of the three seconds of a gap."""
_STEPS = (
    "Load and prepare batches beside the computing: DataLoader(num_workers=…, pin_memory=True, prefetch_factor=4)",
    "Copy to the GPU without waiting: .to(device, non_blocking=True)",
    "Move decoding and augmentation to the GPU (NVIDIA DALI), or prepare the data once and keep the result",
    "Read from a faster or nearer disk; put many small files into few large ones",
)


def low_utilization(stretch: Stretch) -> Iterator[Finding]:
    """The GPU is at work, and yet rests most of the time."""
    for board in boards(stretch):
        used = board.mean(board.worked)
        least = ENOUGH if stretch.cell is not None else LONG
        if used is None or used >= LOW or board.seconds < least:
            continue
        yield Finding(
            rule="low-utilization",
            title="The GPU rests most of the time",
            detail=f"{board.label} was busy {used * 100:.0f} % of {duration(board.seconds)} of work.",
            steps=(
                "Give it more at a time: a larger batch, several small jobs beside one another",
                "See with a profiler what the rest of a step is spent on",
                "Look for waits: .item(), print of tensors, copies back to the CPU in every step",
            ),
            uuid=board.device.uuid,
            cause="utilization",
            value=used,
            unit="ratio",
            evidence=(picture(board, board.worked, LOW),),
            confidence=0.5,
            code=code("profile", stretch),
        )


def input_bound(stretch: Stretch) -> Iterator[Finding]:
    """It rests because its input is not there in time: busy CPUs, much over PCIe, or gaps that come regularly."""
    for board in boards(stretch):
        used = board.mean(board.worked)
        signs = list(_signs(stretch, board))
        if used is None or used >= STARVED or board.seconds < ENOUGH or not signs:
            continue
        words, evidence = [sign for sign, _ in signs], [shown for _, shown in signs if shown is not None]
        yield Finding(
            rule="input-bound",
            title="The GPU waits for its input",
            detail=f"{board.label} was busy {used * 100:.0f} % of {duration(board.seconds)}; {'; '.join(words)}.",
            steps=_STEPS,
            uuid=board.device.uuid,
            cause="utilization",
            value=used,
            unit="ratio",
            evidence=(picture(board, board.worked, STARVED), *evidence),
            confidence=(0.65, 0.8, 0.9)[len(signs) - 1],
            code=code("input", stretch),
        )


def _signs(stretch: Stretch, board: Board) -> Iterator[tuple[str, Evidence | None]]:
    """What speaks for it, in words, with what shows it."""
    columns = stretch.columns
    cpu = columns.host.get("cpu") if columns is not None else None
    full = mean([cpu[row] for row in board.rows]) if cpu else None
    if cpu and full is not None and full >= CPU_FULL:
        shown = [cpu[row] for row in board.span]
        yield (
            f"the CPUs were busy {full * 100:.0f} %",
            host([board.times[row] for row in board.span], shown, "cpu", "ratio", CPU_FULL),
        )
    fed = board.mean("pcie_rx")
    if fed is not None and fed >= PCIE:
        evidence = picture(board, "pcie_rx", PCIE) if board.times else None
        yield f"{quantity(fed, 'bytes', rate=True)} came in over PCIe", evidence
    every = gaps(board)
    if every is not None:
        yield f"it stood still every {duration(every)}", None


def gaps(board: Board) -> float | None:
    """Seconds from one regular gap to the next; None where it does not rest regularly, or too little."""
    work = board.values(board.worked)
    if share(work, 0.0, 0.1) < _STILL or len(known(work)) < len(work):
        return None
    begins = [row for row in range(1, len(work)) if (work[row] or 0.0) >= 0.1 > (work[row - 1] or 0.0)]
    apart = [float(b - a) for a, b in pairwise(begins)]
    if len(apart) < _GAPS or pstdev(apart) > _SPREAD * fmean(apart):
        return None
    return fmean(apart) * board.step


def one_of_many(stretch: Stretch) -> Iterator[Finding]:
    """One GPU has much to do, and the others of the machine nothing."""
    leaves = [device for device in stretch.leaves if device.parent is None and device.state == "ok"]
    every = [Board(stretch, device) for device in leaves]
    working = [board for board in every if board.seconds >= LONG / 2 and (board.mean(board.worked) or 0.0) >= 0.5]
    if (
        len(every) < 2
        or len(working) != 1
        or not all(_at_rest(board, stretch) for board in every if board not in working)
    ):
        return
    board, others = working[0], [one for one in every if one is not working[0]]
    yield Finding(
        rule="one-of-many",
        level="info",
        title="One GPU of several is used",
        detail=f"{board.label} was busy {(board.mean(board.worked) or 0) * 100:.0f} % of {duration(board.seconds)}, "
        f"{', '.join(one.label for one in others)} not at all.",
        steps=(
            "Train on all of them: DistributedDataParallel, accelerate, MirroredStrategy",
            "Or run independent jobs beside one another, a GPU each (CUDA_VISIBLE_DEVICES)",
            "If others are to have them, leave them alone: this is no fault",
        ),
        uuid=board.device.uuid,
        evidence=(picture(board, board.worked), *(picture(one, one.worked) for one in others[:2])),
        confidence=0.6,
        code=code("spread", stretch, count=len(every)),
    )


def _at_rest(board: Board, stretch: Stretch) -> bool:
    """Whether nobody used it in the whole stretch, as far as is known; False where nothing is."""
    work, held = (known([column[row] for row in board.span]) for column in (board.work, board.gauge("memory_used")))
    busy = stretch.processes is not None and any(one.uuid == board.device.uuid for one in stretch.processes)
    return bool(work) and max(work) < 0.05 and max(held, default=0.0) < 1e9 and not busy
