"""Sums of energies: of several boards, several windows, or the stretches of one long window."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from ..model import Energy

_METHODS = ("rapl", "counter", "power", "estimate")
"""From the one that tells most to the one that tells least."""


def total(parts: Iterable[Energy]) -> Energy:
    """The sum of energies; ``joules`` is None where one of them is not resolved, ``high`` where one is unknown.

    Intervals are added end to end: windows and boards that share a delay or a clock do not err independently.
    """
    parts = list(parts)
    return Energy(
        joules=_sum(e.joules for e in parts),
        low=_sum(e.joules if e.low is None else e.low for e in parts),
        high=_sum(e.joules if e.high is None else e.high for e in parts),
        least=_sum(e.least for e in parts),
        most=_sum(e.most for e in parts),
        idle=_sum(e.idle for e in parts),
        tail=_known_sum(e.tail for e in parts),
        others=_known_sum(e.others for e in parts),
        unattributed=_known_sum(e.unattributed for e in parts),
        method=_least(e.method for e in parts),
        final=all(e.final for e in parts),
        warning="; ".join(dict.fromkeys(e.warning for e in parts if e.warning)),
    )


def placed(energy: Energy) -> Energy:
    """For a sum: where only a bound is known, the middle of what it can be, since many of them err to both sides.

    Its interval stays as wide, so that of the sum grows by it; what nothing is known of stays unknown.
    """
    if energy.joules is not None or energy.high is None:
        return energy
    low = energy.low or 0.0
    return replace(energy, joules=(low + energy.high) / 2, low=low)


def _least(methods: Iterable[str]) -> str:
    """The method that tells least, of those that were used."""
    return max(methods, key=lambda method: _METHODS.index(method) if method in _METHODS else -1, default="counter")


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum, where all are known."""
    known = list(values)
    return None if not known or None in known else sum(value for value in known if value is not None)


def _known_sum(values: Iterable[float | None]) -> float | None:
    """The sum of those that are known; None where none is. A part that is not there has not been lost."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
