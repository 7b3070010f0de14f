"""``%gpumon report``: every cell that was measured in this kernel, their sum, and how the numbers came about.

With a file's name it is a page: the same, with charts of the last half hour and what is worth knowing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..model import Cell, Columns, Energy
from ..places import place
from ..report import chosen
from ..report.accounts import WITHIN, Account, within_an_update
from ..report.cells import footprint_of, ordered, stated, table
from ..report.environment import of_process, of_stream
from ..report.evidence import Evidence
from ..report.findings import Watch, of_cells
from ..report.findings import ordered as gravest
from ..report.panels import HOST_CHARTED
from ..report.picture import Band
from ..report.tables import as_html, as_text, sentences
from ..units import duration
from . import completion, energy_page
from .connect import SHOWN, Connection, connection
from .show import Shown


def show(order: str = "") -> None:
    """Show it."""
    cells = ordered(completion.finished(), order)
    if not cells:
        Shown().draw(
            {"text/plain": "No cell has been measured yet: begin one with %%gpumon, or use %gpumon summary on."}
        )
        return
    head, rows = table(cells)
    said = stated(cells)
    text, page = as_text(head, rows, words=2), as_html(head, rows, words=2)
    Shown().draw({"text/plain": "\n".join([text, *said]), "text/html": page + sentences(said)})


def write_report(path: str | os.PathLike[str], plotly: str = "none") -> Path:
    """Write the page, and say where it is.

    Args:
        path: its name ends in ``.html``.
        plotly: ``none``, ``inline`` or ``cdn``.

    Raises:
        GpuMonError: it cannot be written, or Plotly is asked for and not installed.
    """
    target = place(os.fspath(path))
    link = connection()
    link.ready()
    size = chosen.write(evidence(link), target, plotly)
    sys.stdout.write(f"gpumon │ The report is {target} ({size / 1000:.0f} kB).\n")
    return target


def evidence(link: Connection) -> Evidence:
    """What this kernel knows: its cells, its devices' accounts, and their last half hour."""
    cells = ordered(completion.finished())
    end = link.latest.time if link.latest else time.time()
    columns = link.monitor.history.columns(0.0, metrics=SHOWN, host=HOST_CHARTED)
    watch = Watch()
    watch.meet(link.hello)
    return Evidence(
        title="GPU report of a notebook",
        origin=_origin(cells, end - link.since),
        start=min([link.since, *(cell.start for cell in cells)]),
        end=end,
        simulated=link.hello.simulated,
        devices=link.hello.devices,
        columns=columns if columns.time else None,
        bands=_bands(cells, columns),
        findings=gravest([*watch.findings(), *of_cells(cells)]),
        accounts=[_account(one, link, columns) for one in energy_page.accounts_now()],
        watched=True,
        cells=cells,
        footprint=footprint_of(cells),
        environment=[*of_stream(link.hello, link.hello.devices), *of_process()],
        method=[*stated(cells), WITHIN],
    )


def _origin(cells: Sequence[Cell], seconds: float) -> str:
    return f"A notebook with {len(cells)} measured cells, watched for {duration(seconds)}."


def _bands(cells: Sequence[Cell], columns: Columns) -> list[Band]:
    first = columns.time[0] if columns.time else 0.0
    return [Band(cell.start, cell.end, cell.title) for cell in cells if cell.end > first]


def _account(one: energy_page.Account, link: Connection, columns: Columns) -> Account:
    """The notebook's account of a device, in the words of a report."""
    words = dict(energy_page.PARTS)
    values = {name: getattr(one, name) for name, _ in energy_page.PARTS[:-1]}
    device = next((device for device in link.devices() if device.label == one.device), None)
    powers = [] if device is None else columns.gpus.get(device.uuid, {}).get("power", [])
    energy = within_an_update(one.total, device.sensor if device else None, max(filter(None, powers), default=0.0))
    if one.estimate:
        energy = Energy(joules=one.total, method="estimate")
    parts = {words[name]: value for name, value in values.items() if value or name == "cells"}
    return Account(one.device, device.name if device else "", energy, parts, one.unknown)
