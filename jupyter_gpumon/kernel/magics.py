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
from traitlets import Unicode

from ..errors import GpuMonError
from ..report import preference
from .summary import Summary

_ACTIONS = (
    "live", "stop", "status", "summary", "report", "energy", "footprint", "units", "runs", "compare", "bench",
    "record", "advise", "health", "alerts", "links", "mig",
)  # fmt: skip
_GO_WITH = {
    "sort": ("report", "energy"), "region": ("footprint",), "price": ("footprint",), "pue": ("footprint",),
    "plotly": ("report",), "other": ("compare",), "size": ("bench",), "force": ("bench",),
    "window": ("advise",), "run": ("advise",),
}  # fmt: skip
"""Option → the actions it belongs to."""


@magics_class
class GpuMonMagics(Magics):  # type: ignore[misc]
    """GPU monitoring in the notebook."""

    units = Unicode(
        allow_none=True, default_value=None,
        help="""Unit of energies: J, kJ, Wh, kWh or auto (joules with the prefix that fits). None leaves it to
        $GPUMON_UNITS; %gpumon units goes before both.""",
    ).tag(config=True)  # fmt: skip

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.summary = Summary(shell)
        if self.units:
            _say(preference.choose, self.units)

    @magic_arguments("gpumon")
    @argument("action", nargs="?", default="live", help=f"live (default), {', '.join(_ACTIONS[1:])}")
    @argument("value", nargs="?", default="", help="on, off (summary); kWh (units); x.html (report); a run")
    @argument("other", nargs="?", help="after compare: what the first is compared with")
    @argument("--size", type=int, help="after bench: rows of the matrices (default 4096)")
    @argument("--force", action="store_true", default=None, help="after bench: also on a GPU that is busy")
    @argument("--sort", help="order of report and energy: start, energy, net, duration or title")
    @argument("--plotly", help="after report x.html: none (default), inline or cdn")
    @argument("--region", help="after footprint: where the electricity is from: DE, US-CAL-CISO, WORLD")
    @argument("--price", help="after footprint: what a kWh costs: '0.31 EUR'")
    @argument("--pue", type=float, help="after footprint: energy of the building over that of its computers")
    @argument("--window", help="after advise: 90s, 10m, 1h up to now, in place of the last cell")
    @argument("--run", help="after advise: a run that was kept, by its name or id")
    @argument("--source", help="where the numbers come from: auto, sim:gpus=2, replay:run.jsonl, ws://…")
    @line_magic("gpumon")
    def gpumon(self, line: str) -> None:
        """Show the GPUs, and what the cells cost.

        %gpumon               a live widget; it keeps moving while a cell computes
        %gpumon stop          leave a picture and a table in its place
        %gpumon status        one look at every GPU
        %gpumon summary on    measure every cell (off: no longer)
        %gpumon report        all cells so far, with their sum, method and footprint
        %gpumon report x.html the same with charts and findings as a page, to be given away
        %gpumon energy        the notebook's energy: cells, idle between them, background
        %gpumon footprint     by which region, price and PUE carbon and cost are worked out; sets them
        %gpumon units kWh     say energies in kWh (J, kJ, Wh; auto: the prefix that fits)
        %gpumon runs          experiments that were kept (gm.run); with a name or an id, that one
        %gpumon compare A B   what differs between two of them, and whether that may be chance
        %gpumon health        PASS, WARN or FAIL per watch and GPU, with what to do
        %gpumon alerts        what fires now, since when, and what to do about it
        %gpumon links         PCIe and NVLink of each GPU, and which link each pair shares
        %gpumon mig           how boards are split, and who is on which instance
        %gpumon record FILE   write the stream to a file (off: no longer)
        %gpumon bench         measure the GPU against the CPU; the result is a run
        %gpumon advise        what could be done better, and how it is known; with a number, its code into a new cell
        """
        options = _parsed(GpuMonMagics.gpumon, line)
        if options.action not in _ACTIONS:
            raise UsageError(f"%gpumon knows {', '.join(_ACTIONS)}; not {options.action!r}.")
        more = _options_of(options)
        try:
            if options.source:
                from . import connect

                connect.use(options.source)
            getattr(self, f"_{options.action}")(options.value, *more)
        except GpuMonError as e:
            raise UsageError(str(e)) from None

    @magic_arguments("gpumon")
    @argument("-t", "--title", default="", help="what the record is called")
    @argument("-d", "--devices", help="GPUs to count, with commas: 0,1 or 0:1 for a MIG instance (default: those used)")
    @argument("--no-sync", action="store_true", help="do not wait for the GPU to finish")
    @argument("--repeat", help="run the code so many times, or auto: until the energy of a run is known to --within")
    @argument("--within", type=float, default=2.0, help="per cent: half the 95 %% interval that is enough (default 2)")
    @argument("--seconds", type=float, default=5.0, help="seconds that --repeat auto may take (default 5)")
    @argument("--compare", help="title of an earlier measurement, or a file written by Measurement.save")
    @argument("--metric", action="append", help="NAME=EXPRESSION: a number to log when the cell is over; repeatable")
    @argument("--profile", action="store_true", help="run it under PyTorch's profiler; its trace is linked below")
    @cell_magic("gpumon")
    def gpumon_cell(self, line: str, cell: str) -> Any:
        """Measure this cell: energy, power, memory, time."""
        first, _, rest = cell.lstrip().partition("\n")
        for _ in self.open(line) or (0,):
            if first.startswith("%%"):
                name, _, arguments = first[2:].partition(" ")
                result = self.shell.run_cell_magic(name, arguments, rest)
            else:
                result = self.shell.run_cell(cell).raise_error()
        return result

    @line_magic("gpumon_cell")
    def open(self, line: str) -> Any:
        """What the first line of a %%gpumon cell becomes: measure the rest of the cell.

        With --repeat it gives what the rest of the cell is to be looped over.
        """
        from .cells import Wish
        from .request import begin

        options = _parsed(GpuMonMagics.gpumon_cell, line)
        try:
            wish = Wish(options.title, _names(options.devices), sync=not options.no_sync)
            return begin(self.summary, wish, options, self.shell.user_ns)
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

    def _report(self, value: str, order: str | None, plotly: str | None) -> None:
        from . import report

        if value:
            report.write_report(value, plotly or "none")
        else:
            report.show(order or "")

    def _energy(self, value: str, order: str | None) -> None:
        from . import energy_page

        _nothing_more(value)
        energy_page.show(order or "")

    def _footprint(self, value: str, region: str | None, price: str | None, pue: float | None) -> None:
        from . import rates

        rates.show(value, region, price, pue)

    def _units(self, value: str) -> None:
        preference.choose(value)

    def _record(self, value: str) -> None:
        from .recorder import recorder

        recorder.ask(value)

    def _health(self, value: str) -> None:
        from . import health

        _nothing_more(value)
        health.show()

    def _alerts(self, value: str) -> None:
        from . import alerts

        _nothing_more(value)
        alerts.show()

    def _links(self, value: str) -> None:
        from . import links

        _nothing_more(value)
        links.show()

    def _mig(self, value: str) -> None:
        from . import links

        _nothing_more(value)
        links.show_mig()

    def _runs(self, value: str) -> None:
        from . import runs_page

        runs_page.show(value)

    def _compare(self, value: str, other: str | None) -> None:
        from . import runs_page

        runs_page.compare(value, other or "")

    def _bench(self, value: str, size: int | None, force: bool | None) -> None:
        from . import runs_page

        _nothing_more(value)
        runs_page.bench(size, force=bool(force))

    def _advise(self, value: str, window: str | None, run: str | None) -> None:
        from . import advice

        advice.show(value, window, run)

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


def _options_of(options: Any) -> list[Any]:
    """The values of the options that go with this action.

    Raises:
        UsageError: there is one that goes with another.
    """
    for option, actions in _GO_WITH.items():
        if getattr(options, option) is not None and options.action not in actions:
            name = "A second name" if option == "other" else f"--{option}"
            raise UsageError(f"{name} goes with %gpumon {' and '.join(actions)}.")
    return [getattr(options, option) for option, actions in _GO_WITH.items() if options.action in actions]


def _say(call: Any, *arguments: Any) -> None:
    """Call it; where that is refused, say why, and go on: a configuration must not keep the magics from loading."""
    try:
        call(*arguments)
    except GpuMonError as e:
        sys.stderr.write(f"gpumon: {e}\n")


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
    preference.forget()
    for call in connect.on_exit:
        call()
    connect.reset()
    for kind, name in (("line", "gpumon"), ("cell", "gpumon"), ("line", "gpumon_cell")):
        shell.magics_manager.magics[kind].pop(name, None)
