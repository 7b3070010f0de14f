"""What a report rests on, whatever it is made from: a recording, a notebook's records, a kernel, a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..model import Cell, Columns, Device, Footprint
from .accounts import Account
from .findings import Finding
from .picture import Band
from .tables import Row

Progress = Callable[[int, int | None], None]
"""Told how much is done, and of how much where that is known."""


def quietly(done: int, of: int | None) -> None:
    """Tells nobody."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The parts of a report; each is left out where it is empty."""

    title: str
    origin: str
    """What it was made from, in a sentence."""
    start: float | None = None
    """Unix time."""
    end: float | None = None
    simulated: bool = False
    devices: Sequence[Device] = ()
    columns: Columns | None = None
    """What is charted."""
    samples: int = 0
    """How many the charts are made from."""
    bands: Sequence[Band] = ()
    """When cells ran."""
    findings: Sequence[Finding] = ()
    accounts: Sequence[Account] = ()
    watched: bool = False
    """The accounts are of the whole time, not only of the cells in it."""
    cells: Sequence[Cell] = ()
    footprint: Footprint | None = None
    environment: Sequence[Row] = ()
    """(what, which)"""
    method: Sequence[str] = ()
    """Sentences."""
    notes: Sequence[str] = ()
    tables: Sequence[tuple[str, Row, Sequence[Row]]] = field(default_factory=tuple)
    """More of them: (heading, head, rows)."""
