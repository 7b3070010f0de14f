"""Field values: which id means what on this driver, which member of the union holds the value, and wrapped counters."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import pynvml as nvml

from .driver import ERROR, UNSUPPORTED, Absent, meaning, symbol

Entry = tuple[int, int]
"""Field id and scope."""

ALL_LINKS = 0xFFFFFFFF
"""Scope of an NVLink counter: the sum over all links."""

MEMBER = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""By value type, as nvml.h numbers them."""

_DOUBLE, _NARROW = 0, 1
_WORD = 1 << 32


class _Answer(ctypes.Structure):
    """The C struct without the conversions of nvidia-ml-py's own, which take most of the time of a batch."""

    _fields_ = nvml.c_nvmlFieldValue_t._fields_


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


class Batch(NamedTuple):
    """What one call brought, not translated yet."""

    entries: tuple[Entry, ...]
    known: list[Entry]
    answers: Any
    code: int


class FieldReader:
    """Reads field values of one GPU in batches; keeps what stays from look to look."""

    def __init__(self, driver: tuple[int, ...]) -> None:
        self.driver = driver
        self._call = symbol("nvmlDeviceGetFieldValues")
        self._prepared: dict[tuple[Entry, ...], tuple[list[Entry], Any]] = {}
        self._unfolded: dict[Entry, Unfolded] = {}

    def unfold(self, entry: Entry) -> None:
        """Let this counter grow past 32 bits, if it is that narrow."""
        if entry not in self._unfolded:
            self._unfolded[entry] = Unfolded()

    def forget(self) -> None:
        """The counters begin anew."""
        self._unfolded.clear()

    def fetch(self, handle: Any, entries: tuple[Entry, ...]) -> dict[Entry, Any]:
        """Values, or why there are none, by one call, which costs about what its slowest field costs.

        Dear fields do not slow down cheap ones as long as they are in other tiers of the catalogue.
        """
        return self.tell(self.ask(handle, entries))

    def ask(self, handle: Any, entries: tuple[Entry, ...]) -> Batch:
        """The first half of ``fetch``, the call; what it brings is overwritten when the same is asked again."""
        if entries not in self._prepared:
            self._prepared[entries] = self._prepare(entries)
        known, answers = self._prepared[entries]
        if not known or isinstance(self._call, Absent):
            return Batch(entries, known, answers, nvml.NVML_SUCCESS)
        return Batch(entries, known, answers, self._call(handle, len(known), answers))

    def tell(self, batch: Batch) -> dict[Entry, Any]:
        """The second half: what the call brought."""
        if isinstance(self._call, Absent):
            return dict.fromkeys(batch.entries, self._call)
        known = batch.known
        found: dict[Entry, Any] = {} if len(known) == len(batch.entries) else dict.fromkeys(batch.entries, UNSUPPORTED)
        if batch.code != nvml.NVML_SUCCESS:
            return found | dict.fromkeys(known, meaning(batch.code))
        for entry, answer in zip(known, batch.answers, strict=True):
            found[entry] = self._value(entry, answer)
        return found

    def _prepare(self, entries: tuple[Entry, ...]) -> tuple[list[Entry], Any]:
        """The entries this driver knows, and the array to ask for them, which is used again and again."""
        ids = {entry: translate(entry[0], self.driver) for entry in entries}
        known = [entry for entry in entries if ids[entry] is not None]
        answers = (_Answer * len(known))()
        for entry, answer in zip(known, answers, strict=True):
            answer.fieldId, answer.scopeId = ids[entry], entry[1]
        return known, answers

    def _value(self, entry: Entry, answer: Any) -> Any:
        if answer.nvmlReturn != nvml.NVML_SUCCESS:
            return meaning(answer.nvmlReturn)
        kind, value = answer.valueType, answer.value
        if kind == _DOUBLE and not answer.timestamp and not answer.latencyUsec and not value.ullVal:
            return UNSUPPORTED  # with ECC off the driver says success and writes nothing
        if kind >= len(MEMBER):
            return ERROR
        number = getattr(value, MEMBER[kind])
        return self._unfolded[entry](number) if kind == _NARROW and entry in self._unfolded else number
