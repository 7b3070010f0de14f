"""The page that is scraped: which names it uses, and what else is put on it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

from ..errors import ExporterError
from . import dcgm, native, sampler, seed
from .cells import CellCounters
from .collectors import DEFAULT, Collector
from .families import Families, Family, render
from .following import Following
from .sampler import Watchers

Names = Literal["native", "dcgm", "seed"]
NAMES: tuple[Names, ...] = get_args(Names)


More = Callable[[Families, Names], None]
"""Adds families of its own, under these names if it has any."""


class Page:
    """What Prometheus is answered.

    Args:
        following: what is known; add it to the monitor, with its tally.
        names: which names are used where a request does not say.
        watchers: who looks, asked at every scrape.
        collectors: which of DCGM's fields, where its names are used.
    """

    def __init__(
        self,
        following: Following,
        names: Names = "native",
        watchers: Callable[[], Watchers] = Watchers,
        collectors: Iterable[Collector] = DEFAULT,
    ) -> None:
        self.following, self.names = following, names
        self.collectors = tuple(collectors)
        self.more: list[More] = []
        """What else belongs on the page: runs and benchmarks. May read a database: never asked on a loop."""
        self.cells: CellCounters | None = None
        """What measured cells took, where there are kernels that measure."""
        self._watchers = watchers

    def families(self, names: Names | None = None, *, at_once: bool = False) -> list[Family]:
        """Everything there is to say now; ``at_once`` leaves out what may have to be looked up."""
        chosen, found = names or self.names, Families()
        with self.following.lock:
            if chosen == "dcgm":
                dcgm.collect(found, self.following, self.collectors)
            elif chosen == "seed":
                seed.collect(found, self.following)
            else:
                native.collect(found, self.following)
            sampler.collect(found, self.following, self._watchers())
            if self.cells is not None and chosen == "native":
                self.cells.collect(found, self.following.hello)
        for more in () if at_once else self.more:
            more(found, chosen)
        return found.known()

    def answer(self, asked: Mapping[str, str], names: str | None = None) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of an answer; compressed where the scraper can read that, as Prometheus can.

        Args:
            asked: the request's headers.
            names: as for ``text``.
        """
        page, kind = self.text(asked.get("Accept", ""), names)
        body, headers = page.encode(), {"Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
        if "gzip" not in asked.get("Accept-Encoding", ""):
            return body, headers
        return gzip.compress(body, compresslevel=2), headers | {"Content-Encoding": "gzip"}

    def text(self, accept: str = "", names: str | None = None) -> tuple[str, str]:
        """The page and its content type.

        Args:
            accept: the request's header of that name.
            names: one of ``NAMES``, as a request may ask for; empty or None is the configured one.

        Raises:
            ExporterError: there are no such names.
        """
        chosen = named(names) if names else self.names
        # DCGM's counters are not called _total, which OpenMetrics does not allow.
        return render(self.families(chosen), accept, plain=chosen == "dcgm")


def named(names: str) -> Names:
    """The names that a user asks for.

    Raises:
        ExporterError: there are none of that name.
    """
    if names not in NAMES:
        raise ExporterError(f"There are no metric names {names!r}. There are: {', '.join(NAMES)}.")
    return names
