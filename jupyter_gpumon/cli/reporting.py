"""``gpumon report``: read, say how far, write the page; or let a browser on this machine print it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar

from ..errors import GpuMonError
from ..report import chosen
from ..report.evidence import Progress
from ..report.files import write_whole
from ..report.page import page
from .browser import printed


def make(source: str, output: Path, plotly: str, **choices: Any) -> str:
    """Make a report; a sentence on what was made.

    Args:
        source: see ``report.chosen.evidence``, also for ``choices``.
        output: ``.html``, or ``.pdf`` to have it printed.
        plotly: ``none``, ``inline`` or ``cdn``.
        choices: title, rates, identify, store.

    Raises:
        GpuMonError: the source cannot be read, the file cannot be written, or nothing here prints.
    """
    on_paper = output.suffix.lower() == ".pdf"
    if not on_paper and output.suffix.lower() not in chosen.PAGES:
        raise GpuMonError(f"A report is a page or is printed: name it .html or .pdf, not {output.name!r}.")
    with bar(f"Reading {source}") as progress:
        found = chosen.evidence(source, progress=progress, **choices)
    if not on_paper:
        return f"{output} ({chosen.write(found, output, plotly) / 1000:.0f} kB)"
    pdf = printed(page(found))
    write_whole(output, pdf)
    return f"{output} ({len(pdf) / 1000:.0f} kB)"


@contextmanager
def bar(words: str) -> Iterator[Progress]:
    """A bar on the terminal while something long goes on; it is gone afterwards."""
    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(words, total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)
