"""What is told on this machine: ``log:``, ``log:file``, and ``desktop:`` by ``notify-send``."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Sequence

from ...errors import DeliveryError
from ...places import place
from .address import Address
from .notice import Notice, level, text, title, together

log = logging.getLogger("jupyter_gpumon")

_LEVELS = {"critical": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}
_PATIENCE = 10.0


class Log:
    """A line per word on an alert: in the log, or in a file.

    Args:
        address: ``log:``, or with the path of a file.
    """

    most, again = 50, None

    def __init__(self, address: Address) -> None:
        self._path = place(address.url) if address.url else None

    def send(self, notices: Sequence[Notice]) -> None:
        """Write them."""
        if self._path is None:
            for notice in notices:
                log.log(
                    logging.INFO if notice.over else _LEVELS[notice.alert.finding.level], "gpumon: %s", _line(notice)
                )
            return
        lines = [f"{time.strftime('%Y-%m-%dT%H:%M:%S%z', time.localtime(each.at))} {_line(each)}\n" for each in notices]
        try:
            with self._path.open("a", encoding="utf-8") as out:
                out.write("".join(lines))
        except OSError as e:
            raise DeliveryError(f"it cannot be written: {e.strerror}") from e


def _line(notice: Notice) -> str:
    return f"{title(notice)}: {' '.join(text(notice).split())}"


def notify_send() -> str | None:
    """The program that puts a message on the desktop; None where there is none."""
    return shutil.which("notify-send")


class Desktop:
    """The desktop of who runs this.

    Args:
        program: ``notify-send``.
    """

    most, again = 10, None

    def __init__(self, program: str) -> None:
        self._program = program

    def send(self, notices: Sequence[Notice]) -> None:
        """Show one message for all of them."""
        head, body = together(notices)
        urgency = {"critical": "critical", "warning": "normal"}.get(level(notices), "low")
        words = [self._program, "--app-name=gpumon", f"--urgency={urgency}", "--", head, body]
        try:
            subprocess.run(words, check=True, capture_output=True, timeout=_PATIENCE)  # noqa: S603 — no shell
        except subprocess.CalledProcessError as e:
            said = e.stderr.decode(errors="replace").strip().splitlines()
            raise DeliveryError(f"no desktop takes it{f': {said[-1][:200]}' if said else ''}") from e
        except (OSError, subprocess.TimeoutExpired) as e:
            raise DeliveryError(f"no desktop takes it: {type(e).__name__}") from e
