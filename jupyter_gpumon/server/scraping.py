"""What of a server is scraped: its page as it is configured, and the same in Jupyter's own ``/metrics``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jupyter_server.auth.authorizer import AllowAllAuthorizer
from prometheus_client import REGISTRY
from prometheus_client.core import Metric

from ..errors import ExporterError
from ..exposition.cells import CellCounters
from ..exposition.collectors import chosen
from ..exposition.page import Names, Page
from ..model import Cell
from .service import Service

log = logging.getLogger("jupyter_gpumon")


def configure(service: Service, names: Names, collectors: str, notebooks: int) -> None:
    """Set the page up.

    Args:
        service: whose page it is.
        names: which names it uses where a request does not say.
        collectors: file that says which of DCGM's fields; empty for dcgm-exporter's default ones.
        notebooks: how many are told apart; 0 tells none apart.
    """
    page, counters = service.page, CellCounters(notebooks)
    page.names, page.cells = names, counters
    try:
        page.collectors = chosen(Path(collectors) if collectors else None)
    except ExporterError as e:
        log.error("gpumon: DCGM's default fields are exported: %s", e)

    def count(cell: Cell) -> None:
        # A kernel may measure on other GPUs than these, real or not.
        if cell.simulated == service.monitor.hello.simulated:
            counters.post(cell)

    service.keepers.append(count)


class Collector:
    """Gives prometheus_client what the page says, by our own names: that library calls every counter ``_total``.

    Args:
        page: what is scraped by itself at ``gpumon/metrics``.
        scraped: is called with each scrape.
    """

    def __init__(self, page: Page, scraped: Callable[[], None]) -> None:
        self._page, self._scraped = page, scraped

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: which families there are depends on the GPUs."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Everything there is to say now. This is on the loop: what runs found is at ``gpumon/metrics`` alone."""
        self._scraped()
        for family in self._page.families("native", at_once=True):
            metric = Metric(family.name, family.help, family.kind, family.unit)
            for labels, value, suffix in family.points:
                metric.add_sample(family.sample + suffix, labels.values, value)
            yield metric


def join(service: Service, settings: dict[str, Any]) -> Callable[[], None]:
    """Join Jupyter's page, where that is as guarded as ours; calling what is returned leaves it.

    It is not where it needs no authentication, or where an authorizer decides who sees what: it is never asked there.
    """
    guarded = settings.get("authenticate_prometheus", False)
    if not guarded or not isinstance(settings.get("authorizer"), AllowAllAuthorizer):
        return lambda: None
    collector = Collector(service.page, service.channel.scraped)
    REGISTRY.register(collector)
    return lambda: REGISTRY.unregister(collector)
