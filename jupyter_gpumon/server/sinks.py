"""Where samples go besides, and how that goes: for the sampler's page, and as events when it changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from msgspec import Struct

from ..model import Event
from ..sinks.urls import shown


class SinkState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a sink is doing."""

    url: str
    """Without passwords."""
    problem: str = ""
    """What is the matter; empty when all is well."""
    dropped: int = 0
    """Samples lost: it was too slow, or away for too long."""
    waiting: int = 0
    """Samples that are still to be written."""


class Sinks:
    """The sinks of a server, the store among them.

    Args:
        sinks: all of them; a plug-in may say nothing of itself.
        note: lets an event ride in the next sample.
    """

    def __init__(self, sinks: Iterable[object], note: Callable[[Event], None]) -> None:
        self._sinks, self._note = tuple(sinks), note
        self._said: dict[int, tuple[bool, int]] = {}

    def states(self) -> tuple[SinkState, ...]:
        """How each is doing."""
        return tuple(map(_state, self._sinks))

    def look(self) -> None:
        """Say which one has come into trouble, or out of it."""
        for number, state in enumerate(self.states()):
            now = bool(state.problem), state.dropped
            before = self._said.get(number, (False, 0))
            if now[0] != before[0]:
                self._note(_event(state, state.dropped - before[1]))
                self._said[number] = now


def _state(sink: object) -> SinkState:
    return SinkState(
        url=shown(str(getattr(sink, "url", "") or type(sink).__name__)),
        problem=str(getattr(sink, "problem", "")),
        dropped=int(getattr(sink, "dropped", 0)),
        waiting=int(getattr(sink, "waiting", 0)),
    )


def _event(state: SinkState, lost: int) -> Event:
    """Without what stands after the ``?``: it is only in the way here."""
    url = state.url.partition("?")[0]
    lost_words = f"{lost} samples were lost." if lost else "Nothing was lost."
    return Event(
        kind="sink",
        time=time.time(),
        mono=time.monotonic(),
        title=f"{url} {'does not take samples' if state.problem else 'takes samples again'}",
        detail=f"{state.problem} Samples wait for it, up to a bound." if state.problem else lost_words,
        level="warning" if state.problem else "info",
    )
