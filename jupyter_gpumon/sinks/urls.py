"""One grammar for naming sinks: ``run.jsonl[.gz]``, or ``scheme:…`` where a plug-in brings the scheme."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from ..errors import SourceError
from . import Sink


def open_sink(url: str) -> Sink:
    """The sink that a URL names. A plain path is a recording.

    Raises:
        SourceError: nobody knows its scheme.
        OSError: the file cannot be written.
    """
    scheme, colon, _ = url.partition(":")
    if not colon or len(scheme) == 1 or "/" in scheme:
        from .lines import open_sink as open_lines

        return open_lines(url)
    found = {point.name: point for point in entry_points(group="jupyter_gpumon.sinks")}
    name = scheme.partition("+")[0].lower()
    if name not in found:
        raise SourceError(f"{url!r}: there is no sink called {name!r}. There are: {', '.join(sorted(found))}.")
    return cast("Sink", found[name].load()(url))
