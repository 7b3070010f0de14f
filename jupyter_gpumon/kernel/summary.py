"""``%%gpumon`` and ``%gpumon summary on``: frames opened and closed with the cells that run.

``%%gpumon`` is not run as a cell within a cell, as most cell magics are: its first line becomes a statement that opens
a frame, and the end of the cell closes it. So errors, ``await``, line numbers, ``Out`` and "Run all" are as without it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import GpuMonError
from .failures import exhausted
from .loop import Looped

if TYPE_CHECKING:
    from ..model import Cell
    from ..rules.advice.exhausted import Exhausted
    from .cells import Frame, Wish

CELL_MAGIC = "%%gpumon"
OPENER = "gpumon_cell"
"""The line magic that the first line of a ``%%gpumon`` cell becomes."""

_SILENT = ("%gpumon", "%load_ext", "%reload_ext", "%unload_ext")
"""A cell that begins so and goes no further is about measuring, and not measured itself."""

_PATIENCE = 2.0
"""Most seconds a cell that did not ask for it waits for the GPU (energy.md §3.7)."""


@dataclass(frozen=True)
class Open:
    """A frame of a cell that runs, and what is to be done when the cell is over."""

    frame: Frame
    end: Callable[[], object] | None = None
    over: Callable[[BaseException | None], object] | None = None
    """Called when the window has closed, with what the code has raised."""
    amend: Callable[[Cell], Cell] | None = None
    """Adds to the record."""


class Summary:
    """Opens and closes the frames of the cells of one shell."""

    def __init__(self, shell: Any) -> None:
        self.on = False
        self._shell = shell
        self._looped = Looped(OPENER)
        self._frames = threading.local()  # subshells run cells side by side, each in its thread

    def register(self) -> None:
        """Be told of every cell."""
        self._shell.events.register("pre_run_cell", self.before)
        self._shell.events.register("post_run_cell", self.after)
        transforms = self._shell.input_transformers_cleanup
        at = next((i for i, t in enumerate(transforms) if getattr(t, "__name__", "") == "cell_magic"), len(transforms))
        transforms.insert(at, opened)
        self._shell.ast_transformers.append(self._looped)

    def unregister(self) -> None:
        """No longer."""
        self.on = False
        self._shell.events.unregister("pre_run_cell", self.before)
        self._shell.events.unregister("post_run_cell", self.after)
        self._shell.input_transformers_cleanup.remove(opened)
        if self._looped in self._shell.ast_transformers:  # IPython takes away one that has failed
            self._shell.ast_transformers.remove(self._looped)

    def _stack(self) -> list[list[Open]]:
        """Frames of the cells that run in this thread, the innermost cell last: a cell may run others."""
        if not hasattr(self._frames, "stack"):
            self._frames.stack = []
        stack: list[list[Open]] = self._frames.stack
        return stack

    def before(self, info: Any) -> None:
        """A cell begins."""
        frames: list[Open] = []
        self._stack().append(frames)
        if _about_measuring(info.raw_cell or ""):
            return
        if not self.on:
            _note_unmeasured()
            return
        from .cells import Wish
        from .measure import open_frame

        try:
            frames.append(Open(open_frame(Wish(patience=_PATIENCE))))
        except GpuMonError as e:
            self.on = False
            sys.stderr.write(f"gpumon: {e} Summaries are off.\n")

    def open(self, wish: Wish, **more: Any) -> None:
        """Measure the rest of the cell that runs; in place of its summary. ``more`` is as for ``Open``."""
        from .measure import open_frame

        stack = self._stack()
        if not stack:  # called by a program, outside any cell
            stack.append([])
        while stack[-1]:  # first: what is opened while they are would be within them
            stack[-1].pop().frame.release()
        stack[-1].append(Open(open_frame(wish), **more))

    def after(self, result: Any) -> None:
        """A cell has ended: draw what it cost."""
        stack = self._stack()
        frames = stack.pop() if stack else []
        error = result.error_before_exec or result.error_in_exec
        said = None if error is None else exhausted(error)
        if frames:
            _finish(frames, result, said)
        elif said is not None:
            _explain(said)
        live = sys.modules.get(f"{__package__}.live")
        if live is not None:
            live.after_cell()


def _explain(said: Exhausted) -> None:
    """Of a cell that nobody measures."""
    from . import exhaustion

    exhaustion.draw(exhaustion.look(said, None))


def _finish(frames: list[Open], result: Any, said: Exhausted | None) -> None:
    from . import advice, completion, context
    from .measure import status_of
    from .show import Shown

    for one in frames:
        frame = one.frame
        if one.end is not None:
            one.end()
        frame.count = result.execution_count
        error = result.error_before_exec or result.error_in_exec
        frame.close(status_of(error))
        if one.over is not None:
            one.over(error)
        once = context.unattended() or context.kernel() is None  # a terminal prints one time only
        patience = None if once else 0.0 if context.more_cells_wait() else frame.periods
        amend = advice.Advised(frame, one.amend or completion.as_it_is, said)
        completion.finish(frame, Shown(), patience=patience, amend=amend)
        amend.explain()


def _note_unmeasured() -> None:
    """What this cell draws is not the background of the one that was measured before it."""
    connect = sys.modules.get(f"{__package__}.connect")
    link = connect.current() if connect is not None else None
    if link is not None:
        link.unmeasured()


def _about_measuring(code: str) -> bool:
    lines = [line.strip() for line in code.splitlines() if line.strip() and not line.strip().startswith("#")]
    return all(line.startswith(_SILENT) for line in lines)


def opened(lines: list[str]) -> list[str]:
    """Input transformer: the first line of a ``%%gpumon`` cell becomes the statement that opens its frame.

    A cell whose next line is another cell magic is left as it is: that magic must stand first.
    """
    first, rest = (lines[0] if lines else ""), lines[1:]
    if (first.split() or [""])[0] != CELL_MAGIC or _begins_with_magic(rest):
        return lines
    options = first.strip()[len(CELL_MAGIC) :].strip()
    return [f"get_ipython().run_line_magic({OPENER!r}, {options!r})\n", *rest]


def _begins_with_magic(lines: list[str]) -> bool:
    return next((line.startswith("%%") for line in lines if line.strip()), False)
