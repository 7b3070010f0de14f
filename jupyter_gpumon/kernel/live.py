"""``%gpumon``: shows the live widget, feeds it, and leaves its picture behind."""

from __future__ import annotations

import sys
import threading
from html import escape
from typing import TYPE_CHECKING, Any

from ..model import Sample
from ..wire import Stream
from . import alerts, connect, context, overview
from .connect import SHOWN, Connection
from .show import Shown
from .still import still, view

if TYPE_CHECKING:
    from .widget import Widget


class Live:
    """One shown widget, drawn in a thread of its own: the monitor's must not wait, and the cell's is busy."""

    def __init__(self, link: Connection, shown: Shown | None = None) -> None:
        from .widget import Widget

        self._link = link
        devices, columns, bands = view(link)
        self._widget: Widget = Widget(devices, SHOWN)
        self._widget.draw(columns, bands, _words(link))
        self._shown = shown or Shown()
        self._due, self._ended = threading.Event(), False
        parts: dict[str, Any] = self._widget.view._repr_mimebundle_()
        self._shown.draw({**still(link), **{k: v for k, v in parts.items() if k != "text/plain"}})
        self._remove = link.monitor.add(self)
        self._thread = threading.Thread(target=self._run, name="gpumon-widget", daemon=True)
        self._thread.start()

    def write(self, message: Stream) -> None:
        """A sink's: something has changed."""
        if not isinstance(message, Sample) or message.gpus:
            self._due.set()

    def _run(self) -> None:
        while not self._ended:
            self._due.wait()
            self._due.clear()
            if not self._ended:
                _, columns, bands = view(self._link)
                self._widget.draw(columns, bands, _words(self._link))

    def stop(self) -> None:
        """Put the still in the widget's place."""
        self._end()
        self._shown.draw(still(self._link))
        self._widget.close()

    def _end(self) -> None:
        self._remove()
        self._ended = True
        self._due.set()
        self._thread.join(2.0)

    def moved(self, link: Connection) -> Live:
        """The same on another connection, in the same place."""
        self._end()
        successor = Live(link, self._shown)
        self._widget.close()
        return successor


class Still:
    """In place of the widget where nobody watches: a picture, drawn anew after every cell."""

    def __init__(self, link: Connection, shown: Shown | None = None) -> None:
        self._link, self._shown = link, shown or Shown()
        self.refresh()

    def moved(self, link: Connection) -> Still:
        """The same on another connection, in the same place."""
        return Still(link, self._shown)

    def refresh(self) -> None:
        """Draw it with what has come since."""
        self._shown.draw(still(self._link))

    stop = refresh


_current: Live | Still | None = None


def start() -> None:
    """Show the widget here; one that is shown elsewhere becomes a picture."""
    global _current
    stop()
    link = connect.connection()
    if not link.ready():
        sys.stdout.write(f"gpumon │ {overview.explanation(link.hello)}\n")
    elif context.kernel() is None:
        sys.stdout.write(f"{still(link)['text/plain']}\nThe live widget needs a notebook.\n")
    else:
        _current = Still(link) if context.unattended() else Live(link)


def stop() -> bool:
    """End the widget, whose picture stays; whether there was one."""
    global _current
    ended, _current = _current, None
    if ended is not None:
        ended.stop()
    return ended is not None


def follow() -> None:
    """The kernel has another connection: what is shown goes on with that one, in its place."""
    global _current
    if _current is None:
        return
    link = connect.connection()
    if link.ready():
        _current = _current.moved(link)
    else:
        stop()


def after_cell() -> None:
    """Bring a picture that nobody can see moving up to date."""
    if isinstance(_current, Still):
        _current.refresh()


def _words(link: Connection) -> str:
    trouble = overview.explanation(link.hello)
    kind = "simulated · " if link.hello.simulated else ""
    truth = escape(trouble) or f"{kind}live, every {link.hello.interval:g} s · %gpumon stop leaves a still"
    calls = alerts.line(link)
    return f"<b>{escape(calls)}</b> · %gpumon alerts says what to do<br>{truth}" if calls else truth


connect.on_exit.append(stop)
connect.on_change.append(follow)
