"""The words of the server's energy books (``gpumon/api/ledger``): what each board took, and for which notebook.

Every energy is in joules and every part of a board adds up: ``cells + background + idle + rest`` is the growth of its
counter. Estimates are told apart and are in none of these sums.
"""

from __future__ import annotations

from msgspec import Struct, field

from .model import Energy, Footprint


class DeviceBook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one board took, and where it went: ``joules`` is the sum of the four parts."""

    joules: float | None = None
    """Growth of its counter, or the integral of its power; None where it was never read."""
    cells: float = 0.0
    """Charged to measured cells of this server's notebooks."""
    background: float = 0.0
    """Drawn by their kernels after a measured cell had ended."""
    idle: float | None = None
    """Outside measured cells, what the board would have drawn without work; None where it was never seen idle."""
    rest: float = 0.0
    """Everything else: cells that were not measured, other users and programs, what nobody can be charged for.

    Below zero where the records of the cells say more than the counter does.
    """
    method: str = "counter"
    """``counter``, or ``power`` where at least a part is the integral of power readings."""
    resets: int = 0
    """How often the counter began anew; what was drawn between its last reading and the first after that is missing."""
    uncovered: float = 0.0
    """Seconds without readings of power, where there is no counter to tell what was drawn meanwhile."""


class NotebookBook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the measured cells of one notebook were charged. Keys are UUIDs of boards (of instances in ``estimate``)."""

    notebook: str | None = None
    """Its path; None where that is not known."""
    kernel: str | None = None
    """Its kernel, where that still runs."""
    cells: int = 0
    """A block that is measured within a measured cell is part of it."""
    seconds: float = 0.0
    energy: dict[str, Energy] = field(default_factory=dict)
    """The sums of its cells; intervals are added end to end."""
    unresolved: int = 0
    """Energies of which only a bound is known, counted by the middle of what they can be; or nothing, in no sum."""
    bound: float = 0.0
    """What these can have been at most, together."""
    background: dict[str, float] = field(default_factory=dict)
    estimate: dict[str, float] = field(default_factory=dict)
    """Energies that are only estimated, of MIG instances and where a share is a guess; in no other sum."""
    host: float | None = None
    """CPU packages and memory, by RAPL."""
    footprint: Footprint | None = None
    """The sum over those of its cells for which a region or a price was set."""


class Book(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One period. A cell that began before it counts with the part of its time that lies within."""

    since: float
    """Unix time at which the period began."""
    devices: dict[str, DeviceBook] = field(default_factory=dict)
    notebooks: tuple[NotebookBook, ...] = ()
    """Those with measured cells, and those that are open."""


class Books(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of ``gpumon/api/ledger``."""

    today: Book
    """Since local midnight on the server, or since its start where that was later."""
    start: Book
    """Since the server's start."""
