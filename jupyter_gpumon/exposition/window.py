"""Events of the last minutes, counted in steps, so that an old error does not look current."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Recent(Generic[T]):
    """How often each thing happened within a window; kept by steps, so that it stays small at any rate.

    Args:
        window: seconds.
        step: seconds by which the window's beginning is rounded.
    """

    def __init__(self, window: float, step: float = 10.0) -> None:
        self._window, self._step = window, step
        self._steps: deque[tuple[float, Counter[T]]] = deque()

    def note(self, mono: float, things: Iterable[T]) -> None:
        """These happened at this monotonic moment; a clock that went back is another boot's, and begins anew."""
        if self._steps and mono < self._steps[-1][0]:
            self._steps.clear()
        if not self._steps or mono - self._steps[-1][0] >= self._step:
            self._steps.append((mono, Counter()))
        self._steps[-1][1].update(things)
        self._forget(mono)

    def counts(self, mono: float) -> Counter[T]:
        """What happened within the window that ends now."""
        self._forget(mono)
        return sum((counted for _, counted in self._steps), Counter[T]())

    def _forget(self, mono: float) -> None:
        while self._steps and mono - self._steps[0][0] >= self._window:
            self._steps.popleft()
