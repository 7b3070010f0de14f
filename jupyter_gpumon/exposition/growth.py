"""How fast counters grow, from the samples: other exporters give rates where we give counters."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ..metrics import Gpu, Host
from ..model import Sample

HOST = ""
"""Where a UUID is asked for, this is the host."""


class _Look(NamedTuple):
    mono: float
    values: dict[str, Gpu | Host]


class Growth:
    """Growth of any counter over the last ``span`` seconds, or over the latest two looks where these are further apart.

    Args:
        span: seconds.
        step: least seconds between two looks that are kept.
    """

    def __init__(self, span: float, step: float = 0.0) -> None:
        self._span, self._step = span, step
        self._kept: deque[_Look] = deque()
        self._latest = _Look(0.0, {})

    def push(self, sample: Sample) -> None:
        """Take a sample with GPUs; a clock that went back is another boot's."""
        values: dict[str, Gpu | Host] = {gpu.uuid: gpu for gpu in sample.gpus}
        if sample.host is not None:
            values[HOST] = sample.host
        if sample.mono < self._latest.mono:
            self._kept.clear()
        self._latest = _Look(sample.mono, values)
        if not self._kept or sample.mono - self._kept[-1].mono >= self._step:
            self._kept.append(self._latest)
        while len(self._kept) > 1 and self._kept[1].mono <= sample.mono - self._span:
            self._kept.popleft()

    def of(self, uuid: str, name: str) -> float | None:
        """By how much it has grown; None where it was not there at both ends, or began anew between them."""
        before, now = (self._value(look, uuid, name) for look in (self._first, self._latest))
        return None if before is None or now is None or now < before else now - before

    def per_second(self, uuid: str, name: str) -> float | None:
        """The same by the second; None before the second look."""
        grown, seconds = self.of(uuid, name), self._latest.mono - self._first.mono
        return None if grown is None or seconds <= 0 else grown / seconds

    @property
    def _first(self) -> _Look:
        return self._kept[0] if self._kept else self._latest

    @staticmethod
    def _value(look: _Look, uuid: str, name: str) -> float | None:
        value: float | None = getattr(look.values.get(uuid), name, None)
        return value
