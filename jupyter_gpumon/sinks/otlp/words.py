"""What OpenTelemetry's exporters log, kept from the log and heard by us: a receiver that is away is to be said once."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_FAMILY = "opentelemetry.exporter.otlp"

_HTTP = re.compile(r"code: (\d{3})")
_PASSING = {"408", "429", "502", "503", "504"}
_REFUSALS = (
    "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "UNAUTHENTICATED", "FAILED_PRECONDITION",
    "UNIMPLEMENTED", "INTERNAL",
)  # fmt: skip
_REASONS = (
    re.compile(r"(\[Errno -?\d+\] [^'\")]+)"),  # deep within what the requests library says
    re.compile(r"error code: StatusCode\.(\w+), error details: (.*)"),
    re.compile(r"code: (\d{3}), reason: (.*)"),
    re.compile(r"Error details: (?:.*last error: )?(.+)"),
    re.compile(r"Transient error (.+?) encountered"),
    re.compile(r"(due to timeout)"),
)
_LONGEST = 300


class Words(logging.Filter):
    """Takes the words of one thread off a logger."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self.first = self.last = ""
        """What was said first and last: between two tries the exporters say why, in the end only that they gave up."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hear it, if it is this thread's; others' go to the log as ever."""
        if record.thread != self._thread:
            return True
        self.last = record.getMessage()
        self.first = self.first or self.last
        return False

    @property
    def refused(self) -> bool:
        """Whether the receiver answered that it does not want this, so that sending it again is of no use."""
        code = _HTTP.search(self.last)
        return (code is not None and code[1] not in _PASSING) or any(word in self.last for word in _REFUSALS)

    @property
    def reason(self) -> str:
        """Why it did not arrive, without the exporters' own phrases and the addresses in them."""
        found = next((m for said in (self.first, self.last) for way in _REASONS if (m := way.search(said))), None)
        why = " ".join(filter(None, found.groups())) if found else self.last or "no answer in time"
        return f"The receiver {'refuses it' if self.refused else 'does not answer'}: {why[:_LONGEST].strip()}"


@contextmanager
def heard() -> Iterator[Words]:
    """Hear what this thread's exporters say meanwhile."""
    words = Words()
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith(_FAMILY)]
    for logger in loggers:
        logger.filters.insert(0, words)  # before one that lets nothing pass twice
    try:
        yield words
    finally:
        for logger in loggers:
            logger.removeFilter(words)
