"""The thirteen times by which Transformers' benchmark knows a generating model, of any callables that do them."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import fmean

from ..kernel.open_runs import current
from ..kernel.sync import drain
from ..runs import kvcache

_NEXT = 20
"""Tokens after the third whose mean time is told."""
_ORDINALS = ("first", "second", "third", "fourth")


def generate(
    generate: Callable[[], object],
    *,
    load: Callable[[], object] | None = None,
    forward: Callable[[], object] | None = None,
    next_token: Callable[[], object] | None = None,
    compiled: Callable[[], object] | None = None,
    kv_cache: Callable[[], float] | None = None,
) -> dict[str, float]:
    """Time a model, log the times in the run that is open, and give them back. The GPU is waited for each time.

    Args:
        generate: generates a whole answer; called twice.
        load: loads the model; called once, first.
        forward: one forward pass; called twice.
        next_token: generates one token after the others; called 23 times.
        compiled: as ``generate``, with the compiled model; called four times, of which the first compile.
        kv_cache: bytes of the key-value cache after a generation, as ``gm.kv_cache_bytes`` tells them; called once,
            logged as ``kv_cache_memory_bytes``.

    Raises:
        RunError: no run is open.
    """
    run, found = current("a model's times"), dict[str, float]()
    if load is not None:
        found["model_load_time"] = _timed(load)
    if forward is not None:
        found |= {f"{ordinal}_eager_forward_pass_time_secs": _timed(forward) for ordinal in _ORDINALS[:2]}
    found |= {f"{ordinal}_eager_generate_time_secs": _timed(generate) for ordinal in _ORDINALS[:2]}
    if kv_cache is not None:
        found[kvcache.METRIC] = float(kv_cache())
    if next_token is not None:
        found |= _tokens(next_token)
    if compiled is not None:
        found |= {f"{ordinal}_compile_generate_time_secs": _timed(compiled) for ordinal in _ORDINALS}
    run.log_metrics(found)
    return found


def _tokens(next_token: Callable[[], object]) -> dict[str, float]:
    found = {f"time_to_{ordinal}_token_secs": _timed(next_token) for ordinal in _ORDINALS[:3]}
    return found | {"time_to_next_token_mean_secs": fmean(_timed(next_token) for _ in range(_NEXT))}


def _timed(call: Callable[[], object]) -> float:
    """Seconds, until the GPU has done what it was given."""
    drain(None)
    start = time.perf_counter()
    call()
    drain(None)
    return time.perf_counter() - start
