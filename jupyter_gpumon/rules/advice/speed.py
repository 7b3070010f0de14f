"""Does the GPU run as fast as it can: heat, power, precision, and what it reaches of its peak?"""

from __future__ import annotations

from collections.abc import Iterator

from ...findings import Finding
from ...model import Device
from ...units import duration, quantity
from .board import boards
from .code import code
from .pictures import picture
from .stretch import Stretch

HELD_BY_HEAT = 0.01
"""Share of the time at work held back by heat from which on it is worth a word."""
HELD_BY_POWER = 0.10
"""The same for the power limit, which a well used board may touch."""
SHORT = 10.0
"""Seconds of work that are judged at least."""
FAR = 0.5
"""Share of the peak below which there is something to be won."""


def thermal(stretch: Stretch) -> Iterator[Finding]:
    """The board's own threshold was reached, or heat held its clock back."""
    for board in boards(stretch):
        hottest, limit = board.peak("temperature"), board.device.temperature_slowdown
        held = board.share("held_thermal", "held_hw_thermal") or 0.0
        at_limit = hottest is not None and limit is not None and hottest >= limit
        if board.seconds < SHORT or not (at_limit or held >= HELD_BY_HEAT):
            continue
        reached = f"reached {quantity(hottest, 'celsius')}" if hottest is not None else "was hot"
        own = f" (it slows down at {quantity(limit, 'celsius')})" if limit is not None else ""
        slowed = f"; heat held its clock back {held * 100:.0f} % of {duration(board.seconds)}" if held else ""
        yield Finding(
            rule="thermal",
            title="Heat slows the GPU down",
            detail=f"{board.label} {reached}{own}{slowed}.",
            steps=(
                "Check fans, filters and the air at the inlet; leave a slot free beside the board",
                "Lower its power limit by a tenth or two: that costs little speed, and less than the slowing does",
                "Move the longest jobs to a cooler board or hour",
            ),
            uuid=board.device.uuid,
            cause="heat",
            value=hottest,
            unit="celsius",
            evidence=(picture(board, "temperature", limit), picture(board, "clock_sm")),
            confidence=0.95 if held else 0.8,
            code=code("heat", stretch, index=board.device.index),
        )


def power_capped(stretch: Stretch) -> Iterator[Finding]:
    """The power limit holds the clock back for much of the time."""
    for board in boards(stretch):
        held = board.share("held_power_cap")
        if held is None or held < HELD_BY_POWER or board.seconds < SHORT:
            continue
        limit, usual = board.peak("power_limit"), board.device.power_limit_default
        lowered = limit is not None and usual is not None and limit < 0.99 * usual
        of = f" of {quantity(limit, 'watts')}" if limit else ""
        said = f", which was lowered from {quantity(usual, 'watts')}" if lowered else ""
        yield Finding(
            rule="power-capped",
            level="warning" if lowered else "info",
            title="The power limit holds the GPU back",
            detail=f"{board.label} was held back {held * 100:.0f} % of {duration(board.seconds)} of work by its limit"
            f"{of}{said}.",
            steps=(
                "Have the limit raised to the board's default" if lowered else "Nothing is wrong: it is fully used",
                "Lower precision (bfloat16, FP8) does more work per joule",
                "Compare energy per step, not only time: a capped board is often the more efficient one",
            ),
            uuid=board.device.uuid,
            value=held,
            unit="ratio",
            evidence=(picture(board, "power", limit), picture(board, "clock_sm")),
            confidence=0.9,
            code=code("cap", stretch, index=board.device.index),
        )


def full_precision(stretch: Stretch) -> Iterator[Finding]:
    """Multiprocessors are busy with single precision, and the tensor cores stand still (told from Hopper on)."""
    for board in boards(stretch):
        names = ("sm_activity", "tensor_activity", "fp32_activity")
        active, tensor, single = map(board.mean, names)
        if active is None or tensor is None or single is None or board.seconds < SHORT:
            continue
        if active < 0.5 or tensor >= 0.02 or single < 0.1:
            continue
        yield Finding(
            rule="full-precision",
            level="info",
            title="The tensor cores stand still",
            detail=f"{board.label}: multiprocessors {active * 100:.0f} % busy, single precision {single * 100:.0f} %, "
            f"tensor cores {tensor * 100:.1f} % over {duration(board.seconds)} of work.",
            steps=(
                "Train in bfloat16 by autocast, or let matrix products use TF32",
                "Make sizes multiples of 8 (better 64): only then do tensor cores take them",
                "Look at the loss with and without: some parts may have to stay in single precision",
            ),
            uuid=board.device.uuid,
            value=tensor,
            unit="ratio",
            evidence=tuple(picture(board, name) for name in names),
            confidence=0.8,
            code=code("precision", stretch),
        )


def below_peak(stretch: Stretch) -> Iterator[Finding]:
    """What was counted (``m.count(n, "flop")``) against the benchmark of this machine; and that against the board."""
    best = stretch.bench.get("matrix_gflops")
    cell = stretch.cell
    counted = next((cell.counts[unit] for unit in ("flop", "FLOP") if unit in cell.counts), None) if cell else None
    if best and counted and cell is not None and cell.duration > 0:
        reached = counted / cell.duration / 1e9
        if reached < FAR * best:
            yield _slow(stretch, f"{_rate(reached)} were reached, and {_rate(best)} by gpumon bench", reached / best)
    peak = max(map(_peak, stretch.leaves), default=0.0)
    if best and peak and best < FAR * peak and cell is None and boards(stretch):
        said = f"gpumon bench reached {_rate(best)}; the cores at their highest clock do {_rate(peak)}"
        yield _slow(stretch, said, best / peak)


def _peak(device: Device) -> float:
    """GFLOP/s in single precision: a core does a multiplication and an addition each cycle."""
    return 2 * (device.cores or 0) * (device.clock_sm_max or 0.0) / 1e9 if device.parent is None else 0.0


def _rate(gflops: float) -> str:
    return f"{gflops / 1e3:.1f} TFLOP/s" if gflops >= 1e3 else f"{gflops:.0f} GFLOP/s"


def _slow(stretch: Stretch, said: str, share: float) -> Finding:
    return Finding(
        rule="below-peak",
        level="info",
        title="Far below what this GPU can do",
        detail=f"{said[:1].upper()}{said[1:]}: {share * 100:.0f} %.",
        steps=(
            "Larger matrices, and sizes that are multiples of 64; fewer and larger kernels (torch.compile)",
            "See whether heat or the power limit holds it back, or others compute on it",
            "Measure the GPU again while nobody else uses it",
        ),
        value=share,
        unit="ratio",
        confidence=0.6,
        code=code("bench", stretch),
    )
