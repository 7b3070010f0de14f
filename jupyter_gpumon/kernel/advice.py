"""Advice in a notebook: on the cell that has just ended, on the last minutes, on a run; ``%gpumon advise``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from ..errors import GpuMonError
from ..findings import Finding
from ..model import Cell
from ..report import advice, sketch
from ..rules.advice import HOST_FACTS, Stretch, advise
from ..rules.advice.exhausted import Exhausted
from ..rules.advice.leak import FEWEST
from ..runs import caches
from . import completion, context, exhaustion
from .allocators import allocators, frameworks
from .cells import Frame
from .connect import Connection, connection
from .show import Shown

LONG = 10.0
"""Seconds from which on a cell is looked at when it ends."""
NOTHING = "No advice: nothing here was found that could be better."

_last: list[Finding] = []
"""What was shown last, so that its code can be asked for by number."""


class AdviceError(GpuMonError):
    """There is nothing to advise on; the text says what there is."""


def of_cell(cell: Cell, link: Connection) -> Stretch:
    """The stretch that a cell was, with all that is known in this kernel."""
    return Stretch(
        start=cell.start,
        end=cell.end,
        devices=link.hello.devices,
        columns=link.monitor.history.columns(cell.start - 1, cell.end + 1, host=HOST_FACTS),
        cell=cell,
        cells=before(cell),
        processes=link.latest.processes if link.latest else None,
        allocators=allocators(link.hello.devices),
        caches=caches.now(),
        frameworks=frameworks(),
    )


def before(cell: Cell) -> tuple[Cell, ...]:
    """The cells up to this one, which is the last."""
    return (
        *(one for one in list(completion.done)[-exhaustion.LOOKED :] if one.id != cell.id and one.start <= cell.start),
        cell,
    )


class Advised:
    """Puts advice into a final record, after what ``amend`` puts into it; and why memory did not suffice, in any.

    Args:
        frame: of the cell, closed.
        amend: what else is put into its record.
        said: by the exception that ended it for want of memory, if one did.
    """

    def __init__(self, frame: Frame, amend: completion.Amend, said: Exhausted | None) -> None:
        self._link, self._amend = frame.link, amend
        self._trouble = None if said is None else exhaustion.look(said, frame)

    def __call__(self, cell: Cell) -> Cell:
        """The record with them."""
        cell = self._amend(cell)
        trouble = [] if self._trouble is None else [self._trouble]
        found = worth(cell, self._link) if cell.final else []
        return replace(cell, findings=tuple(map(brief, [*trouble, *found])))

    def explain(self) -> None:
        """Show below the record why memory did not suffice, if it did not."""
        if self._trouble is not None:
            exhaustion.draw(self._trouble)


def worth(cell: Cell, link: Connection) -> list[Finding]:
    """What is worth a line under a cell: all but what is a mere possibility."""
    stretch = of_cell(cell, link) if cell.duration >= LONG or cell.repeats else _short(cell, link)
    found = advise(stretch) if cell.devices and stretch is not None else []
    return [one for one in found if one.level != "info" or one.confidence >= 0.6]


def _short(cell: Cell, link: Connection) -> Stretch | None:
    """Of one too short to be judged by samples, what many records show: memory that grows; None where it does not."""
    cells = before(cell)
    if len(cells) < FEWEST or not _grew(cells[-FEWEST], cell):
        return None
    return Stretch(start=cell.start, end=cell.end, devices=link.hello.devices, cells=cells)


def _grew(older: Cell, newer: Cell) -> bool:
    """Whether the newer cell took more of any device's memory: most do not, and are looked at no further."""
    before = {name: peak.get("memory_used", math.inf) for name, peak in older.peak.items()}
    return any(peak.get("memory_used", 0.0) > before.get(name, math.inf) for name, peak in newer.peak.items())


def brief(finding: Finding) -> Finding:
    """As a record keeps it: without evidence, code and UUIDs. Its words name the devices."""
    return replace(finding, evidence=(), code=None, uuid=None)


def show(value: str, window: str | None, run: str | None) -> None:
    """Advice on the last measured cell, on a window up to now, or on a run; or put the code of an item into a new cell.

    Raises:
        AdviceError: there is no such thing.
    """
    if value:
        _insert(value)
        return
    found, about = _found(window, run)
    _last[:] = found
    Shown().draw(bundle(found, about))


def _found(window: str | None, run: str | None) -> tuple[list[Finding], str]:
    if run:
        return of_run(run)
    link = connection()
    link.ready()
    if window:
        return advise(_window(link, advice.seconds(window))), f"the last {window}"
    cells = [cell for cell in completion.finished() if not cell.within]
    if cells:
        cell = cells[-1]
        return [*_kept(cell), *advise(replace(of_cell(cell, link), bench=_bench()))], _name(cell)
    return advise(_window(link, 600.0)), "the last ten minutes (no cell has been measured)"


def _kept(cell: Cell) -> list[Finding]:
    """What only the moment at which the cell ended could tell."""
    return [one for one in exhaustion.explained if one.subject == cell.id]


def of_run(name: str) -> tuple[list[Finding], str]:
    """Advice on a run that is kept, by its name or id.

    Raises:
        RunError: there is none.
    """
    from ..runs.store import shared

    run = shared().find(name)[0]
    return advise(advice.of_run(run, shared().latest("bench"))), f"the run {run.name}"


def _bench() -> dict[str, float]:
    from ..errors import RunError
    from ..runs.store import shared

    try:
        return advice.bench_of(shared().latest("bench"))
    except RunError:  # advice goes on without
        return {}


def _window(link: Connection, length: float) -> Stretch:
    end = link.latest.time if link.latest else time.time()
    return Stretch(
        start=end - length,
        end=end,
        devices=link.hello.devices,
        columns=link.monitor.history.columns(end - length, host=HOST_FACTS),
        cells=tuple(cell for cell in completion.done if cell.end >= end - length),
        processes=link.latest.processes if link.latest else None,
        allocators=allocators(link.hello.devices),
        caches=caches.now(),
        bench=_bench(),
        frameworks=frameworks(),
    )


def _name(cell: Cell) -> str:
    return f"[{cell.count}] {cell.title}".strip() if cell.count else cell.title or "the last measured cell"


def bundle(found: Sequence[Finding], about: str) -> dict[str, Any]:
    """For every front end."""
    if not found:
        text = f"gpumon │ {about}: {NOTHING}"
        return {"text/plain": text, "text/html": f"<div>{text.replace('<', '&lt;')}</div>"}
    hint = "%gpumon advise 1 puts the code of the first into a new cell."
    text = f"gpumon │ advice on {about}\n\n{sketch.plain(found)}\n\n{hint}"
    head = f"Advice on {about}. {hint}".replace("<", "&lt;")
    return {"text/plain": text, "text/html": f"<div>{head}</div>{sketch.page(found)}"}


def _insert(value: str) -> None:
    if not value.isdigit() or not 1 <= int(value) <= len(_last):
        have = f"1 to {len(_last)}" if _last else "nothing yet: ask with %gpumon advise first"
        raise AdviceError(f"%gpumon advise takes the number of what it has shown, {have}; not {value!r}.")
    code, shell = _last[int(value) - 1].code, context.shell()
    if code is not None and shell is not None:
        shell.set_next_input(code.source)
