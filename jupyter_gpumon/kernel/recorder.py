"""``%gpumon record``: the stream of this kernel into a file, until it is told to stop or the kernel ends."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable

from ..errors import SourceError
from ..sinks import Sink
from ..sinks.gate import Gate
from ..sinks.urls import open_sink, path_of, shown
from . import connect


class Recorder:
    """One recording at a time, which goes on when the kernel's source changes."""

    def __init__(self) -> None:
        self._sink: Sink | None = None
        self._url = ""
        self._detach: Callable[[], None] = lambda: None
        connect.on_change.append(self._follow)
        atexit.register(self.stop)

    def ask(self, value: str) -> None:
        """Start with a file's name or a database's URL; end with ``off``; say how it is with nothing."""
        if value in ("off", "stop"):
            self.stop()
        elif value:
            self._start(value)
        self._say()

    def _start(self, url: str) -> None:
        path = path_of(url)
        if path is not None and path.exists():
            raise SourceError(f"{path} is there already. Name another file: nothing is replaced from a notebook.")
        self.stop()
        self._sink, self._url = open_sink(url), url
        self._follow()

    def _follow(self) -> None:
        """Take the stream of the connection there is now, from its last sample on."""
        if self._sink is None:
            return
        self._detach()
        link = connect.connection()
        link.ready()
        gate = Gate(self._sink)
        self._detach = link.monitor.add(gate)
        gate.open(link.hello)

    def stop(self) -> None:
        """Write what is left and close the file."""
        sink, self._sink = self._sink, None
        self._detach()
        self._detach = lambda: None
        if sink is not None:
            sink.close()

    def _say(self) -> None:
        if self._sink is None:
            nothing = "Nothing is recorded; %gpumon record run.jsonl starts."
            said = f"{shown(self._url)} is closed." if self._url else nothing
        else:
            problem = getattr(self._sink, "problem", "")
            said = f"Recording to {shown(self._url)}; %gpumon record off ends it.{f' {problem}' if problem else ''}"
        sys.stdout.write(f"gpumon │ {said}\n")


recorder = Recorder()
"""This kernel's."""
