"""The fields of ``gpumon dmon``: DCGM's, by their ids and short names, and every metric of ours by its name.

Values are in DCGM's units, so that what reads the output of ``dcgmi dmon`` reads this too.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ...dcgm import DCGM, MHZ, MIB, Field, Look, Value
from ...errors import GpuMonError
from ...metrics import METRICS, SERIES, Metric

DEFAULT = ("203", "204", "252", "150", "155", "100", "101")
"""What is shown where nobody says: busy, memory busy, memory used, temperature, power, clocks."""


class FieldError(GpuMonError):
    """There is no such field; the text says what there is instead."""


NOT_HERE = {
    205: "accounting needs root. Processes are shown by: gpumon watch",
    230: "the last XID is told as an event. See: gpumon watch, or the panel",
    1013: "only DCGM's own counters tell it",
}
"""Fields that are asked for often and that we do not have; why, or what has it."""

_OURS = {"ratio": ("%", 100.0, 1), "bytes": ("MiB", MIB, 1), "hertz": ("MHz", MHZ, 0), "celsius": ("C", 1.0, 0),
         "watts": ("W", 1.0, 1), "joules": ("J", 1.0, 1), "seconds": ("s", 1.0, 3), "count": ("", 1.0, 0)}  # fmt: skip


def _own(metric: Metric) -> Field:
    """One of ours; of counters of bytes how fast they grow."""
    unit, scale, digits = _OURS[metric.unit]
    rate = metric.kind == "counter" and metric.unit == "bytes"

    def take(look: Look) -> Value:
        value = look.rates.get(metric.name) if rate else getattr(look.gpu, metric.name)
        return None if value is None else value * scale

    width = max(11, len(metric.name))
    return Field(None, metric.name, metric.name, f"{unit}/s" if rate else unit, take, metric.name, digits, width, rate)


OURS = tuple(_own(metric) for name, metric in METRICS.items() if name in SERIES)


def _by_name() -> dict[str, Field]:
    """Every name of every field, ours last: they win where DCGM has the same."""
    found: dict[str, Field] = {}
    for field in DCGM:
        found |= {name: field for name in (field.name, str(field.id), field.short) if name}
    for field in OURS:
        found |= {METRICS[field.name].column: field, field.name: field}
    return found


def fields(wanted: Iterable[str]) -> list[Field]:
    """The fields of these ids, short names, DCGM's or our own names; commas part several in one word.

    ``POWER`` is DCGM's and ``power`` ours; where the case decides nothing it does not matter.

    Raises:
        FieldError: there is no such field.
    """
    known = _by_name()
    folded = {name.lower(): field for name, field in known.items()}
    words = [word.strip() for each in wanted for word in each.split(",") if word.strip()]
    for word in words:
        if word.lower() not in folded:
            raise FieldError(_unknown(word, folded))
    return [known.get(word) or folded[word.lower()] for word in words]


def _unknown(word: str, known: Iterable[str]) -> str:
    if word.isdigit():
        reason = NOT_HERE.get(int(word), "it is not among the fields that the driver tells without DCGM")
        return f"Field {word} is not here: {reason}. All that are here: gpumon dmon -l"
    near = get_close_matches(word.lower(), list(known), n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"There is no field called {word!r}.{meant} All of them: gpumon dmon -l"
