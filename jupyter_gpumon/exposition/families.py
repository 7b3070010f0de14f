"""Metric families, and the two text formats in which Prometheus reads them.

Our own few lines rather than ``prometheus_client``'s: a page of eight GPUs is then made in a millisecond, and DCGM's
counters keep their names, to which that library would add ``_total``. Tests read the pages with its parsers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct, field

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


class Labels:
    """Names and values, and their text, which is made once for all the metrics of a GPU."""

    __slots__ = ("text", "values")

    def __init__(self, values: Mapping[str, object] | None = None, **more: object) -> None:
        known = {**(values or {}), **more}
        self.values: dict[str, str] = {name: str(value) for name, value in known.items() if value is not None}
        self.text = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in self.values.items())

    def plus(self, **more: object) -> Labels:
        """These and some more; what is None is left out."""
        return Labels(self.values, **more)


NONE = Labels()


class Point(NamedTuple):
    """One number; ``suffix`` follows the family's name (``_sum``, ``_count`` of a summary)."""

    labels: Labels
    value: float
    suffix: str = ""


class Family(Struct, kw_only=True):
    """All series of one name, which is without a counter's ``_total``."""

    name: str
    kind: str
    help: str
    unit: str = ""
    exact: bool = False
    """The name stands as it is, also a counter's: it is DCGM's."""
    points: list[Point] = field(default_factory=list)

    def add(self, labels: Labels, value: float | None, suffix: str = "") -> None:
        """Add a number; one that is not known is left out."""
        if value is not None:
            self.points.append(Point(labels, value, suffix))

    @property
    def sample(self) -> str:
        """The name that its numbers carry."""
        return self.name + "_total" if self.kind == "counter" and not self.exact else self.name


class Families:
    """Families by name, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Family] = {}

    def of(self, name: str, kind: str, help: str, unit: str = "") -> Family:
        """The family of this name, made where it is new."""
        return self._found.setdefault(name, Family(name=name, kind=kind, help=help, unit=unit))

    def gauge(self, name: str, help: str, unit: str = "") -> Family:
        """A number that goes up and down."""
        return self.of(name, "gauge", help, unit)

    def counter(self, name: str, help: str, unit: str = "") -> Family:
        """A number that only grows, until a restart; ``name`` is without ``_total``."""
        return self.of(name, "counter", help, unit)

    def put(self, family: Family) -> None:
        """Take one that was made elsewhere."""
        self._found[family.name] = family

    def known(self) -> list[Family]:
        """Those that have numbers; DCGM's also without, since a list of fields was asked for."""
        return [family for family in self._found.values() if family.points or family.exact]


def text(families: Iterable[Family]) -> str:
    """The text format 0.0.4."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.sample} {family.help.translate(_HELP_ESCAPES)}")
        lines.append(f"# TYPE {family.sample} {family.kind}")
        lines.extend(_numbers(family))
    return "".join(line + "\n" for line in lines)


def openmetrics(families: Iterable[Family]) -> str:
    """OpenMetrics 1.0: units said, and an end that shows that nothing is missing."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# TYPE {family.name} {family.kind}")
        if family.unit:
            lines.append(f"# UNIT {family.name} {family.unit}")
        lines.append(f"# HELP {family.name} {family.help.translate(_ESCAPES)}")
        lines.extend(_numbers(family))
    return "".join(line + "\n" for line in [*lines, "# EOF"])


def _numbers(family: Family) -> Iterable[str]:
    name = family.sample
    for labels, value, suffix in family.points:
        braces = f"{{{labels.text}}}" if labels.text else ""
        yield f"{name}{suffix}{braces} {_number(value)}"


def _number(value: float) -> str:
    """As short as it goes, without losing anything."""
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < 1e15)
    return str(int(value)) if whole else repr(value)


def render(families: Iterable[Family], accept: str = "", *, plain: bool = False) -> tuple[str, str]:
    """The page and its content type; OpenMetrics where ``accept`` asks for it, unless ``plain``."""
    if "application/openmetrics-text" in accept and not plain:
        return openmetrics(families), OPENMETRICS
    return text(families), TEXT
