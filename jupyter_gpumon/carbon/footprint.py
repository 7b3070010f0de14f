"""Carbon and cost of an energy, worked out after it was measured: kWh × PUE × what a kWh means at the place.

Ranges are carried through: grams and money have the likely interval of the energy, and no more is claimed of the
factors, which are stated with their source. The PUE is applied once, here, and always said.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ..model import Energy, Footprint
from ..rates import JOULES, Hour, Price, Rates
from . import tariff

_VALID = 7200.0
"""Seconds for which a live intensity stands where no newer one came: it is hourly, and published late."""
_UNRESOLVED = 3.0
"""Highest over lowest possible value from which on a single number would pretend (as for energies)."""
_MASSES = ((1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "µg"))
_CENTS = {"EUR": "ct", "USD": "¢", "CAD": "¢", "AUD": "¢", "GBP": "p", "CHF": "Rp"}
"""A hundredth of a currency, where it has a sign that everybody knows."""


class Factor(NamedTuple):
    """The carbon intensity of a window."""

    grams: float
    year: int | None
    source: str
    terms: str


def of(energy: Iterable[Energy], start: float, end: float, at: Rates | None) -> Footprint | None:
    """Carbon and cost of energies taken in one window.

    Args:
        energy: of each device that counts. What was measured goes before what was estimated: they are never added.
        start: Unix time.
        end: Unix time.
        at: what a kWh means there; None where nobody has said.

    Returns:
        None where neither a region nor a price is set, or no energy is known.
    """
    taken = _best(energy)
    factor, price = (None, None) if at is None else (_factor(at, start, end), at.price)
    if at is None or not taken or (factor is None and price is None):
        return None
    low, joules, high = _amounts(taken)
    if joules is None and high is None:
        return None
    found = Footprint(joules=joules, pue=at.pue, estimate=taken[0].method == "estimate")
    kwh = [_times(value, at.pue / JOULES) for value in (low, joules, high)]
    if factor is not None:
        found = _with_carbon(found, kwh, factor, at.place or at.region)
    return found if price is None else _with_cost(found, kwh, price, start, end)


def anew(found: Footprint | None, energy: Iterable[Energy]) -> Footprint | None:
    """The footprint of a part of the energy that ``found`` is of, by the same factors; None where nothing is known."""
    low, joules, high = _amounts(_best(energy))
    if found is None or (joules is None and high is None):
        return None
    kwh = [_times(value, found.pue / JOULES) for value in (low, joules, high)]
    return _costed(_weighed(replace(found, joules=joules), kwh), kwh)


def told(found: Footprint | None, energy: Iterable[Energy]) -> Footprint | None:
    """For a sum: where ``found`` says no number, that of these energies, by the same factors."""
    return found if found is None or found.joules is not None else anew(found, energy) or found


def _best(energy: Iterable[Energy]) -> list[Energy]:
    """What was measured; where nothing was, what was estimated."""
    parts = list(energy)
    return [part for part in parts if part.method != "estimate"] or parts


def _amounts(parts: Sequence[Energy]) -> tuple[float | None, float | None, float | None]:
    """The lowest, the likeliest and the highest sum, in joules."""
    return (
        _sum(part.joules if part.low is None else part.low for part in parts),
        _sum(part.joules for part in parts),
        _sum(part.joules if part.high is None else part.high for part in parts),
    )


def _with_carbon(found: Footprint, kwh: Sequence[float | None], factor: Factor, place: str) -> Footprint:
    said = replace(
        found,
        region=place,
        intensity=factor.grams,
        intensity_year=factor.year,
        intensity_source=factor.source,
        intensity_terms=factor.terms,
    )
    return _weighed(said, kwh)


def _weighed(found: Footprint, kwh: Sequence[float | None]) -> Footprint:
    if found.intensity is None:
        return found
    low, grams, high = (_times(value, found.intensity) for value in kwh)
    return replace(found, grams=grams, grams_low=low, grams_high=high)


def _with_cost(found: Footprint, kwh: Sequence[float | None], price: Price, start: float, end: float) -> Footprint:
    money, prices = tariff.mean(price, start, end)
    source = f"mean of {prices} prices by time" if prices > 1 else "by time of use" if price.bands else "flat"
    return _costed(replace(found, currency=price.currency, price=money, price_source=source), kwh)


def _costed(found: Footprint, kwh: Sequence[float | None]) -> Footprint:
    if found.price is None:
        return found
    low, cost, high = (_times(value, found.price) for value in kwh)
    if found.price < 0:  # there are such hours: the most energy is then the least money
        low, high = high, low
    return replace(found, cost=cost, cost_low=low, cost_high=high)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum, where all are known."""
    known = list(values)
    return None if not known or None in known else sum(value for value in known if value is not None)


def _factor(at: Rates, start: float, end: float) -> Factor | None:
    """The intensity of a window: live where there is one, the year's mean for the rest of it; by time."""
    seconds, grams = _live(at.hours, start, end)
    whole = max(end - start, 1e-9)
    share = min(1.0, seconds / whole)
    if share <= 0:
        if at.intensity is None:
            return None
        source = f"{at.source}; {at.trouble}" if at.trouble else at.source
        return Factor(at.intensity, at.year, source, at.terms)
    estimated = ", estimated" if any(h.estimated for h in at.hours if h.time < end and h.time > start - _VALID) else ""
    live = f"{at.live_source}, live{estimated}"
    if share > 0.999 or at.intensity is None:
        return Factor(grams / seconds, None, live, at.live_terms)
    mixed = grams / seconds * share + at.intensity * (1 - share)
    percent = f"{share * 100:.0f} % of the time"
    return Factor(mixed, None, f"{live} for {percent}, else {at.source} {at.year}", f"{at.live_terms}. {at.terms}")


def _live(hours: tuple[Hour, ...], start: float, end: float) -> tuple[float, float]:
    """Seconds of the window with a live intensity, and intensity × seconds summed over them."""
    end = max(end, start + 1e-9)
    seconds = grams = 0.0
    for number, hour in enumerate(hours):
        until = hour.time + _VALID
        if number + 1 < len(hours):
            until = min(until, hours[number + 1].time)
        overlap = min(end, until) - max(start, hour.time)
        if overlap > 0:
            seconds, grams = seconds + overlap, grams + overlap * hour.grams
    return seconds, grams


def total(parts: Iterable[Footprint | None]) -> Footprint | None:
    """The sum of several: of cells, or of a day. What was estimated is left out where anything was measured.

    Money of different currencies cannot be added: then there is no cost. The intensity, the price and the PUE are those
    of the sum.
    """
    known = [part for part in parts if part is not None]
    known = [part for part in known if not part.estimate] or known
    if not known:
        return None
    sums = {name: _sum(getattr(part, name) for part in known) for name in _SUMS}
    currencies = {part.currency for part in known}
    if len(currencies) > 1:
        sums |= {"cost": None, "cost_low": None, "cost_high": None}
    joules, grams, cost = sums["joules"], sums["grams"], sums["cost"]
    with_pue = _sum(_times(part.joules, part.pue) for part in known)
    return Footprint(
        **sums,
        pue=with_pue / joules if with_pue and joules else known[0].pue,
        estimate=known[0].estimate,
        region=_joined(part.region for part in known),
        intensity=grams / with_pue * JOULES if grams is not None and with_pue else known[0].intensity,
        intensity_year=_one(part.intensity_year for part in known),
        intensity_source=_joined(part.intensity_source for part in known),
        intensity_terms=_joined(part.intensity_terms for part in known),
        currency=known[0].currency if len(currencies) == 1 else "",
        price=cost / with_pue * JOULES if cost is not None and with_pue else None,
        price_source=_joined(part.price_source for part in known),
    )


_SUMS = ("joules", "grams", "grams_low", "grams_high", "cost", "cost_low", "cost_high")


def _joined(words: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(word for word in words if word))


def _one(values: Iterable[int | None]) -> int | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def words(found: Footprint) -> str:
    """``1.2 g CO₂e (DE 2023: 381 g/kWh, Ember via OWID, PUE 1.0) · 0.13 ct``; the PUE is always said."""
    carbon = _said(found.grams, found.grams_low, found.grams_high, _mass)
    cost = _said(found.cost, found.cost_low, found.cost_high, lambda value: _money(value, found.currency))
    reasons = ["estimate"] if found.estimate else []
    pue = f"PUE {_pue(found.pue)}"
    if carbon:
        line = f"{carbon} CO₂e ({', '.join([*reasons, _of_grid(found), pue])})"
        return f"{line} · {cost}" if cost else line
    return f"{cost} ({', '.join([*reasons, _of_price(found), pue])})" if cost else ""


def statement(found: Footprint) -> str:
    """The same for a report: how it was worked out, with sources and licences in full."""
    parts = []
    if found.grams_high is not None or found.grams is not None:
        parts.append(f"CO₂-equivalents at {_of_grid(found)} [{found.intensity_terms}]")
    if found.currency and found.price is not None:
        parts.append(f"cost at {_of_price(found)}")
    return f"{' and '.join(parts)}; energy of the GPUs × PUE {_pue(found.pue)}." if parts else ""


def basis(at: Rates) -> str:
    """What a kWh means now: ``DE 2023: 381 g/kWh, Ember via OWID · 0.31 EUR/kWh · PUE 1.0``."""
    now = time.time()
    found = of([Energy(joules=JOULES)], now, now, at)
    if found is None:
        return ""
    parts = [_of_grid(found)] if found.grams is not None else []
    parts += [_of_price(found)] if found.cost is not None else []
    return " · ".join([*parts, f"PUE {_pue(found.pue)}"])


def _of_grid(found: Footprint) -> str:
    place = " ".join(str(part) for part in (found.region, found.intensity_year) if part)
    grams = "" if found.intensity is None else f"{found.intensity:.0f} g/kWh"
    return ", ".join(part for part in (": ".join(x for x in (place, grams) if x), found.intensity_source) if part)


def _of_price(found: Footprint) -> str:
    source = "" if found.price_source == "flat" else f", {found.price_source}"
    return f"{0.0 if found.price is None else found.price:.3g} {found.currency}/kWh{source}"


def _pue(value: float) -> str:
    return f"{value:.1f}" if math.isclose(value, round(value, 1)) else f"{value:.2f}"


def _said(value: float | None, low: float | None, high: float | None, say: Callable[[float], str]) -> str:
    """The value, or only its bound where it is not resolved; empty where nothing is known."""
    if value is None:
        return "" if high is None else f"≤ {say(high)}"
    if low is not None and high is not None and high > 0 and high > _UNRESOLVED * low:
        return f"≤ {say(high)}"
    return say(value)


def _mass(grams: float) -> str:
    """``1.2 g``: two significant digits, for the factor is not known better; whole numbers from 10 on."""
    for factor, unit in _MASSES:
        if abs(grams) >= factor * 0.995:
            return f"{_short(grams / factor)} {unit}"
    return f"{_short(grams / 1e-6)} µg" if grams else "0 g"


def _money(value: float, currency: str) -> str:
    """``12.34 EUR``, ``0.31 EUR``; less than a tenth in hundredths, ``0.13 ct``, where these have a sign."""
    if abs(value) >= 0.0995:
        return f"{value:.2f} {currency}"
    return f"{_short(value * 100)} {_CENTS[currency]}" if currency in _CENTS else f"{_short(value)} {currency}"


def _short(value: float) -> str:
    """Two significant digits without an exponent; whole numbers from 10 on."""
    if value == 0:
        return "0"
    places = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(places, 9)}f}"
