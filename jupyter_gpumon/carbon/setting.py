"""What users set about carbon and cost, and what it means. Off until a region or a price is set; no network."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec.structs import replace

from ..errors import RatesError
from ..rates import Rates
from . import grid, tariff


def rates(region: str = "", price: object = None, pue: float = 1.0) -> Rates:
    """What these settings mean, without network. What is wrong has no effect, and stands in ``problem``.

    Args:
        region: a country (``DE``, ``DEU``), a zone in it (``US-CAL-CISO``) or ``WORLD``; empty for no carbon.
        price: as ``tariff.parse`` takes it; None or empty for no cost.
        pue: at least 1.
    """
    found, problems = Rates(region=region.strip().upper()), []
    try:
        found = _with_region(found)
    except RatesError as e:
        found, problems = Rates(), [str(e)]
    try:
        found = replace(found, price=tariff.parse(price) if price else None)
    except RatesError as e:
        problems.append(str(e))
    try:
        found = replace(found, pue=_pue(pue))
    except RatesError as e:
        problems.append(str(e))
    return replace(found, problem=" ".join(problems))


def _with_region(found: Rates) -> Rates:
    if not found.region:
        return found
    of, region = grid.intensity(found.region), grid.zone(found.region)
    return replace(
        found, region=region, place=of.place, intensity=of.grams, year=of.year, source=of.source, terms=of.terms
    )


def _pue(value: float) -> float:
    if not (math.isfinite(value) and value >= 1.0):
        raise RatesError(f"A PUE of {value:g} cannot be: a building takes at least what its computers take (1.0).")
    return value


def from_environment(environment: Mapping[str, str]) -> Rates:
    """The settings of a kernel without a server: ``$GPUMON_REGION``, ``$GPUMON_PRICE``, ``$GPUMON_PUE``."""
    try:
        pue, problem = pue_of(environment), ""
    except RatesError as e:
        pue, problem = 1.0, str(e)
    found = rates(environment.get("GPUMON_REGION", ""), environment.get("GPUMON_PRICE"), pue)
    return replace(found, problem=f"{problem} {found.problem}".strip())


def pue_of(environment: Mapping[str, str]) -> float:
    """``$GPUMON_PUE``, or 1.0.

    Raises:
        RatesError: it is not a number, or less than 1.
    """
    text = environment.get("GPUMON_PUE") or "1.0"
    try:
        value = float(text)
    except ValueError:
        raise RatesError(f"$GPUMON_PUE is {text!r}, not a number such as 1.2.") from None
    return _pue(value)
