"""One condition of a watch. It is a rule like any other, and says besides whether enough is known to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec import Struct

from ..findings import Finding
from ..metrics import METRICS, Gpu
from ..model import Device
from ..rules import Window
from ..rules.expression.nodes import Name, Node, Over

MINUTE = 60.0


class Board(NamedTuple):
    """A board at one moment."""

    device: Device
    gpu: Gpu


class Verdict(NamedTuple):
    """What a check says: a finding; or why it cannot say that all is well, ``warming`` or one of ``model.REASONS``."""

    finding: Finding | None = None
    reason: str = ""


class Check(Struct, frozen=True, kw_only=True):
    """A metric, or its growth within the last minute, and when that is not well."""

    id: str
    title: str
    metric: str
    bad: Callable[[Any, Board], bool | None]
    """Whether this value is not well; None where that cannot be said of this board."""
    said: Callable[[Any, Board], str]
    """The value in words."""
    steps: tuple[str, ...]
    level: str = "warning"
    """``critical`` is a FAIL, ``warning`` a WARN."""
    grown: bool = False
    """Look at the growth within the last minute."""
    code: str = ""
    """DCGM's name of this error, without ``DCGM_FR_``."""
    cause: str = ""
    hold: float = 0.0

    @property
    def node(self) -> Over:
        """The growth, as rules say it."""
        return Over("delta", Name(self.metric), MINUTE)

    def conditions(self) -> Iterable[Node]:
        """What the window is to keep."""
        return (self.node,) if self.grown else ()

    def check(self, window: Window) -> Iterable[Finding]:
        """What is found on each board that answers."""
        verdicts = (self.judge(window, board) for board in boards(window))
        return [verdict.finding for verdict in verdicts if verdict.finding is not None]

    def still(self, window: Window, finding: Finding) -> bool:
        """It is over when it is not found any more."""
        del window, finding
        return False

    def judge(self, window: Window, board: Board) -> Verdict:
        """What it says of one board. A growth that is too much already need not be looked at for a whole minute."""
        uuid = board.device.uuid
        value = window.so_far(self.node, uuid) if self.grown else getattr(board.gpu, self.metric)
        bad = None if value is None else self.bad(value, board)
        if bad:
            return Verdict(self.finding(value, board))
        if bad is None:
            return Verdict(None, board.device.absent.get(self.metric, "not-yet" if value is None else "unsupported"))
        return Verdict(None, "warming" if self.grown and window.value(self.node, uuid) is None else "")

    def finding(self, value: Any, board: Board) -> Finding:
        """The finding for this value."""
        number = isinstance(value, int | float)
        return Finding(
            rule=self.id,
            level=self.level,
            title=self.title,
            detail=self.said(value, board),
            steps=self.steps,
            uuid=board.device.uuid,
            cause=self.cause,
            value=float(value) if number else None,
            unit=METRICS[self.metric].unit if number else "",
        )


class Unreadable(Check, frozen=True, kw_only=True):
    """A metric that could be read before, and cannot any more."""

    def judge(self, window: Window, board: Board) -> Verdict:
        """By the reason for which it is absent. That it can be read does not say yet that all is well."""
        del window
        reason = board.device.absent.get(self.metric, "not-yet")
        lost = getattr(board.gpu, self.metric) is None and reason == "error"
        return Verdict(self.finding(None, board)) if lost else Verdict(None, reason)


def boards(window: Window) -> Iterable[Board]:
    """The boards that answer; a MIG instance is as well as its board."""
    for gpu in window.gpus:
        device = window.device(gpu.uuid)
        if device is not None and device.parent is None and device.state == "ok":
            yield Board(device, gpu)
