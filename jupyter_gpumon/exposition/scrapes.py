"""Who scrapes counts as somebody who watches, for two of his intervals."""

from __future__ import annotations

import time

FIRST = 60.0
"""Seconds between scrapes that are assumed after the first: Prometheus's default."""
LONGEST = 300.0
"""Seconds between scrapes beyond which the next one is no longer waited for: Prometheus would call the series stale."""


class Scrapes:
    """When scrapes came, and whether the next is still to be expected."""

    def __init__(self) -> None:
        self.total = 0
        self._last: float | None = None
        self._interval = FIRST

    def note(self) -> None:
        """A scrape has come."""
        now = time.monotonic()
        if self._last is not None:
            self._interval = min(now - self._last, LONGEST)
        self._last, self.total = now, self.total + 1

    @property
    def watching(self) -> bool:
        """Whether the last scrape is at most two intervals ago; several who scrape make the interval shorter."""
        return self._last is not None and time.monotonic() - self._last <= 2 * max(self._interval, 1.0)
