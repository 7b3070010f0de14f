"""``apprise:…``: any of Apprise's services (chats, mail, phones), by its own URL; several alerts are one message."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ...errors import DeliveryError, SourceError
from .address import Address
from .notice import Notice, level, together

_KINDS = {"critical": "failure", "warning": "warning", "info": "info", "over": "success"}
_LONGEST = 300

logging.getLogger("apprise").propagate = False  # it logs each failure, with addresses; ours is said once, without


class Chat:
    """One service.

    Args:
        address: an Apprise URL behind ``apprise:``.

    Raises:
        SourceError: Apprise is not installed, or does not know that URL.
    """

    most, again = 50, None

    def __init__(self, address: Address) -> None:
        try:
            import apprise
        except ImportError as e:
            raise SourceError("apprise: needs Apprise: pip install 'jupyter-gpumon[notify]'") from e
        self._apprise: Any = apprise.Apprise()
        self._heard = apprise.LogCapture
        with self._listening() as said:
            known = self._apprise.add(address.url)
            why = said.getvalue()
        if not known:
            service = address.url.partition(":")[0][:30]
            raise SourceError(
                f"{address.name}: Apprise cannot use this URL of {service!r}{_because(address.hidden(why))}. "
                "Its services and their URLs: https://github.com/caronc/apprise/wiki"
            )

    def send(self, notices: Sequence[Notice]) -> None:
        """One message for all of them."""
        title, text = together(notices)
        with self._listening() as said:
            arrived = self._apprise.notify(text, title=title, notify_type=_KINDS[level(notices)], body_format="text")
            why = said.getvalue()
        if not arrived:
            raise DeliveryError(f"it does not take the message{_because(why)}")

    def _listening(self) -> Any:
        """What Apprise says of failures goes to its log alone."""
        return self._heard(level=logging.WARNING, fmt="%(message)s")


def _because(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f": {'; '.join(dict.fromkeys(lines))[:_LONGEST].rstrip('.')}" if lines else ""
