"""Measuring a part of a program: ``with measure("epoch") as m:``, or as a decorator of a function or coroutine."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from ..model import Cell, Energy
from . import completion
from .cells import Frame, Wish
from .connect import connection
from .show import Shown
from .words import total, used

P = ParamSpec("P")
T = TypeVar("T")


class Measurement:
    """One measured part. Its numbers can be asked for when it is over."""

    def __init__(self, wish: Wish, *, show: bool = False) -> None:
        self._wish, self._show = wish, show
        self._frame: Frame | None = None
        self._pending: completion.Pending | None = None

    def __enter__(self) -> Measurement:
        self._frame = open_frame(self._wish)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._frame is not None:
            self._frame.close(status_of(error))
            self._pending = completion.finish(self._frame, Shown() if self._show else None, patience=0.0)

    @property
    def cell(self) -> Cell:
        """The record. Waits for the energy counter to move on: two of its periods, three seconds if it stands still.

        Raises:
            RuntimeError: the block has not ended yet.
        """
        if self._pending is None:
            raise RuntimeError("There is no record before the measured block has ended.")
        return self._pending.last()

    @property
    def energy(self) -> float | None:
        """Joules of the GPUs this process used, together; None where only ``interval`` can be said, or it used none."""
        return self._total().joules

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The lowest and the highest that ``energy`` can be, in joules."""
        whole = self._total()
        return whole.low, whole.high

    @property
    def duration(self) -> float:
        """Seconds from start to end, the wait for the GPU included."""
        return self.cell.duration

    def _total(self) -> Energy:
        cell = self.cell
        return total(cell.energy[name] for name in used(cell) if name in cell.energy)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        from .record import bundle

        return bundle(self.cell)

    def __repr__(self) -> str:
        from .record import plain

        return plain(self.cell) if self._pending is not None else "<gpumon: being measured>"


class measure:  # noqa: N801 - it reads as a verb
    """Measure a block or every call of a function.

        with measure("epoch") as m:
            train()
        print(m.energy, m.interval)

        @measure("epoch")
        def train(): ...

    Args:
        title: what the record is called; a decorated function's own name where none is given.
        devices: names of GPUs to count (``0``, ``"gpu1"``, ``"0:1"`` for a MIG instance); None counts those used.
        sync: wait at the end for the GPU to finish.
        show: show the record as a cell's output.
    """

    def __init__(
        self, title: str = "", *, devices: Sequence[str | int] | None = None, sync: bool = True, show: bool = False
    ) -> None:
        names = None if devices is None else tuple(str(name) for name in devices)
        self._wish, self._show = Wish(title=title, devices=names, sync=sync), show
        self._open: list[Measurement] = []

    def __enter__(self) -> Measurement:
        opened = Measurement(self._wish, show=self._show).__enter__()
        self._open.append(opened)
        return opened

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.pop().__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Measure every call of this function, or of this coroutine function until it is done."""
        wish = self._wish if self._wish.title else Wish(function.__qualname__, self._wish.devices, self._wish.sync)
        show = self._show

        @functools.wraps(function)
        def measured(*args: P.args, **kwargs: P.kwargs) -> T:
            with Measurement(wish, show=show):
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
            with Measurement(wish, show=show):
                return await cast("Awaitable[Any]", function(*args, **kwargs))

        return cast("Callable[P, T]", awaited) if inspect.iscoroutinefunction(function) else measured


def open_frame(wish: Wish) -> Frame:
    """Connect where that has not been done yet, have the counters watched finely, and open a frame."""
    link = connection()
    link.ready()
    link.measure()
    return Frame(link, wish)


def status_of(error: BaseException | None) -> str:
    """How a block ended, from what was raised in it."""
    if error is None:
        return "ok"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "error"
