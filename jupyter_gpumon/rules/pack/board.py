"""What the health watches find of board, memory and links, as alerts: the same ids, titles and steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ...findings import Finding
from ...health.check import Check
from ...health.watches import CRC, DOUBLE_BIT_PAGES, DRIVER, INFOROM, MEMORY, NVLINK, PAGES, PCIE, ROWS
from ...metrics import METRICS
from ...model import Hello
from ..expression import Node
from ..expression.nodes import Name
from ..holders import owned
from ..window import Window
from .written import Written

WATCHES = (PCIE, MEMORY, INFOROM, NVLINK, DRIVER)
"""Heat, power and clocks have alerts of their own, which wait until it is felt."""

_CAUSES = {"memory": "memory-errors"}
_LIMITS = {
    "health-pcie-replays": "more than DCGM allows a lane of its generation (1.92 for 5, 0.96 for 4)",
    "health-pages-double-bit": f"more than {DOUBLE_BIT_PAGES}, and more than one within the last week",
    "health-pages": f"{PAGES} or more", "health-remapped": f"{ROWS} or more", "health-inforom": "not valid",
    "health-nvlink-down": "fewer than the board has, where any is connected",
    "health-nvlink-crc-many": f"{CRC:,} or more", "health-nvlink-ber": "above 1e-12",
    "health-nvlink-recoveries": "any, on NVLink before 5", "health-nvlink-recovered": "any, on NVLink 5",
    "health-fabric": "not started", "health-fabric-starting": "in progress",
    "health-fabric-unwell": "unhealthy", "health-fabric-limited": "limited",
    "health-recovery": "1, 2, 4, 6 or 7", "health-recovery-partly": "3 or 5",
}  # fmt: skip


class OfBoard(Written):
    """A condition of a health watch; its finding names who is on the GPU.

    Args:
        check: the condition.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self.id, self.title, self.level, self.steps = check.id, check.title, check.level, check.steps
        self.cause, self.hold = _CAUSES.get(check.cause, check.cause), check.hold
        self._well: tuple[()] | tuple[Hello, list[float | None]] = ()
        """What was seen when nothing was found."""
        within = " within the last minute" if check.grown else ""
        self.help = f"{METRICS[check.metric].title}: {_LIMITS.get(check.id, 'any')}{within}."

    def conditions(self) -> Iterable[Node]:
        """What the check looks back on."""
        return self._check.conditions()

    def check(self, window: Window) -> Iterator[Finding]:
        """What the check finds. It is only asked where its metric says anything else than when it found nothing."""
        if self._well_as_before(window):
            return
        for finding in self._check.check(window):
            self._well = ()
            yield owned(window, replace(finding, cause=self.cause))

    def _well_as_before(self, window: Window) -> bool:
        if self._check.grown:
            return not any(window.growth(self._check.node))
        column = window.column(Name(self._check.metric))
        if self._well and self._well == (window.hello, column):
            return True
        self._well = (window.hello, column)
        return False


def of_board() -> tuple[OfBoard, ...]:
    """All of them."""
    return tuple(OfBoard(check) for watch in WATCHES for check in watch.checks)
