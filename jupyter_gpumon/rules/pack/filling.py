"""Memory that grows steadily: when it will be full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...findings import Finding
from ...units import duration, quantity
from ..expression import Node, parse
from ..holders import owned
from ..window import Window
from .table import FREE_MEMORY
from .written import Written

SOON, LATER = 900.0, 1800.0
"""Seconds until it is full from which on that is said, and from which on it is not said any more."""
STEADY = 0.75
"""Over twice the time the pace is this share of it, at least: of what jumps and stays it is half."""
NOTABLE = 0.002 / 60
"""Share of the whole by which it has to grow a second."""

_PACES = tuple(parse(f"rate(memory_used, {minutes} min) > 0").node.parts[0] for minutes in (1, 2, 4))
_USED, _WHOLE = parse("memory_used / memory_total > 0").node.parts[0].parts


class Fills(Written):
    """Grows steadily over minutes, and will be full soon. Loading a model is over before four minutes have passed."""

    id, title, cause, steps = "memory-fills", "GPU memory will be full soon", "fullness", FREE_MEMORY
    help = "Memory has grown steadily for 4 min, and at the pace of the last one is full within 15 min."
    ends = "It would take more than 30 min, or does not grow any more."

    def conditions(self) -> Iterable[Node]:
        """The pace over one, two and four minutes."""
        return _PACES

    def check(self, window: Window) -> Iterator[Finding]:
        """A finding for each device that will be full soon."""
        for uuid, one, two, four in zip(window.uuids, *map(window.column, _PACES), strict=True):
            if four is not None and one > 0 and two >= STEADY * one and four >= STEADY * two:
                left = _left(window, uuid, one)
                if left is not None and left < SOON:
                    yield self._finding(window, uuid, one, left)

    def still(self, window: Window, finding: Finding) -> bool:
        """As long as it grows towards its end."""
        one = window.value(_PACES[0], finding.uuid or "")
        if one is None:
            return finding.uuid in window.uuids
        left = _left(window, finding.uuid or "", one) if one > 0 else None
        return left is not None and left < LATER

    def _finding(self, window: Window, uuid: str, pace: float, left: float) -> Finding:
        used, whole = window.value(_USED, uuid), window.value(_WHOLE, uuid)
        amounts = f"{quantity(used, 'bytes')} of {quantity(whole, 'bytes')}"
        detail = f"full in {duration(left)}: {amounts}, growing by {quantity(pace, 'bytes', rate=True)}"
        return owned(window, self.found(uuid, detail, left, "seconds"))


def _left(window: Window, uuid: str, pace: float) -> float | None:
    """Seconds until a device is full at the pace of the last minute; None where it grows too little to tell."""
    used, whole = window.value(_USED, uuid), window.value(_WHOLE, uuid)
    if used is None or not whole or pace < NOTABLE * whole:
        return None
    return max(0.0, whole - used) / pace
