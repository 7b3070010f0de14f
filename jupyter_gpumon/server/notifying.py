"""Where a server sends alerts besides, and how that goes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, MutableMapping
from pathlib import Path

from ..errors import GpuMonError
from ..findings import Alert, Delivery
from ..model import Hello
from ..sinks.notify import Notifier, Pace, open_notifier, variables
from ..wire import Stream

log = logging.getLogger("jupyter_gpumon")

OURS = "GPUMON_"
"""Variables with names that begin so are taken out of the environment that kernels inherit."""


class Notifying:
    """A listener of ``Alerts``, and a sink of the monitor for the names of its devices.

    Args:
        urls: targets; one that cannot be opened is said in the log and in ``states``.
        rate: messages a minute to one of them.
        folder: what waits outlives the server there.
    """

    def __init__(self, urls: Iterable[str], rate: int, folder: Path, environ: MutableMapping[str, str]) -> None:
        self._targets: list[Notifier] = []
        self._broken: list[Delivery] = []
        self._pace, self._folder = Pace(rate=rate), folder
        wanted = list(urls)
        for number, url in enumerate(wanted):
            self._open(number, url)
        for name in {name for url in wanted for name in variables(url) if name.startswith(OURS)}:
            environ.pop(name, None)

    def _open(self, number: int, url: str) -> None:
        try:
            self._targets.append(open_notifier(url, self._pace, self._folder))
        except GpuMonError as e:
            log.error("gpumon: alerts are not sent to c.GpuMon.notify[%d]: %s", number, e)
            self._broken.append(Delivery(name=f"notify[{number}]", problem=str(e)))

    def __len__(self) -> int:
        return len(self._targets)

    def states(self) -> tuple[Delivery, ...]:
        """How it goes with each."""
        return (*(target.state for target in self._targets), *self._broken)

    def write(self, message: Stream) -> None:
        """Take the names of the devices. Alerts ride in samples too, but later than they are told of directly."""
        if isinstance(message, Hello):
            for target in self._targets:
                target.write(message)

    def tell(self, alert: Alert) -> None:
        """Take an alert at once."""
        for target in self._targets:
            target.tell(alert)

    def adopt(self, alerts: Iterable[Alert]) -> None:
        """Take note of what fired before the server was restarted."""
        known = tuple(alerts)
        for target in self._targets:
            target.adopt(known)

    def close(self) -> None:
        """Hand over what waits, for a few seconds at most."""
        for target in self._targets:
            target.end()
        for target in self._targets:
            target.close()


def notifying(urls: Iterable[str], rate: int, folder: Path) -> Notifying:
    """With the secrets of this process's environment."""
    return Notifying(urls, rate, folder, os.environ)
