"""Carbon intensity of electricity per country and year: a table that ships with the package. No network, no guess
of where this is.

    python -m jupyter_gpumon.carbon.grid build FILE    prints grid.json anew, from a newer edition of its source

FILE is Our World in Data's ``owid-energy-data.csv``, or JSON of the form ``{"DEU": {"country_name", "year",
"carbon_intensity"}}``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import RatesError

TABLE = Path(__file__).with_name("grid.json")
WORLD = "WORLD"

EDITION = {
    "short": "Ember via OWID",
    "terms": "Ember (2024) and Energy Institute (2024), with major processing by Our World in Data; CC BY 4.0. "
    "Yearly mean (not marginal) of generation in the country, without imports and grid losses; life-cycle emissions",
}
"""What is said of the source; to be changed with a new edition."""

Row = tuple[str, str, float, int]
"""Two-letter code, name, g CO₂e/kWh, year."""

_WORLD: Row = (WORLD, "World", 480.0, 2023)
_OF_WORLD = {
    "short": "Ember",
    "terms": "Ember, Global Electricity Review 2024; CC BY 4.0. Yearly mean (not marginal) of the world's generation; "
    "life-cycle emissions",
}
_ALIASES = {"UK": "GB"}  # not an ISO code, and what people write


class Intensity(NamedTuple):
    """Carbon intensity of a country's electricity."""

    place: str
    """Two-letter code, or ``WORLD``."""
    name: str
    grams: float
    """Grams of CO₂-equivalents per kWh."""
    year: int
    source: str
    terms: str


@cache
def table() -> dict[str, Any]:
    """The table as it is in the file: ``short``, ``terms``, ``countries``: ISO 3166-1 alpha-3 → ``Row``."""
    found: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


def intensity(region: str) -> Intensity:
    """The yearly mean of a country: ``DE``, ``DEU``, or of what a zone of it is in (``US-CAL-CISO``); ``WORLD``.

    Raises:
        RatesError: there is no such country in the table; the text names one that is meant, where it can be told.
    """
    wanted = region.strip().upper()
    country = wanted.partition("-")[0]
    country = _ALIASES.get(country, country)
    rows: dict[str, Row] = {code: tuple(row) for code, row in table()["countries"].items()}
    found = rows.get(country) or next((row for row in rows.values() if row[0] == country), None)
    if found is None or not country:
        raise RatesError(_unknown(region, rows))
    short, name, grams, year = found
    said = _OF_WORLD if country == WORLD else table()
    return Intensity(short or country, name, grams, year, said["short"], said["terms"])


def zone(region: str) -> str:
    """The region by the name a live service has for it: ``DE`` for ``DEU``.

    Raises:
        RatesError: it is no country of the table, nor a zone of one.
    """
    country, dash, rest = region.strip().upper().partition("-")
    return f"{intensity(country).place}{dash}{rest}"


def _unknown(region: str, rows: dict[str, Row]) -> str:
    import difflib  # only where something is wrong: a kernel is to start fast

    names = {row[1].lower(): row[0] or code for code, row in rows.items()}
    near = difflib.get_close_matches(region.strip().lower(), names, n=1)
    hint = f" {near[0].title()} is {names[near[0]]}." if near else ""
    return (
        f"There is no carbon intensity for the region {region!r}. A region is a country's ISO code (DE or DEU), "
        f"a zone in it (US-CAL-CISO), or WORLD.{hint}"
    )


def build(lines: Iterable[tuple[str, str, float, int]]) -> str:
    """``grid.json``, of the latest year of each country.

    Two-letter codes are those of the table before; a country that is new has none, and goes by its three letters. No
    electricity is made without any emission over a life cycle: a 0 is a rounded one, and left out.

    Args:
        lines: alpha-3 code, name, g CO₂e/kWh, year.
    """
    before: dict[str, Any] = table()["countries"] if TABLE.exists() else {}
    latest: dict[str, Row] = {WORLD: _WORLD}
    for code, name, grams, year in lines:
        if grams > 0 and (code not in latest or year > latest[code][3]):
            latest[code] = (before.get(code, ("",))[0], name, round(grams, 1), year)
    head = "".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)},\n" for k, v in EDITION.items())
    rows = [f"{json.dumps(code)}: {json.dumps(row, ensure_ascii=False)}" for code, row in sorted(latest.items())]
    return "{\n" + head + '"countries": {\n' + ",\n".join(rows) + "\n}\n}\n"


def rows_of(path: Path) -> Iterator[tuple[str, str, float, int]]:
    """What a source says: alpha-3 code, name, g CO₂e/kWh, year; countries only."""
    import csv

    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        for code, row in json.loads(text).items():
            yield code, row["country_name"], float(row["carbon_intensity"]), int(row["year"])
        return
    for line in csv.DictReader(text.splitlines()):
        if len(line["iso_code"]) == 3 and line["carbon_intensity_elec"]:
            yield line["iso_code"], line["country"], float(line["carbon_intensity_elec"]), int(line["year"])


def main(arguments: list[str]) -> None:
    """Print the table made of a file."""
    if len(arguments) != 2 or arguments[0] != "build":
        sys.exit("usage: python -m jupyter_gpumon.carbon.grid build FILE > jupyter_gpumon/carbon/grid.json")
    sys.stdout.write(build(rows_of(Path(arguments[1]))))


if __name__ == "__main__":
    main(sys.argv[1:])
