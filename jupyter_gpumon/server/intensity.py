"""Live carbon intensity from Electricity Maps: one request an hour, in a thread of its own; the token stays here.

Only the zone and the token go out, and only to the URL of the configuration. What comes back is a number; while none
comes, the yearly table stands in, and the reason is said.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ..carbon import grid
from ..errors import RatesError
from ..rates import Hour, Rates

log = logging.getLogger("jupyter_gpumon")

URL = "https://api.electricitymaps.com/v3/carbon-intensity/latest"
SOURCE = "Electricity Maps"
TERMS = "Electricity Maps, hourly mean (not marginal) of consumption with imports; life-cycle emissions"

_PATIENCE = 10.0
"""Seconds for one request."""
_LARGEST = 65_536
"""Bytes of an answer."""
_LATE = 300.0
"""Seconds after the hour at which to ask for its value: it is published a little late."""
_AGAIN = 60.0
"""Seconds until the second try; doubled with each further one, up to an hour."""
_KEPT = 48
"""Hours kept, for cells that ran that long."""


class Live:
    """Keeps rates current.

    Args:
        rates: by the yearly table; the region must be in it.
        token: for the service.
        url: of its route; https, or a loopback address.
        changed: called in this object's thread with the new rates.

    Raises:
        RatesError: the region or the URL cannot be used.
    """

    def __init__(self, rates: Rates, token: str, url: str, changed: Callable[[Rates], object]) -> None:
        self.rates = replace(rates, live_source=SOURCE, live_terms=TERMS)
        self._request, self._zone = _request(rates.region, token, url)
        self._changed = changed
        self._closed = threading.Event()
        self._tries = 0
        self._thread = threading.Thread(target=self._run, name="gpumon-intensity", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End; a request under way is not waited for."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._look()):
            pass

    def _look(self) -> float:
        """Ask once; seconds until the next time."""
        try:
            hour = fetch(self._request, self._zone)
        except RatesError as e:
            self._tries += 1
            self._tell(replace(self.rates, trouble=f"no live intensity: {e}"))
            return float(min(3600.0, _AGAIN * 2 ** min(self._tries - 1, 6)))
        self._tries = 0
        hours = [*(known for known in self.rates.hours if known.time != hour.time), hour]
        hours.sort(key=lambda each: each.time)
        self._tell(replace(self.rates, hours=tuple(hours[-_KEPT:]), trouble=""))
        return min(3600.0, max(600.0, hour.time + 3600 + _LATE - time.time()))

    def _tell(self, rates: Rates) -> None:
        if rates.trouble and rates.trouble != self.rates.trouble:
            log.warning("gpumon: %s; the yearly mean stands in", rates.trouble)
        known, self.rates = self.rates, rates
        if rates != known and not self._closed.is_set():
            self._changed(rates)


def _request(region: str, token: str, url: str) -> tuple[urllib.request.Request, str]:
    zone = grid.zone(region)
    if zone == grid.WORLD:
        raise RatesError("There is no live intensity of the whole world.")
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        raise RatesError("The token is sent over https only: correct c.GpuMon.electricitymaps_url.")
    # Without the last one the service answers for where it believes the asking machine to be.
    query = {"zone": zone, "emissionFactorType": "lifecycle", "disableCallerLookup": "true"}
    headers = {"auth-token": token, "User-Agent": "jupyter-gpumon"}
    return urllib.request.Request(f"{url}?{urllib.parse.urlencode(query)}", headers=headers), zone  # noqa: S310 — above


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would take the token along."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Nowhere."""


def _opener(request: urllib.request.Request) -> urllib.request.OpenerDirector:
    """By the proxies of the environment where the token is encrypted; without where it is not."""
    return urllib.request.build_opener(_Stay, *([] if request.type == "https" else [urllib.request.ProxyHandler({})]))


def fetch(request: urllib.request.Request, zone: str) -> Hour:
    """The intensity of the latest hour that is known. Blocks.

    Raises:
        RatesError: there is none; the text says why, and never holds the token.
    """
    try:
        with _opener(request).open(request, timeout=_PATIENCE) as answer:
            text = answer.read(_LARGEST)
    except urllib.error.HTTPError as e:
        e.close()
        hint = " (is the token right, and for this zone?)" if e.code in (401, 403) else ""
        raise RatesError(f"{SOURCE} answered {e.code}{hint}") from None
    except (OSError, ValueError) as e:
        reason = getattr(e, "reason", None) or e
        raise RatesError(f"{SOURCE} cannot be reached ({type(reason).__name__})") from None
    return _read(text, zone)


def _read(text: bytes, zone: str) -> Hour:
    try:
        answer = json.loads(text)
        there, grams = answer["zone"], float(answer["carbonIntensity"])
        begin = datetime.fromisoformat(answer["datetime"].replace("Z", "+00:00")).timestamp()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RatesError(f"{SOURCE} answered something else than an intensity") from None
    if there != zone:
        raise RatesError(f"{SOURCE} answered for {str(there)[:40]} instead of {zone}")
    if not (math.isfinite(grams) and 0 < grams < 5000):
        raise RatesError(f"{SOURCE} answered {grams:g} g/kWh, which cannot be")
    return Hour(time=begin, grams=grams, estimated=bool(answer.get("isEstimated")))
