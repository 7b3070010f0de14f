"""Energies as words and as sums: a value with its interval, a bound where no value can be said, never a bare zero.

What was measured and what is only an estimate are never added together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..energy.sums import total
from ..model import Cell, Energy
from .preference import said

ESTIMATE = "estimate"
_UNRESOLVED = 3.0
"""Highest over lowest possible energy from which on a single number would pretend (energy.md §3.6)."""


class Charge(NamedTuple):
    """What a cell, or a notebook, has cost: measured, and beside it what is only estimated."""

    measured: Energy | None
    estimated: Energy | None

    @property
    def whole(self) -> Energy:
        """What was measured; where nothing was, the estimate; an unknown energy where there is neither."""
        return self.measured or self.estimated or Energy()


def used(cell: Cell) -> list[str]:
    """Names of the devices that count in the cell's totals."""
    return [device.name for device in cell.devices if device.used]


def charge(cell: Cell) -> Charge:
    """What the devices that count have cost."""
    return charge_of(cell.energy[name] for name in used(cell) if name in cell.energy)


def charge_of(parts: Iterable[Energy]) -> Charge:
    """The sum of what was measured, and that of what was estimated."""
    parts = list(parts)
    measured = [part for part in parts if part.method != ESTIMATE]
    estimated = [part for part in parts if part.method == ESTIMATE]
    return Charge(total(measured) if measured else None, total(estimated) if estimated else None)


def energy(value: Energy) -> str:
    """``4.13 kJ ±0.6 %``, or ``≤ 18.0 J``, or "energy unknown"; never 0. An estimate is called one."""
    if value.method != ESTIMATE or value.joules is None:
        return _energy(value)
    most = "" if value.high is None or value.high <= value.joules else f", ≤ {said(value.high)}"
    return f"{said(value.joules)} (estimate{most})"


def _energy(value: Energy) -> str:
    low, high = value.low, value.high
    if value.joules is not None and not value.final and value.method == "power":
        return f"about {said(value.joules)}"
    if value.joules is None:
        return "energy unknown" if high is None else f"≤ {said(high)}"
    if low is None or high is None or high <= low:
        return said(value.joules)
    if high > _UNRESOLVED * low:
        return f"≤ {said(high)}"
    return f"{said(value.joules)} ±{percent((high - low) / 2 / value.joules)}"


def percent(ratio: float) -> str:
    """A half-width as a share of its value, in at most two significant digits (three from 100 % on)."""
    share = abs(ratio) * 100
    if share < 0.01:
        return "0.01 %"
    return f"{float(f'{share:.2g}'):g} %" if share < 100 else f"{share:.0f} %"


def resolved(value: Energy) -> bool:
    """Whether a single number says it."""
    return value.joules is not None and not energy(value).startswith("≤")


def net(value: Energy) -> str:
    """``net 3.70 kJ``; with its uncertainty where that is large beside it; empty where it cannot be said.

    It may be below zero within that uncertainty: what a board draws without work is itself only known so well.
    """
    if value.net is None or not resolved(value):
        return ""
    spread = half(value)
    words = f"net {said(value.net)}"
    return f"{words} ± {said(spread)}" if spread is not None and spread > 0.1 * abs(value.net) else words


def half(value: Energy) -> float | None:
    """Half the likely interval, in joules."""
    return None if value.low is None or value.high is None else (value.high - value.low) / 2


def between(low: float | None, high: float | None) -> str:
    """``4.11 kJ to 4.15 kJ``; an em dash where either is unknown."""
    return "—" if low is None or high is None else f"{said(low)} to {said(high)}"
