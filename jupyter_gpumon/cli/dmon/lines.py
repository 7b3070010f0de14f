"""How ``gpumon dmon`` prints: a table as DCGM's, CSV, or JSON Lines; a method per kind of line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Protocol

from ...absence import why
from ...dcgm import Field, Look, Value
from ...model import Device

NOT_KNOWN = "N/A"
HEADER_EVERY = 14
"""Rounds after which DCGM repeats the header."""
_FIRST = 10
"""Width of the first column, as DCGM has it."""
_PAD = 2


class Lines(Protocol):
    """A way to print."""

    def header(self) -> str:
        """What stands above; empty where there is nothing."""

    def round(self, time: float, looks: Sequence[Look]) -> str:
        """What is known of all chosen devices at one moment."""


class Table:
    """As ``dcgmi dmon``: fixed widths, the header again after fourteen rounds, units in the second line of it.

    Args:
        fields: the columns.
        explain: say below a round, once, why a value is not known.
    """

    def __init__(self, fields: Sequence[Field], *, explain: bool) -> None:
        self._fields, self._explain = fields, explain
        self._rounds = 0
        self._said: set[str] = set()

    def header(self) -> str:
        """Short names, then units."""
        widths = [max(field.width, len(field.title)) + _PAD for field in self._fields]
        names = "".join(field.title.ljust(width) for field, width in zip(self._fields, widths, strict=True))
        units = "".join(field.unit.ljust(width) for field, width in zip(self._fields, widths, strict=True))
        return f"{'#Entity'.ljust(_FIRST)}{names}".rstrip() + f"\n{'ID'.ljust(_FIRST)}{units}".rstrip() + "\n"

    def round(self, time: float, looks: Sequence[Look]) -> str:  # noqa: ARG002 - the table has no times
        """A line per device."""
        again = self._rounds and self._rounds % HEADER_EVERY == 0
        self._rounds += 1
        lines = (self.header() if again else "") + "".join(self._line(look) for look in looks)
        return lines + (self._reasons(looks) if self._explain else "")

    def _line(self, look: Look) -> str:
        cells = [
            shown(field, field.take(look)).ljust(max(field.width, len(field.title)) + _PAD) for field in self._fields
        ]
        return f"{entity(look.device).ljust(_FIRST)}{''.join(cells)}".rstrip() + "\n"

    def _reasons(self, looks: Sequence[Look]) -> str:
        found = [f"# {entity(d)} {name}: {words}\n" for d, name, words in reasons(self._fields, looks)]
        new = [line for line in found if line not in self._said]
        self._said.update(new)
        return "".join(new)


class Csv:
    """A header, then a line per device and round; what is not known is left empty.

    Args:
        fields: the columns.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    def header(self) -> str:
        """Names with their units."""
        named = [f"{field.title}[{field.unit}]" if field.unit else field.title for field in self._fields]
        return _row(["time", "entity", "uuid", *named])

    def round(self, time: float, looks: Sequence[Look]) -> str:
        """A line per device, with the Unix time."""
        rows = (
            [f"{time:.3f}", look.device.label, look.device.uuid, *(_cell(f, f.take(look)) for f in self._fields)]
            for look in looks
        )
        return "".join(map(_row, rows))


class Json:
    """A line of JSON per round; null where nothing is known, and why.

    Args:
        fields: what is told.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    def header(self) -> str:
        """None: every line says what it holds."""
        return ""

    def round(self, time: float, looks: Sequence[Look]) -> str:
        """``{"time": …, "gpus": [{"entity": "gpu0", "values": {…}, "why": {…}}]}``."""
        absent = {(device.uuid, name): words for device, name, words in reasons(self._fields, looks)}
        gpus = [
            {
                "entity": look.device.label,
                "uuid": look.device.uuid,
                "values": {field.title: _number(field, field.take(look)) for field in self._fields},
                "why": {name: words for (uuid, name), words in absent.items() if uuid == look.device.uuid},
            }
            for look in looks
        ]
        return json.dumps({"time": round(time, 3), "gpus": gpus}, ensure_ascii=False) + "\n"


def entity(device: Device) -> str:
    """``GPU 0`` as DCGM names it, or ``GPU 0:1`` for a MIG instance."""
    return f"GPU {device.label[3:]}"


def shown(field: Field, value: Value) -> str:
    """A value as DCGM prints it."""
    if value is None:
        return NOT_KNOWN
    return value if isinstance(value, str) else f"{value:.{field.digits}f}"


def reasons(fields: Sequence[Field], looks: Sequence[Look]) -> list[tuple[Device, str, str]]:
    """(device, field, why) for everything that is not known."""
    return [
        (look.device, field.title, _why(field, look)) for look in looks for field in fields if field.take(look) is None
    ]


def _why(field: Field, look: Look) -> str:
    if not field.metric:
        return "the driver does not tell it of this GPU"
    if field.rate and field.metric not in look.device.absent and look.device.state == "ok":
        return "growth per second is known from the second sample on"
    return why(look.device, field.metric)


def _cell(field: Field, value: Value) -> str:
    return "" if value is None else shown(field, value)


def _number(field: Field, value: Value) -> Value:
    if not isinstance(value, float):
        return value
    return round(value, field.digits) if field.digits else round(value)


def _row(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
