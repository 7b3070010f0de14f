"""One grammar for naming sources and backends, on every surface.

``auto | agent | sim:gpus=8&script=training | replay:run.jsonl?speed=10 | ws://host/…?token=… | unix:/path/to.sock``

Schemes are entry points (``jupyter_gpumon.sources`` and ``.backends``), so that a plug-in is as good as ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any, NamedTuple

from ..errors import SourceError
from . import Backend, Source

DEFAULT = "auto"

_BACKENDS = {"nvidia": "jupyter_gpumon.sources.nvidia:open_backend", "sim": "jupyter_gpumon.sources.sim:open_backend"}
_SOURCES = {
    "agent": "jupyter_gpumon.sources.agent:open_source",
    "auto": "jupyter_gpumon.sources.agent:open_source",
    "sim": "jupyter_gpumon.sources.agent:open_source",
    "replay": "jupyter_gpumon.sources.replay:open_source",
    "ws": "jupyter_gpumon.sources.remote:open_source",
    "wss": "jupyter_gpumon.sources.remote:open_source",
    "unix": "jupyter_gpumon.sources.remote:open_source",
}
"""Ours, as in pyproject.toml: found without reading the metadata of all that is installed."""

_FILES = ("csv", "jsonl", "parquet")
"""Schemes of sinks: what stands before the question mark is a file's name, also with ``=`` in it."""


class SourceUrl(NamedTuple):
    """A source URL in its parts; ``str()`` of it is not needed: keep the text."""

    scheme: str
    path: str
    params: dict[str, str]


def default_source() -> str:
    """``$GPUMON_SOURCE``, or ``auto``."""
    return os.environ.get("GPUMON_SOURCE", "").strip() or DEFAULT


def parse(url: str) -> SourceUrl:
    """The parts of ``scheme``, ``scheme:key=value&key=value`` or ``scheme:path?key=value``.

    Raises:
        SourceError: it is none of these.
    """
    scheme, colon, rest = url.strip().partition(":")
    if not scheme or not scheme.replace("+", "").replace("-", "").isalnum() or (len(scheme) == 1 and colon):
        raise SourceError(
            f"{url!r} is not a source. Write auto, sim:gpus=2, replay:run.jsonl, ws://host/gpumon/api/stream "
            "or unix:/path/to.sock."
        )
    head, question, tail = rest.partition("?")
    if not question and "=" in head and "/" not in head and scheme.lower() not in _FILES:
        head, tail = "", head
    return SourceUrl(scheme.lower(), head, _params(tail, url))


def _params(text: str, url: str) -> dict[str, str]:
    from urllib.parse import unquote_plus

    params: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise SourceError(f"{url!r}: {part!r} is not of the form name=value.")
        if name in params:
            raise SourceError(f"{url!r}: {name!r} is given twice.")
        params[unquote_plus(name)] = unquote_plus(value)
    return params


def only(params: Collection[str], allowed: Collection[str], where: str) -> None:
    """Refuse parameters that are not allowed, naming those that are.

    Raises:
        SourceError: there is one too many.
    """
    unknown = sorted(set(params) - set(allowed))
    if unknown:
        known = ", ".join(sorted(allowed)) if allowed else "none"
        raise SourceError(f"{where} has no parameter {unknown[0]!r}. It takes: {known}.")


def number(params: dict[str, str], name: str, default: float, where: str) -> float:
    """A parameter as a number that is not negative.

    Raises:
        SourceError: it is not one.
    """
    try:
        value = float(params.get(name, default))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise SourceError(f"{where}: {name}={params[name]} is not a number of 0 or more.")
    return value


def open_source(url: str) -> Source:
    """The source that a URL names; nothing is started or connected before its ``stream`` is read.

    Raises:
        SourceError: the URL is malformed, or nobody knows its scheme.
    """
    source: Source = _find("sources", _SOURCES, parse(url).scheme, url)(url)
    return source


def open_backend(url: str) -> Backend:
    """The backend that a URL names, opened in this process.

    Raises:
        SourceError: as for ``open_source``.
        DriverError: the driver does not answer.
    """
    return backend_opener(url)()


def backend_opener(url: str) -> Callable[[], Backend]:
    """What opens the backend of a URL; the URL itself is checked now, its parameters on opening.

    Raises:
        SourceError: as for ``open_source``.
    """
    scheme, path, params = parse(url)
    if path:
        raise SourceError(f"{url!r}: write {scheme}:name=value&name=value.")
    opener = _find("backends", _BACKENDS, scheme, url)
    return lambda: opener(params)


def is_backend(scheme: str) -> bool:
    """Whether a backend has this scheme."""
    return scheme in _BACKENDS or scheme in _plugins("backends")


def _find(group: str, ours: dict[str, str], scheme: str, url: str) -> Callable[..., Any]:
    if scheme in ours:
        module, _, name = ours[scheme].partition(":")
        found: Callable[..., Any] = getattr(import_module(module), name)
        return found
    plugins = _plugins(group)
    if scheme not in plugins:
        known = ", ".join(sorted({*ours, *plugins}))
        raise SourceError(f"{url!r}: there is no {group[:-1]} called {scheme!r}. There are: {known}.")
    loaded: Callable[..., Any] = plugins[scheme].load()
    return loaded


def _plugins(group: str) -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"jupyter_gpumon.{group}")}
