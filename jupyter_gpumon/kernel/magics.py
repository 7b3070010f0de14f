"""The magics ``%gpumon`` and ``%%gpumon``: they read what was typed and hand it on.

What they hand it to is imported on first use: ``%load_ext`` stands at the top of a notebook and is to cost nothing.
"""

# mypy: disable-error-code="untyped-decorator"
# IPython ships no types.

from __future__ import annotations

import shlex
import sys
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from ..errors import GpuMonError
from .summary import Summary

_ACTIONS = ("live", "stop", "status", "summary", "report")


@magics_class
class GpuMonMagics(Magics):  # type: ignore[misc]
    """GPU monitoring in the notebook."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.summary = Summary(shell)

    @magic_arguments("gpumon")
    @argument("action", nargs="?", default="live", help="live (default), stop, status, summary or report")
    @argument("value", nargs="?", default="", help="on or off, after summary")
    @argument("--source", help="where the numbers come from: auto, sim:gpus=2, replay:run.jsonl, ws://…")
    @line_magic("gpumon")
    def gpumon(self, line: str) -> None:
        """Show the GPUs, and what the cells cost.

        %gpumon               a live widget; it keeps moving while a cell computes
        %gpumon stop          leave a picture and a table in its place
        %gpumon status        one look at every GPU
        %gpumon summary on    measure every cell (off: no longer)
        %gpumon report        all cells so far, with their sum
        """
        options = _parsed(GpuMonMagics.gpumon, line)
        if options.action not in _ACTIONS:
            raise UsageError(f"%gpumon knows {', '.join(_ACTIONS)}; not {options.action!r}.")
        try:
            if options.source:
                from . import connect

                connect.use(options.source)
            getattr(self, f"_{options.action}")(options.value)
        except GpuMonError as e:
            raise UsageError(str(e)) from None

    @magic_arguments("gpumon")
    @argument("-t", "--title", default="", help="what the record is called")
    @argument("-d", "--devices", help="GPUs to count, with commas: 0,1 or 0:1 for a MIG instance (default: those used)")
    @argument("--no-sync", action="store_true", help="do not wait for the GPU to finish")
    @cell_magic("gpumon")
    def gpumon_cell(self, line: str, cell: str) -> Any:
        """Measure this cell: energy, power, memory, time."""
        self.open(line)
        first, _, rest = cell.lstrip().partition("\n")
        if first.startswith("%%"):
            name, _, arguments = first[2:].partition(" ")
            return self.shell.run_cell_magic(name, arguments, rest)
        self.shell.run_cell(cell).raise_error()
        return None

    @line_magic("gpumon_cell")
    def open(self, line: str) -> None:
        """What the first line of a %%gpumon cell becomes: measure the rest of the cell."""
        from .cells import Wish

        options = _parsed(GpuMonMagics.gpumon_cell, line)
        try:
            self.summary.open(Wish(options.title, _names(options.devices), sync=not options.no_sync))
        except GpuMonError as e:
            raise UsageError(str(e)) from None

    def _live(self, value: str) -> None:
        from . import live

        _nothing_more(value)
        live.start()

    def _stop(self, value: str) -> None:
        from . import live

        _nothing_more(value)
        if not live.stop():
            sys.stdout.write("gpumon │ Nothing is running here; %gpumon starts the live widget.\n")

    def _status(self, value: str) -> None:
        from . import overview

        _nothing_more(value)
        overview.status(summary=self.summary.on)

    def _report(self, value: str) -> None:
        from . import report

        _nothing_more(value)
        report.show()

    def _summary(self, value: str) -> None:
        if value not in ("on", "off"):
            raise UsageError(f"%gpumon summary takes on or off{f', not {value!r}' if value else ''}.")
        if value == "on":
            from . import connect

            link = connect.connection()
            link.ready()
            link.measure()
        self.summary.on = value == "on"


def _parsed(magic: Any, line: str) -> Any:
    """The options in ``line``; what cannot be read is said in one sentence.

    Raises:
        UsageError: an option that there is not, or one without its value.
    """
    try:
        return magic.parser.parse_args(shlex.split(line))
    except ValueError as e:
        raise UsageError(f"{e}: {line}") from None


def _names(devices: str | None) -> tuple[str, ...] | None:
    if devices is None:
        return None
    names = tuple(name.strip() for name in devices.split(",") if name.strip())
    if not names:
        raise UsageError("-d takes GPUs with commas between them, for example -d 0,1.")
    return names


def _nothing_more(value: str) -> None:
    if value:
        raise UsageError(f"Nothing was expected after the action, but there is {value!r}.")


_loaded: dict[int, GpuMonMagics] = {}


def load(shell: Any) -> None:
    """Register the magics; nothing is connected before one of them is used."""
    if id(shell) in _loaded:
        return
    magics = _loaded[id(shell)] = GpuMonMagics(shell)
    shell.register_magics(magics)
    magics.summary.register()


def unload(shell: Any) -> None:
    """Summaries off, the widget stopped, the connection closed, the magics gone."""
    magics = _loaded.pop(id(shell), None)
    if magics is None:
        return
    from . import connect

    magics.summary.unregister()
    for call in connect.on_exit:
        call()
    connect.reset()
    for kind, name in (("line", "gpumon"), ("cell", "gpumon"), ("line", "gpumon_cell")):
        shell.magics_manager.magics[kind].pop(name, None)
