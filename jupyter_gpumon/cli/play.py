"""``gpumon replay``: a recording in the terminal, in JupyterLab, or into sinks."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from ..errors import SourceError
from ..sinks.urls import open_sink
from ..sources.urls import open_source
from .recording import losses, record_stream
from .unhurried import Unhurried, is_at_once


def url_of(recording: str, *, speed: float, begin: str, end: str, loop: bool) -> str:
    """The source that plays it.

    Raises:
        SourceError: it is no file.
    """
    if "://" in recording:
        raise SourceError("A database is not played but copied: gpumon convert it into run.jsonl first.")
    said = {"speed": f"{speed:g}", "from": begin, "to": end, "loop": "1" if loop else ""}
    url = f"replay:{recording.removeprefix('replay:')}"
    return f"{url}{'&' if '?' in url else '?'}{urlencode({name: value for name, value in said.items() if value})}"


def in_terminal(url: str) -> int:
    """As ``gpumon watch`` shows what happens now."""
    from rich.console import Console

    from .watch.screen import watch

    return watch(open_source(url), Console())


def in_lab(url: str) -> int:
    """In JupyterLab's sidebar, and in notebooks there."""
    from .demo import run_demo

    return run_demo(url, port=0, browser=True, folder=None)


def into(url: str, outputs: Sequence[str]) -> int:
    """Into sinks, each sample when its time has come, or as fast as the sinks take them; how many samples.

    Raises:
        SourceError: a sink cannot be opened, or lost some.
    """
    source, sinks = open_source(url), [open_sink(output) for output in outputs]
    count = record_stream(source, [Unhurried(sink) for sink in sinks] if is_at_once(url) else sinks)
    if lost := losses(sinks):
        raise SourceError(" ".join(lost))
    return count
