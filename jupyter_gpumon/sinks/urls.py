"""One grammar for naming sinks: a file by its ending, ``run.jsonl[.gz]``, or ``scheme:…``; plug-ins bring schemes."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from ..errors import SourceError
from ..places import place
from . import Sink

_PASSWORD = re.compile(r"(?<=://)([^/?#@]*):(.*)@(?=[^@/?#]*)")
_SECRET = re.compile(r"(?i)([?&][^=&]*(?:password|passwd|pwd|token|secret|key)[^=&]*=)[^&#]+")


def open_sink(url: str, run: str = "") -> Sink:
    """The sink that a URL names. A plain path is a recording.

    Args:
        url: ``run.jsonl``, or ``scheme:…``.
        run: what the samples belong to, for the sinks that keep that.

    Raises:
        SourceError: nobody knows its scheme, or it cannot be opened.
        OSError: the file cannot be written.
    """
    scheme = scheme_of(url)
    found = {point.name: point for point in entry_points(group="jupyter_gpumon.sinks")}
    name = scheme.partition("+")[0].lower()
    if name not in found:
        raise SourceError(f"{shown(url)!r}: there is no sink called {name!r}. There are: {', '.join(sorted(found))}.")
    opener = found[name].load()
    takes_run = len(inspect.signature(opener).parameters) > 1
    return cast("Sink", opener(url, run) if takes_run else opener(url))


def scheme_of(url: str) -> str:
    """Who is to open it: what stands before the colon, or for a plain path what writes such a file."""
    scheme, colon, _ = url.partition(":")
    return file_scheme(url) if not colon or len(scheme) == 1 or "/" in scheme else scheme


def file_scheme(url: str) -> str:
    """What writes a file of this name."""
    name = url.partition("?")[0].lower().rstrip("/")
    ending = name.removesuffix(".gz").rpartition(".")[2]
    return ending if ending in ("csv", "parquet") else "jsonl"


def path_of(url: str) -> Path | None:
    """The file (or, for Parquet, the folder) of this URL; None for a database, or a file that is named later.

    Raises:
        SourceError: it is in the folder of a user whom nobody knows.
    """
    scheme = scheme_of(url)
    if scheme not in ("jsonl", "csv", "parquet"):
        return None
    name = url.removeprefix(f"{scheme}:").partition("?")[0]
    path = place(name)
    return None if scheme == "csv" and (not name or name.endswith("/") or path.is_dir()) else path


def shown(url: str) -> str:
    """The URL without passwords and tokens, for logs, pages and people."""
    from .notify.address import SCHEMES, masked  # needs no more than this of what takes alerts

    if url.partition(":")[0] in SCHEMES:
        return masked(url)
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))
