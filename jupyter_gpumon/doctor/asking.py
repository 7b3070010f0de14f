"""Asking others, for a bounded time: HTTP, and whether anybody listens on a port or a Unix socket."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

WAIT = 3.0
"""Seconds for an answer."""
_MOST = 8 << 20
_PORTS = {"http": 80, "https": 443}


class Answer(Struct, frozen=True):
    """What came back: ``status`` 0 is no answer at all, with the reason as text."""

    status: int
    text: str

    @property
    def good(self) -> bool:
        """Whether it is what was asked for."""
        return self.status == 200


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a page to sign in is not an answer, and a token is for its own server only."""

    def redirect_request(self, *_: object) -> None:
        """Stay."""


def ask(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """GET, without a proxy: all that is asked for is named by this machine's own files."""
    if urlsplit(url).scheme not in _PORTS:
        return Answer(0, f"{urlsplit(url).scheme or url} is not asked over HTTP")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Here())
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 - http and https only, see above
    try:
        with opener.open(request, timeout=WAIT) as answer:
            return Answer(answer.status, answer.read(_MOST).decode(errors="replace"))
    except urllib.error.HTTPError as e:
        with e:
            return Answer(e.code, e.reason)
    except (OSError, ValueError) as e:
        return Answer(0, str(getattr(e, "reason", e)))


def reached(url: str) -> str:
    """Empty where somebody listens at the host and port of a URL; else why not."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "127.0.0.1", port), WAIT).close()
    except (OSError, ValueError) as e:
        return str(e)
    return ""


def listens(path: Path) -> bool:
    """Whether a process listens on a Unix socket."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(WAIT)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
