"""``alertmanager:http://host:9093``: Prometheus's Alertmanager, by its API v2.

As Prometheus does: what fires is told again and again, each time with an end that is some minutes away, so that an
alert whose sender died is over by itself; what is resolved is told once, with its end. The level is one of the labels,
which are an alert's identity there: an alert that changes its level ends, and another one begins.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone

from msgspec import Struct

from ...wire import encode
from .address import Address
from .notice import Notice, text
from .post import post

EVERY = 60.0
"""Seconds between two words on what fires: Prometheus's resend delay."""
LIVES = 4.0
"""So many times ``EVERY`` an alert lives without a word, as Prometheus has it."""


class Standing(Struct):
    """An alert as Alertmanager is told of it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    begin: float
    end: float | None = None
    """Unix time at which it ended; None while it fires."""


class Alertmanager:
    """Tells all that fires, and what has ended since the last time.

    Args:
        address: of the server; a path before ``/api/v2`` is kept.
        every: seconds between two words on what fires.
    """

    most = 500

    def __init__(self, address: Address, every: float = EVERY) -> None:
        self._url, self._bearer = f"{address.url.rstrip('/')}/api/v2/alerts", address.bearer
        self.again: float | None = every
        self._every = every
        self._standing: dict[tuple[str, str], Standing] = {}

    def send(self, notices: Sequence[Notice]) -> None:
        """Post the state of all; what did not arrive is part of the next one."""
        for notice in notices:
            self._take(notice)
        if not self._standing:
            return
        ends = time.time() + LIVES * self._every
        post(self._url, encode([_told(each, ends) for each in self._standing.values()]), bearer=self._bearer)
        self._standing = {key: each for key, each in self._standing.items() if each.end is None}

    def _take(self, notice: Notice) -> None:
        """Note how an alert stands; to be told the same twice changes nothing."""
        alert = notice.alert
        key = alert.id, alert.finding.level
        others = [standing for known, standing in self._standing.items() if known[0] == alert.id and known != key]
        for standing in others:
            standing.end = standing.end or max(standing.begin, alert.resolved or notice.at)
        begin = notice.at if others else alert.fired
        standing = self._standing.setdefault(key, Standing(labels(notice), _annotations(notice), begin))
        standing.end = None if alert.resolved is None else max(standing.begin, alert.resolved)


def labels(notice: Notice) -> dict[str, str]:
    """An alert's identity: what it is, how grave, and of what."""
    finding = notice.alert.finding
    said = {
        "alertname": "".join(part.capitalize() for part in finding.rule.split("-")),
        "severity": finding.level,
        "rule": finding.rule,
        "hostname": notice.hostname,
        "gpu": notice.gpu,
        "UUID": finding.uuid or "",
        "modelName": notice.model,
        "subject": finding.subject,
        "notebook": finding.notebook or "",
    }
    return {name: value for name, value in said.items() if value}


def _annotations(notice: Notice) -> dict[str, str]:
    finding = notice.alert.finding
    said = {"summary": finding.title, "description": finding.detail or text(notice), "action": "\n".join(finding.steps)}
    return {name: value for name, value in said.items() if value}


def _told(standing: Standing, ends: float) -> dict[str, object]:
    return {
        "labels": standing.labels,
        "annotations": standing.annotations,
        "startsAt": _stamp(standing.begin),
        "endsAt": _stamp(ends if standing.end is None else standing.end),
    }


def _stamp(unix: float) -> str:
    return datetime.fromtimestamp(unix, timezone.utc).isoformat()
