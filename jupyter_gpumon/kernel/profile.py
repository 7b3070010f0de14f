"""``%%gpumon --profile``: a cell under PyTorch's profiler, and the Chrome trace that it leaves beside the notebook."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from msgspec import structs

from ..model import Cell

FOLDER = "gpumon-traces"
_COSTS = "run under PyTorch's profiler, which takes time and energy itself"


class Profile:
    """The profile of one cell; whatever is the matter with it is a note in the record, and the cell runs."""

    def __init__(self, title: str) -> None:
        self._name = re.sub(r"[^\w.-]+", "-", title).strip("-.")[:60] or "cell"
        self._folder = Path.cwd()
        """The kernel's: the code may go elsewhere."""
        self._note, self._trace = "", ""
        self._profiler: Any = None

    def start(self) -> None:
        """The code begins. PyTorch is imported where that has not been done yet."""
        try:
            from torch import autograd  # type: ignore[import-not-found,unused-ignore]
            from torch.profiler import profile  # type: ignore[import-not-found,unused-ignore]
        except ImportError as e:
            self._note = f"not profiled: {e}. --profile needs PyTorch in this kernel's Python: pip install torch"
            return
        if autograd._profiler_enabled():  # a second one would end the first without a word
            self._note = "not profiled: another profiler of PyTorch is at work"
            return
        try:
            self._profiler = profile().__enter__()
        except RuntimeError as e:
            self._note = f"not profiled: PyTorch's profiler does not start: {_first(e)}"

    def stop(self) -> Any:
        """Profile no more; what has been profiled, None where nothing was."""
        profiler, self._profiler = self._profiler, None  # it holds all events: it is to be kept no longer than needed
        if profiler is not None:
            profiler.__exit__(None, None, None)
        return profiler

    def end(self) -> None:
        """The window has closed: stop, and write the trace."""
        path = f"{FOLDER}/{self._name}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.json.gz"
        try:
            profiler = self.stop()
            if profiler is None:
                return
            (self._folder / FOLDER).mkdir(exist_ok=True)
            profiler.export_chrome_trace(str(self._folder / path))
        except (OSError, RuntimeError) as e:
            self._note = f"{_COSTS}; its trace cannot be written: {_first(e)}"
        else:
            self._note, self._trace = _COSTS, path

    def amend(self, cell: Cell) -> Cell:
        """The record with the trace's name, and what is to be known of it."""
        notes = (*cell.notes, self._note) if self._note else cell.notes
        return structs.replace(cell, trace=self._trace or None, notes=notes)


def _first(error: BaseException) -> str:
    """The first line: the rest of PyTorch's is a traceback of C++."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
