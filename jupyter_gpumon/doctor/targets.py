"""Where alerts go: whether each target could be opened by a server. Nothing is sent to it."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import SourceError
from ..sinks.notify import check, masked
from .words import Asked, Line, fault, ok


def targets(asked: Asked) -> Iterator[Line]:
    """A line each."""
    urls = asked.settings.value("notify") or ()
    if not urls:
        yield ok("alerts", "stay in Jupyter (c.GpuMon.notify is empty)")
    for url in urls:
        name = f"alerts to {masked(url)}"
        try:
            check(url)
        except SourceError as e:
            yield fault(name, str(e), "Correct c.GpuMon.notify; gpumon doctor --config shows what is in force.")
        else:
            yield ok(name, "can be used; gpumon notify --test sends a message there")
