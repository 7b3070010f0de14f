"""Spans: ``with span("step", batch=32):`` measures a block and names it on a trace; ``@traced`` does so for every call.

A span is a measurement like any other: it nests in its cell's, shows on the charts and in ``%gpumon energy``, and where
the server sends OpenTelemetry (docs/opentelemetry.md) it arrives as a span with its energy and its peak memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import ParamSpec, TypeVar, overload

from .measure import measure

P = ParamSpec("P")
T = TypeVar("T")


class span(measure):  # noqa: N801 - it reads as a noun in a with statement, as measure does
    """Measure a block or every call of a function, under a name.

    Args:
        name: what it is called; a decorated function's own name where none is given.
        devices: names of GPUs to count; None counts those used.
        sync: wait at the end for the GPU to finish, so that its work counts here and not in the next span.
        attributes: what else is to be said about it; numbers, texts and yes or no stay what they are.
    """

    def __init__(
        self, name: str = "", *, devices: Sequence[str | int] | None = None, sync: bool = True, **attributes: object
    ) -> None:
        super().__init__(name, devices=devices, sync=sync)
        self.saying(attributes)

    def saying(self, attributes: Mapping[str, object]) -> span:
        """Say this of it in the record; returns itself."""
        said = {key: _plain(value) for key, value in attributes.items()}
        self._wish = replace(self._wish, attributes={**self._wish.attributes, **said})
        return self


def _plain(value: object) -> str | float | bool:
    """As JSON can hold it: numbers of numpy as numbers, what is not finite as text."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) and math.isfinite(value) else str(value)


@overload
def traced(function: Callable[P, T]) -> Callable[P, T]: ...


@overload
def traced(function: str = "", **attributes: object) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def traced(
    function: Callable[P, T] | str = "", **attributes: object
) -> Callable[P, T] | Callable[[Callable[P, T]], Callable[P, T]]:
    """Make every call of a function or coroutine function a span: ``@traced``, or ``@traced("name", batch=32)``."""
    if callable(function):
        return span()(function)
    return span(function).saying(attributes)
