"""Measuring a part of a program: ``with measure("epoch") as m:``, or as a decorator of a function or coroutine."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from msgspec import structs

from ..model import Cell, Energy, Footprint
from ..report.amounts import charge, used
from . import completion
from .cells import Frame, Wish
from .connect import connection
from .show import Shown

P = ParamSpec("P")
T = TypeVar("T")


class Measurement:
    """One measured part. Its numbers can be asked for when it is over."""

    def __init__(self, wish: Wish, *, show: bool = False) -> None:
        self._wish, self._show = wish, show
        self._frame: Frame | None = None
        self._pending: completion.Pending | None = None
        self._counts: dict[str, float] = {}

    def count(self, number: float = 1, unit: str = "step") -> None:
        """Count what is being done, within the block: the record then says the energy per step, token, sample, …

        Raises:
            RuntimeError: the block has ended.
        """
        if self._pending is not None:
            raise RuntimeError("Counting ends with the measured block: call count() within it.")
        self._counts[unit] = self._counts.get(unit, 0.0) + number

    def __enter__(self) -> Measurement:
        self._frame = open_frame(self._wish)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._frame is not None:
            self._frame.close(status_of(error))
            draw = Shown() if self._show else None
            self._pending = completion.finish(self._frame, draw, patience=0.0, amend=self._counted)

    def _counted(self, cell: Cell) -> Cell:
        return structs.replace(cell, counts=dict(self._counts))

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
        """Joules of the GPUs this process used, together; None where only ``interval`` can be said, or it used none.

        What is measured; an estimate only where nothing was (``method`` says so).
        """
        return self._whole.joules

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The lowest and the highest that ``energy`` can be, in joules, with a likelihood of 95 %."""
        return self._whole.low, self._whole.high

    @property
    def net(self) -> float | None:
        """Joules less what the GPUs would have drawn in this time without work; None where that is not known."""
        return self._whole.net

    @property
    def method(self) -> str:
        """How ``energy`` came about: ``counter``, ``power`` or ``estimate``."""
        return self._whole.method

    @property
    def per_device(self) -> dict[str, Energy]:
        """The energy of each GPU that was used, by name (``gpu0``)."""
        cell = self.cell
        return {name: cell.energy[name] for name in used(cell) if name in cell.energy}

    @property
    def footprint(self) -> Footprint | None:
        """Carbon and cost, where a region or a price is set."""
        return self.cell.footprint

    def per(self, unit: str = "step") -> float | None:
        """Joules per one of what was counted; None where the energy is not known.

        Raises:
            KeyError: nothing of that name was counted.
        """
        number, whole = self.cell.counts[unit], self._whole
        return whole.joules / number if whole.joules is not None and number else None

    def to_json(self) -> str:
        """The record as JSON, without user, host, path, or UUIDs: what is saved with a notebook's cell."""
        from ..report.record import saved

        return json.dumps(saved(self.cell), ensure_ascii=False, indent=1)

    def to_boamps(self, **said: Any) -> dict[str, Any]:
        """The record as a BoAmps report; what only you know is passed in, as ``boamps.report`` takes it.

        Raises:
            ExportError: no single number is known for the energy.
        """
        from .boamps import report

        return report(self.cell, **said)

    def save(self, path: str | Path, **said: Any) -> None:
        """Write the record as JSON, for ``%%gpumon --compare`` or another program; with arguments, a BoAmps report."""
        text = json.dumps(self.to_boamps(**said), ensure_ascii=False, indent=1) if said else self.to_json()
        Path(path).write_text(text + "\n", encoding="utf-8")

    @property
    def duration(self) -> float:
        """Seconds from start to end, the wait for the GPU included."""
        return self.cell.duration

    @property
    def _whole(self) -> Energy:
        return charge(self.cell).whole

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        from ..report.record import bundle

        return bundle(self.cell) if self._pending is not None else {"text/plain": repr(self)}

    def __repr__(self) -> str:
        from ..report.record import plain

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
        wish = self._wish if self._wish.title else replace(self._wish, title=function.__qualname__)
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
