"""Hit rates of caches: ``functools.lru_cache``, what wraps one, and whatever can tell its hits and misses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..errors import RunError
from ..experiments import Logged
from .log import single

F = TypeVar("F")
_DEEPEST = 20
"""Wrappers looked through for the cache within."""


class Hits(NamedTuple):
    """How often a cache had what it was asked for, and how often not."""

    hits: int
    misses: int

    @property
    def rate(self) -> float | None:
        """The share of hits, 0 to 1; None where it was never asked."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


_watched: dict[str, Callable[[], Hits]] = {}


def watch_cache(cache: F, name: str = "") -> F:
    """Have the hits and misses of this cache told in every run, from now on; gives back what it was given.

    Args:
        cache: a function under ``functools.lru_cache`` (or ``cache``), bare or within other decorators; anything with
            ``cache_info()``; or a callable without arguments that returns ``(hits, misses)``, with a ``name``.
        name: what it is called; a function's own name where none is given.

    Raises:
        RunError: it cannot tell its hits.
    """
    info = _info(cache)
    if info is None and not (callable(cache) and name):
        raise RunError(
            "watch_cache takes a function with functools.lru_cache, something with cache_info(), or a callable that "
            "returns (hits, misses) together with a name."
        )
    _watched[name or getattr(cache, "__name__", type(cache).__name__)] = _reader(info or cache)
    return cache


def unwatch() -> None:
    """Watch none any more."""
    _watched.clear()


def now() -> dict[str, Hits]:
    """What each cache says now; one that fails is left out."""
    return {name: hits for name, read in tuple(_watched.items()) if (hits := read()) is not None}


def since(before: dict[str, Hits]) -> dict[str, Hits]:
    """Hits and misses after ``before``; of a cache that was cleared meanwhile, all it tells."""
    none = Hits(0, 0)
    return {name: _grown(before.get(name, none), hits) for name, hits in now().items()}


def metrics(found: dict[str, Hits]) -> dict[str, Logged]:
    """Hits, misses and their rate over all caches that were asked; with several, each one's rate too."""
    asked = {name: hits for name, hits in found.items() if hits.rate is not None}
    if not asked:
        return {}
    whole = Hits(sum(hits.hits for hits in asked.values()), sum(hits.misses for hits in asked.values()))
    rates = {
        "cache_hit_rate": whole,
        **({f"cache_hit_rate.{n}": h for n, h in asked.items()} if len(asked) > 1 else {}),
    }
    counts = {"cache_hits": whole.hits, "cache_misses": whole.misses}
    return {name: single(hits.rate or 0.0, "ratio") for name, hits in rates.items()} | {
        name: single(float(number), "", "counter") for name, number in counts.items()
    }


def _grown(before: Hits, after: Hits) -> Hits:
    hits, misses = after.hits - before.hits, after.misses - before.misses
    return after if hits < 0 or misses < 0 else Hits(hits, misses)


def _info(cache: object) -> Callable[[], Any] | None:
    """``cache_info`` of the function, or of what it wraps."""
    for _ in range(_DEEPEST):
        found = getattr(cache, "cache_info", None)
        if callable(found):
            return found  # type: ignore[no-any-return]
        if not hasattr(cache, "__wrapped__"):
            return None
        cache = cache.__wrapped__
    return None


def _reader(tell: Any) -> Any:
    def read() -> Hits | None:
        try:
            said = tell()
            hits, misses = (said.hits, said.misses) if hasattr(said, "hits") else said
            return Hits(int(hits), int(misses))
        except Exception:  # it is the user's function, and a run is not to fail by it
            return None

    return read
