"""What a kWh means for this kernel: what its user chose here, else what its server says, else the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import lru_cache

from msgspec.structs import replace

from ..carbon import footprint, setting
from ..errors import RatesError
from ..model import Energy, Footprint, Hello
from ..rates import Rates

_chosen: dict[str, object] = {}
"""Region, price and PUE that were chosen here."""


def choose(*, region: str | None = None, price: object = None, pue: float | None = None) -> None:
    """Use these from now on in this kernel; None leaves one as it is, an empty text turns it off.

    Raises:
        RatesError: one of them cannot be used; the text says what is wrong, and all stay as they were.
    """
    asked = {"region": region, "price": price, "pue": pue}
    fresh = {**_chosen, **{name: value for name, value in asked.items() if value is not None}}
    problem = _rates(fresh).problem
    if problem:
        raise RatesError(problem)
    _chosen.update(fresh)


def forget() -> None:
    """Nothing is chosen here any more."""
    _chosen.clear()


def current(hello: Hello) -> Rates:
    """The rates that hold, of a source with this hello."""
    told = hello.rates
    if told is None:
        told = _of_environment(*(os.environ.get(name, "") for name in _NAMES))
    if not _chosen:
        return told
    own = _rates(_chosen)
    if "region" in _chosen and own.region != told.region:  # where it is the server's, its live intensities stay
        told = replace(own, price=told.price, pue=told.pue)
    price = own.price if "price" in _chosen else told.price
    return replace(told, price=price, pue=own.pue if "pue" in _chosen else told.pue)


def of(energy: Iterable[Energy], start: float, end: float, hello: Hello) -> Footprint | None:
    """Carbon and cost of what the devices that count took between two Unix times; None where this is off."""
    return footprint.of(energy, start, end, current(hello))


def words(rates: Rates) -> str:
    """``DE 2023: 381 g/kWh, Ember via OWID · 0.31 EUR/kWh · PUE 1.0``; how to turn it on where it is off."""
    if not rates.region and rates.price is None:
        off = "Carbon and cost are off: set a region (DE) or a price (0.31 EUR)."
        return f"{rates.problem} {off}".strip()
    return " · ".join(part for part in (footprint.basis(rates), rates.problem) if part)


def show(value: str, region: str | None, price: str | None, pue: float | None) -> None:
    """``%gpumon footprint``: choose what was given, and say what holds.

    Args:
        value: ``default`` goes back to the server's rates.
        region: see ``choose``.
        price: see ``choose``.
        pue: see ``choose``.

    Raises:
        RatesError: something that cannot be used.
    """
    from . import connect

    if value == "default":
        forget()
    elif value:
        raise RatesError(f"%gpumon footprint takes --region, --price, --pue or default, not {value!r}.")
    choose(region=region, price=price, pue=pue)
    link = connect.connection()
    link.ready()
    sys.stdout.write(f"gpumon │ {words(current(link.hello))}\n")


def _rates(chosen: dict[str, object]) -> Rates:
    pue = chosen.get("pue")
    return setting.rates(
        str(chosen.get("region") or ""), chosen.get("price"), float(pue) if isinstance(pue, int | float) else 1.0
    )


_NAMES = ("GPUMON_REGION", "GPUMON_PRICE", "GPUMON_PUE")


@lru_cache(maxsize=4)
def _of_environment(*values: str) -> Rates:
    return setting.from_environment(dict(zip(_NAMES, values, strict=True)))
