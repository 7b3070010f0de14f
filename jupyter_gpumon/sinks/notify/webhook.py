"""``webhook:https://host/path``: each word on an alert is one POST of JSON, with a key by which it counts once."""

from __future__ import annotations

from collections.abc import Sequence

from ... import __version__
from ...wire import encode
from .address import Address
from .notice import Notice, text, title
from .post import post


class Webhook:
    """Posts one after the other.

    Args:
        address: ``http`` or ``https``; name and password in it are sent as Basic authorization.
    """

    most, again = 1, None

    def __init__(self, address: Address) -> None:
        self._address = address

    def send(self, notices: Sequence[Notice]) -> None:
        """Post them."""
        for notice in notices:
            headers = {"Idempotency-Key": notice.key}
            post(self._address.url, encode(payload(notice)), bearer=self._address.bearer, headers=headers)


def payload(notice: Notice) -> dict[str, object]:
    """What is posted."""
    return {
        "id": notice.key,
        "software": f"jupyter-gpumon {__version__}",
        "state": notice.alert.state,
        "level": notice.alert.finding.level,
        "title": title(notice),
        "text": text(notice),
        "hostname": notice.hostname,
        "gpu": notice.gpu or None,
        "model": notice.model or None,
        "alert": notice.alert,
    }
