"""``%gpumon energy``: where the notebook's energy went since its first measured cell, as a table that adds up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from ..attribution.pages import Sums
from ..model import Cell, Device
from ..report.amounts import charge, resolved
from ..report.bars import Bar, drawing
from ..report.cells import joules_of, name, ordered, outer, stated, table
from ..report.picture import image
from ..report.preference import said
from ..report.tables import as_html, as_text, sentences
from ..units import duration
from . import completion
from .connect import connection
from .show import Shown

_DEAREST = 10
"""Cells that the picture shows by themselves."""


class Account(NamedTuple):
    """Where the energy of one device went, in joules. The parts add up to ``total``, the growth of its counter."""

    device: str
    total: float
    cells: float = 0.0
    """Charged to measured cells, each joule once."""
    background: float = 0.0
    """Work of this notebook that outlived its cell."""
    between: float = 0.0
    """Between cells: the device idled, or did what was not measured, for this notebook."""
    others: float = 0.0
    """Charged to other notebooks and programs."""
    nobody: float = 0.0
    """What nobody can be charged for."""
    unknown: float = 0.0
    """Seconds for which nobody knows what the device drew; in no sum."""
    estimate: bool = False
    """A MIG instance's share of its board: in no sum with what was measured."""


PARTS = (
    ("cells", "measured cells"),
    ("background", "background: work that outlived its cell"),
    ("between", "idle between cells"),
    ("others", "others on the GPU"),
    ("nobody", "nobody's"),
    ("total", "total, by the counter"),
)
"""Field of an account → how its row is called, in the order of the table."""


def rows(accounts: Sequence[Account]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """A row per part, a column per device and one for all of them; parts that nobody had are left out."""
    added = _added(accounts)
    sums = ["together"] if len(added) > 1 else []
    head = ["where it went", *(f"{one.device} (estimate)" if one.estimate else one.device for one in accounts)]
    lines: list[Sequence[str]] = []
    for part, words in PARTS:
        values, together = [getattr(one, part) for one in accounts], sum(getattr(one, part) for one in added)
        if part in ("cells", "total") or any(values):
            lines.append([words, *map(said, values), *(said(together) for _ in sums), _share(together, added)])
    return [*head, *sums, "share"], lines


def _added(accounts: Sequence[Account]) -> Sequence[Account]:
    """Those that may be added up: what was measured, or where nothing was, the estimates."""
    return [one for one in accounts if not one.estimate] or accounts


def _share(part: float, accounts: Sequence[Account]) -> str:
    total = sum(account.total for account in accounts)
    return f"{100 * part / total:.0f} %" if total > 0 else "—"


def bars(accounts: Sequence[Account], cells: Sequence[Cell]) -> list[Bar]:
    """What the picture shows: a bar per device with its parts, and one per cell, the dearest first."""
    parts = [part for part, _ in PARTS[:-1]]
    devices = [Bar(account.device, [max(0.0, getattr(account, part)) for part in parts]) for account in accounts]
    return devices + [Bar(row_name, [joules]) for row_name, joules in _dearest(cells)]


def _dearest(cells: Sequence[Cell]) -> list[tuple[str, float]]:
    dear = ordered((cell for cell in outer(cells) if resolved(charge(cell).whole)), "energy")
    return [(name(cell), joules_of(cell)) for cell in dear[:_DEAREST] if joules_of(cell) > 0]


def page(accounts: Sequence[Account], cells: Sequence[Cell], since: float) -> dict[str, Any]:
    """The page by mime type: the account, a picture of it, the cells, and how all this came about."""
    if not accounts:
        return {"text/plain": "gpumon │ Nothing is known yet of the energy of a GPU here."}
    head, lines = rows(accounts)
    title = f"energy of this notebook since {time.strftime('%H:%M:%S', time.localtime(since))}"
    text = [f"gpumon │ {title}", as_text(head, lines)]
    html = [f"<div><b>{escape(title)}</b></div>"]
    alternative = "; ".join(f"{line[0]}: {line[-2]}" for line in lines)
    html.append(image(*drawing(bars(accounts, cells), [words for _, words in PARTS[:-1]]), words=alternative))
    html.append(as_html(head, lines))
    if cells:
        columns, entries = table(cells)
        text.append(as_text(columns, entries, words=2))
        html.append(f"<br>{as_html(columns, entries, words=2)}")
    notes = [*_notes(accounts), *stated(cells)]
    return {"text/plain": "\n".join([*text, *notes]), "text/html": "".join(html) + sentences(notes)}


def _notes(accounts: Sequence[Account]) -> list[str]:
    return [
        f"What {account.device} drew in {duration(account.unknown)} is not known, and in no sum."
        for account in accounts
        if account.unknown >= 1
    ]


def accounts_now() -> list[Account]:
    """The account of each device that this notebook has used since it was connected; of all where it used none."""
    link = connection()
    sums = link.charges.sums()
    found = [_account(device, sums[device.uuid]) for device in link.devices() if device.uuid in sums]
    ours = [one for one, its in found if its]
    return ours or [one for one, _ in found]


def _account(device: Device, sums: Sums) -> tuple[Account, bool]:
    """Its account, and whether this notebook was on it at all."""
    cells, background, between = (sum(part.values()) for part in (sums.cells, sums.background, sums.between))
    account = Account(
        device.label,
        sums.total,
        cells=cells,
        background=background,
        between=between + sums.idle,
        others=sum(sums.others.values()),
        nobody=sums.unattributed,
        unknown=sums.unknown,
        estimate=device.parent is not None,
    )
    return account, cells + background + between > 0


def show(order: str = "") -> None:
    """Show it."""
    cells = ordered(completion.finished(), order)
    Shown().draw(page(accounts_now(), cells, connection().since))
