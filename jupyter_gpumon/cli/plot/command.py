"""``gpumon plot``, from its words to the chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ...report import chosen
from ...report.chart import PlotError, chosen_panels, plotted
from ...report.files import write_whole
from ..reporting import bar
from .page import page, picture
from .terminal import drawing

TERMINAL = "terminal"
KINDS = (".html", ".htm", ".png")


def plot(
    key: str,
    output: str,
    *,
    run: str = "",
    store: str | None = None,
    metrics: Sequence[str] = (),
    devices: Sequence[str] = (),
    how: str = "inline",
    overwrite: bool = False,
) -> str:
    """Draw it; a sentence on what was made, empty where that is in sight.

    Raises:
        PlotError: the output, a metric or a device is none that there is.
        GpuMonError: what is to be drawn cannot be read.
    """
    path = Path(output)
    if output != TERMINAL:
        _check(path, overwrite=overwrite)
    with bar(f"Reading {key}") as progress:
        evidence = chosen.evidence(key, store=store, only=run, progress=progress)
    found = chosen_panels(evidence, metrics, devices)
    if output == TERMINAL:
        console = Console()
        for line in drawing(evidence, found, console.width):
            console.print(line, soft_wrap=True)
        return ""
    made = plotted(evidence, found)
    write_whole(path, picture(made) if path.suffix.lower() == ".png" else page(made, how).encode())
    return f"{path} ({path.stat().st_size / 1000:.0f} kB)"


def _check(path: Path, *, overwrite: bool) -> None:
    if path.suffix.lower() not in KINDS:
        raise PlotError(f"-o takes a page (x.html), a picture (x.png), or {TERMINAL}; not {str(path)!r}.")
    if path.exists() and not overwrite:
        raise PlotError(f"{path} is there already. Name another file, or add --overwrite.")
