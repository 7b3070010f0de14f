"""Alerts outside of Jupyter: to chats, mail and phones (Apprise), Alertmanager, webhooks, the log and the desktop.

``apprise:ntfy://topic``, ``alertmanager:http://host:9093``, ``webhook:https://host/path``, ``log:``, ``desktop:``. Each
target is a sink of its own that takes alerts, from ``Alerts`` or out of a stream, and hands them over in its own
thread: again and again while the receiver is away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ...errors import SourceError
from .address import SCHEMES, Address, masked, read, variables
from .notice import Target
from .notifier import Notifier, Pace

__all__ = [
    "SCHEMES",
    "Address",
    "Notifier",
    "Pace",
    "check",
    "masked",
    "open_notifier",
    "open_sink",
    "read",
    "variables",
]


def open_sink(url: str) -> Notifier:
    """The target of this URL. The receiver need not be there yet.

    Raises:
        SourceError: the URL or a variable in it cannot be used, or what it needs is not installed.
    """
    return open_notifier(url)


def open_notifier(url: str, pace: Pace | None = None, keep: Path | None = None) -> Notifier:
    """The same, with its own pace, and a folder in which what waits outlives the process.

    Raises:
        SourceError: as ``open_sink``.
    """
    address = read(url)
    return Notifier(address, _OPENERS[address.scheme](address), pace or Pace(), keep)


def check(url: str) -> None:
    """Whether it could be opened; nothing is begun.

    Raises:
        SourceError: as ``open_sink``.
    """
    address = read(url)
    _OPENERS[address.scheme](address)


def _apprise(address: Address) -> Target:
    from .chat import Chat  # apprise takes half a second to import

    return Chat(address)


def _alertmanager(address: Address) -> Target:
    from .alertmanager import Alertmanager

    return Alertmanager(address)


def _webhook(address: Address) -> Target:
    from .webhook import Webhook

    return Webhook(address)


def _log(address: Address) -> Target:
    from .local import Log

    return Log(address)


def _desktop(_: Address) -> Target:
    from .local import Desktop, notify_send

    program = notify_send()
    if program is None:
        raise SourceError(
            "desktop: needs notify-send, on the machine where this runs: install libnotify-bin (Debian, Ubuntu) or "
            "libnotify (Fedora, Arch)."
        )
    return Desktop(program)


_OPENERS: Mapping[str, Callable[[Address], Target]] = {
    "apprise": _apprise,
    "alertmanager": _alertmanager,
    "webhook": _webhook,
    "log": _log,
    "desktop": _desktop,
}
