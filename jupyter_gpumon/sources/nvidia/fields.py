"""Field values: which id means what on this driver, which member of the union holds the value, and wrapped counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pynvml as nvml

from .driver import ERROR, UNSUPPORTED, Absent, ask, meaning

Entry = tuple[int, int]
"""Field id and scope."""

ALL_LINKS = 0xFFFFFFFF
"""Scope of an NVLink counter: the sum over all links."""

_MEMBER = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""By value type, as nvml.h numbers them."""

_WORD = 1 << 32


def version_of(driver: str | None) -> tuple[int, ...]:
    """``580.65.06`` as (580, 65, 6); empty where it cannot be read."""
    parts = (driver or "").split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def translate(field: int, driver: tuple[int, ...]) -> int | None:
    """The id by which this driver knows a field of today's header; None where it does not.

    The throttle counters 269 to 271 were 251 to 253 from driver 575 until before 580.82, where today's 251 to 253 are
    settings of power smoothing (docs.nvidia.com/deploy/nvml-api/known-issues.html).
    """
    if field not in (269, 270, 271) or not driver or driver >= (580, 82):
        return field
    return field - 18 if driver >= (575,) else None


def value_of(answer: Any) -> Any:
    """The value of one answered field, or why there is none."""
    if answer.nvmlReturn != nvml.NVML_SUCCESS:
        return meaning(answer.nvmlReturn)
    if answer.valueType == 0 and not answer.timestamp and not answer.latencyUsec and not answer.value.ullVal:
        return UNSUPPORTED  # with ECC off the driver says success and writes nothing
    if answer.valueType >= len(_MEMBER):
        return ERROR
    return getattr(answer.value, _MEMBER[answer.valueType])


def is_narrow(answer: Any) -> bool:
    """Whether the value is 32 bits wide, so that a counter in it wraps."""
    return bool(answer.nvmlReturn == nvml.NVML_SUCCESS and answer.valueType == 1)


def fetch(handle: Any, entries: Sequence[Entry]) -> Sequence[Any] | Absent:
    """Ask for all of them in one call, which costs about what its slowest costs."""
    answers: Sequence[Any] | Absent = ask(nvml.nvmlDeviceGetFieldValues, handle, list(entries))
    return answers


class Unfolded:
    """A 32-bit counter that wraps, told as one that only grows."""

    def __init__(self) -> None:
        self._last = self._turns = 0

    def __call__(self, value: int) -> int:
        """The value with the turns so far; right as long as it is asked at least once a turn."""
        if value < self._last:
            self._turns += 1
        self._last = value
        return value + self._turns * _WORD
