"""Simulated GPUs: seeded, with consistent physics, for demos, tests and machines without a GPU.

``sim:gpus=8&script=training&seed=1&model=H200&period=0.1``. Energy is the integral of power and is published every
``period`` seconds as a real counter is; temperature follows power; memory follows processes. Everything says it is
simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ...clock import Clock, SystemClock
from ...errors import SourceError
from .backend import SimBackend
from .boards import MODELS
from .scripts import SCRIPTS

N = TypeVar("N", int, float)

__all__ = ["SCRIPTS", "SimBackend", "open_backend"]


def open_backend(params: dict[str, str], clock: Clock | None = None) -> SimBackend:
    """The simulated GPUs that ``params`` describe.

    Args:
        params: ``gpus`` (1 to 64, default 2), ``script`` (default notebook), ``seed`` (default 0), ``model`` (default
            H200) and ``period`` (seconds between updates of the energy counter, default 0.1).
        clock: where the time comes from; the machine's own by default.

    Raises:
        SourceError: an unknown parameter or a value that cannot be; the text names what can.
    """
    unknown = set(params) - {"gpus", "script", "seed", "model", "period"}
    if unknown:
        raise SourceError(f"sim: does not know {sorted(unknown)[0]!r}; it takes gpus, script, seed, model and period.")
    return SimBackend(
        gpus=_number(params, "gpus", "2", int, 1, 64),
        script=_one_of(params, "script", "notebook", SCRIPTS),
        seed=_number(params, "seed", "0", int, 0, 2**31),
        model=MODELS[_one_of(params, "model", "H200", tuple(MODELS))],
        period=_number(params, "period", "0.1", float, 0.01, 10.0),
        clock=clock or SystemClock(),
    )


def _number(params: dict[str, str], name: str, default: str, kind: Callable[[str], N], low: N, high: N) -> N:
    text = params.get(name, default)
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise SourceError(f"sim: {name}={text} cannot be; give a number from {low:g} to {high:g}.")
    return value


def _one_of(params: dict[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    text = params.get(name, default)
    if text not in allowed:
        raise SourceError(f"sim: {name}={text} is not there; choose one of {', '.join(allowed)}.")
    return text
