"""Timing a model that generates: first token, tokens after it, the whole, and how many tokens in a second."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from ..errors import RunError

T = TypeVar("T")


class Generation(NamedTuple):
    """One generation, in seconds."""

    ttft: float | None
    """From the start to the first token."""
    inter_token: float | None
    """Mean time between two tokens after the first; None of fewer than two."""
    end_to_end: float
    tokens: int
    """Tokens of all sequences of the batch together."""

    @property
    def rate(self) -> float | None:
        """Tokens in a second, from the start to the end."""
        return self.tokens / self.end_to_end if self.tokens and self.end_to_end > 0 else None


def tokens(times: Sequence[float], *, start: float = 0.0, end: float | None = None, batch: int = 1) -> Generation:
    """The timing of one generation from the moments at which its tokens came.

    Args:
        times: ascending, in seconds; a moment stands for a token of every sequence of the batch.
        start: when it was asked for, on the same clock.
        end: when it was over; the last token's moment by default.
        batch: sequences that are generated together.

    Raises:
        RunError: the times do not ascend from the start to the end, or the batch is none.
    """
    moments = [start, *times] + ([] if end is None else [end])
    if any(later < earlier for earlier, later in pairwise(moments)):
        raise RunError("The times of tokens are to ascend from the start to the end, in seconds.")
    if batch < 1:
        raise RunError(f"A batch has at least one sequence, not {batch}.")
    between = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else None
    return Generation(times[0] - start if times else None, between, moments[-1] - start, batch * len(times))


class TokenTimer:
    """Times one generation: ``token()`` at every token, ``done()`` at its end. It begins where it is made.

    ``token`` only appends a moment to a list. With a GPU, call it where the token is on the host: a launch that has
    returned is not yet a token.
    """

    def __init__(self, batch: int = 1, tell: object = None) -> None:
        self._batch, self._tell = batch, tell
        self._times: list[float] = []
        self._start = time.perf_counter()
        self.result: Generation | None = None

    def token(self) -> None:
        """A token is there, of each sequence of the batch."""
        self._times.append(time.perf_counter())

    def over(self, stream: Iterable[T]) -> Iterator[T]:
        """Hand on what a model streams, a token each; done when it ends."""
        for item in stream:
            self.token()
            yield item
        self.done()

    def done(self) -> Generation:
        """It is over; its timing. Only the first call counts."""
        if self.result is None:
            self.result = tokens(self._times, start=self._start, end=time.perf_counter(), batch=self._batch)
            if callable(self._tell):
                self._tell(self.result)
        return self.result

    def __enter__(self) -> TokenTimer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.done()
