"""What only a server knows, for rules to look at: its kernels, and what notebooks and running cells have taken."""

from __future__ import annotations

import time

from ..books import NotebookBook
from ..rules.window import Spent
from .alerting import Known
from .service import Service

EVERY = 5.0
"""Seconds between two looks into the books, which are made of all records of a day."""


class Books:
    """What each notebook took today, as it was told last.

    Args:
        service: keeps the books.
    """

    def __init__(self, service: Service) -> None:
        self._service, self._due = service, float("-inf")
        self._told: tuple[Spent, ...] = ()

    def __call__(self) -> tuple[Spent, ...]:
        """For the monitor's thread."""
        now = time.monotonic()
        if now >= self._due:
            self._due, paths = now + EVERY, self._service.owners.kernels.notebooks
            self._told = tuple(map(_spent, self._service.keeper.books(paths).today.notebooks))
        return self._told


def known_to(service: Service) -> Known:
    """What this server knows; asked at every sample, in the monitor's thread."""

    books = Books(service)

    def running() -> tuple[Spent, ...]:
        paths = service.owners.kernels.notebooks
        every = service.unfinished.running()
        return tuple(spent._replace(notebook=paths.get(spent.kernel or "", spent.notebook)) for spent in every)

    def kernels() -> frozenset[str] | None:
        found = service.owners.kernels
        return frozenset(found.pids.values()) if found.looked else None

    return Known(running=running, notebooks=books, kernels=kernels)


def _spent(book: NotebookBook) -> Spent:
    joules = sum(energy.joules or 0.0 for energy in book.energy.values())
    return Spent(joules, notebook=book.notebook, kernel=book.kernel)
