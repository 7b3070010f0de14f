"""A database's URL, and what it says beside where the database is: columns, batches, how long what is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import SourceError
from ..metrics import Metric
from ..sinks.columns import chosen
from ..sinks.urls import shown
from . import retention

OURS = ("batch_size", "commit_every", "buffer", "columns", "keep", "processes")
DRIVERS = {
    "sqlite": "sqlite",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
"""Scheme without a driver → with ours."""


class Options(Struct, frozen=True, kw_only=True):
    """What a URL says."""

    url: URL
    """Without what is ours."""
    columns: tuple[Metric, ...]
    batch_size: int = 500
    """Messages in one transaction, at most."""
    commit_every: float = 5.0
    """Seconds after which what came is committed: what a crash of this process may cost."""
    buffer: int = 1000
    """Messages that wait while the database is away, before new ones are lost: 16 minutes at one a second."""
    keep: retention.Keep = retention.ALL
    processes: bool = False


def parse(text: str, keep: Sequence[tuple[float, float]] | None = None) -> Options:
    """The options in a URL.

    Args:
        text: ``sqlite:///run.db``, ``mysql+pymysql://user:password@host/database?commit_every=1``, ….
        keep: steps and how long they are kept, where the URL does not say it; None keeps all as sampled.

    Raises:
        SourceError: it is malformed, or an option's value is.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SourceError(f"{shown(text)!r} is not a database's URL. Write it like sqlite:///run.db") from None
    said = {name: str(value) for name, value in url.query.items() if name in OURS}
    url = url.difference_update_query(OURS).set(drivername=DRIVERS.get(url.drivername, url.drivername))
    try:
        return Options(
            url=url,
            columns=chosen(said.get("columns", "")),
            batch_size=int(_number(said, "batch_size", 500, 1, 100_000)),
            commit_every=_number(said, "commit_every", 5.0, 0.0, 3600.0),
            buffer=int(_number(said, "buffer", 1000, 1, 10_000_000)),
            keep=retention.parse(said["keep"]) if "keep" in said else retention.checked(keep or retention.ALL),
            processes=said.get("processes", "0") not in ("0", "false", ""),
        )
    except ValueError as e:
        raise SourceError(f"{shown(text)}: {e}") from None


def _number(said: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = said.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise ValueError(f"{name}={text} is to be between {least:g} and {most:g}.")
    return value
