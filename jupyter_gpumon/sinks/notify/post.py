"""One POST of JSON, and what is to be made of the answer."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import time
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ...errors import DeliveryError

PATIENCE = 10.0
"""Seconds for one request."""
_REFUSED = (400, 413, 415, 422)
"""Answers by which this message is never taken; anything else may be set right where it is received."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the alert would become a GET without its content, and count as delivered."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Nowhere."""


def post(url: str, body: bytes, *, bearer: str = "", headers: Mapping[str, str] | None = None) -> None:
    """Send it and wait for the answer. Name and password in the URL, or a bearer token, go in the header.

    Raises:
        DeliveryError: it was not taken; the text does not name the URL.
    """
    where, authorization = _split(url, bearer)
    said = {"Content-Type": "application/json", "User-Agent": "jupyter-gpumon", **authorization, **(headers or {})}
    request = urllib.request.Request(where, body, said)  # noqa: S310 — http or https, by the address
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=PATIENCE) as answer:
            answer.read(1)
    except urllib.error.HTTPError as e:
        e.close()
        raise DeliveryError(_words(e.code), refused=e.code in _REFUSED, after=_after(e.headers)) from None
    except (OSError, HTTPException, ValueError) as e:
        reason = getattr(e, "reason", None) or e
        raise DeliveryError(f"it does not answer ({_reason(reason)})") from None


def _split(url: str, bearer: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    user, at, host = parts.netloc.rpartition("@")
    where = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    if bearer:
        return where, {"Authorization": f"Bearer {bearer}"}
    if not at:
        return where, {}
    return where, {"Authorization": f"Basic {base64.b64encode(unquote(user).encode()).decode()}"}


def _words(code: int) -> str:
    hints = {401: "wrong password or token?", 403: "may it be sent there?", 404: "is the path right?"}
    if 300 <= code < 400:
        return f"it answers {code}: it is elsewhere now; name that address instead"
    return f"it answers {code}" + (f" ({hints[code]})" if code in hints else "")


def _reason(reason: object) -> str:
    return getattr(reason, "strerror", None) or type(reason).__name__


def _after(headers: Message) -> float:
    """``Retry-After``: seconds, or a date; an hour at most."""
    value = headers.get("Retry-After") or ""
    try:
        seconds = float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - time()
    except (TypeError, ValueError):
        return 0.0
    return min(max(0.0, seconds), 3600.0)
