"""The price of electricity: read from settings with errors that name the mistake, and its mean over a window of time.

Times of use are local time; days on which a clock is set forward or back have 23 or 25 hours here as they do there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import RatesError
from ..rates import Band, Price

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 1440
_EXAMPLE = 'A price is "0.31 EUR", or {"currency": "EUR", "times": [{"from": "22:00", "to": "06:00", "price": 0.22}], '
_EXAMPLE += '"otherwise": 0.34}.'
_KEYS = ("currency", "flat", "times", "otherwise", "timezone")
_BAND_KEYS = ("from", "to", "days", "price")


def parse(value: object) -> Price:
    """A price from settings.

    Args:
        value: ``"0.31 EUR"`` (money per kWh); or a mapping, or JSON of one, with ``currency`` and either ``flat`` or
            ``times`` (a list of ``{"from": "22:00", "to": "06:00", "days": "mon-fri", "price": 0.22}``; without
            ``days`` every day; the first that holds counts) and ``otherwise``; and ``timezone``, an IANA name.

    Raises:
        RatesError: it is not a price; the text says which part is wrong.
    """
    if isinstance(value, str):
        text = value.strip()
        return _table(_json(text)) if text.startswith("{") else _flat(text)
    if isinstance(value, Mapping):
        return _table(value)
    raise RatesError(f"{value!r} is not a price. {_EXAMPLE}")


def _flat(text: str) -> Price:
    found = re.fullmatch(r"([0-9.]+)\s*([^\s\d/]+)(?:\s*/\s*kWh)?", text)
    if found is None:
        raise RatesError(f"{text!r} is not a price: write the price of a kWh and its currency. {_EXAMPLE}")
    return Price(currency=found[2], otherwise=_money(found[1], "The price"))


def _json(text: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError as e:
        raise RatesError(f"The price is not valid JSON ({e}). {_EXAMPLE}") from None
    return found


def _table(value: Mapping[str, Any]) -> Price:
    _only(value, _KEYS, "the price")
    currency = value.get("currency")
    if not isinstance(currency, str) or not currency.strip():
        raise RatesError(f'The price has no currency: add "currency": "EUR". {_EXAMPLE}')
    zone = value.get("timezone", "")
    if zone:
        _zone(zone)
    if "flat" in value:
        if "times" in value or "otherwise" in value:
            raise RatesError('The price is either "flat", or has "times" and "otherwise": not both.')
        return Price(currency=currency, otherwise=_money(value["flat"], '"flat"'))
    if not isinstance(value.get("times"), list | tuple):
        raise RatesError(f'The price has neither "flat" nor a list "times". {_EXAMPLE}')
    bands = tuple(_band(each, number) for number, each in enumerate(value["times"], 1))
    otherwise = _money(value["otherwise"], '"otherwise"') if "otherwise" in value else None
    price = Price(currency=currency, otherwise=otherwise, bands=bands, timezone=zone)
    _covered(price)
    return price


def _band(value: object, number: int) -> Band:
    name = f'entry {number} of "times"'
    if not isinstance(value, Mapping):
        raise RatesError(f"{name} is {value!r}, not a table. {_EXAMPLE}")
    _only(value, _BAND_KEYS, name)
    if missing := [key for key in ("from", "to", "price") if key not in value]:
        raise RatesError(f'{name} has no "{missing[0]}". {_EXAMPLE}')
    begin, end = _minutes(value["from"], name), _minutes(value["to"], name)
    if begin == end:
        raise RatesError(f'{name} begins and ends at {value["from"]}: for a whole day write "00:00" to "24:00".')
    price, days = _money(value["price"], f'"price" in {name}'), _days(value.get("days", "mon-sun"), name)
    return Band(price=price, days=days, begin=begin, end=end)


def _only(value: Mapping[str, Any], known: tuple[str, ...], name: str) -> None:
    for key in value:
        if key not in known:
            import difflib  # only where something is wrong: a kernel is to start fast

            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f'do you mean "{near[0]}"?' if near else f"known are {', '.join(known)}."
            raise RatesError(f'"{key}" is not known in {name}: {hint}')


def _money(value: object, name: str) -> float:
    try:
        money = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        money = math.nan
    if not math.isfinite(money):  # below zero there are real ones
        raise RatesError(f"{name} is {value!r}, not a number of money per kWh, such as 0.31.")
    return money


def _minutes(value: object, name: str) -> int:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", value) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
    if not 0 <= minutes <= _DAY:
        raise RatesError(f'{name} has the time {value!r}: write hours and minutes, "06:00" to "24:00".')
    return minutes


def _days(value: object, name: str) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    found: set[int] = set()
    for part in parts if isinstance(parts, list | tuple) else [value]:
        ends = [_day(day, name) for day in str(part).strip().lower().split("-")]
        if len(ends) > 2:
            raise RatesError(f'{name} has the days {part!r}: write "mon-fri", "sat,sun" or "mon".')
        found |= {day % 7 for day in range(ends[0], ends[-1] + (1 if ends[-1] >= ends[0] else 8))}
    return tuple(sorted(found))


def _day(word: str, name: str) -> int:
    if word[:3] not in DAYS:
        raise RatesError(f'{name} has the day {word!r}: write "mon-fri", "sat,sun" or "mon".')
    return DAYS.index(word[:3])


def _zone(name: object) -> tzinfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise RatesError(f'The time zone {name!r} is not known here: write an IANA name, "Europe/Berlin".') from None


def _covered(price: Price) -> None:
    """Where nothing is said for the rest, the bands must leave none."""
    if price.otherwise is not None:
        return
    for day in range(7):
        for minute in range(_DAY):
            if _holds(price, day, minute) is None:
                when = f"{DAYS[day].title()} {minute // 60:02d}:{minute % 60:02d}"
                raise RatesError(f'There is no price for {when}: add "otherwise", or an entry in "times".')


def _holds(price: Price, day: int, minute: int) -> float | None:
    """The price at a minute of a day of the week."""
    for band in price.bands:
        late = day in band.days and band.begin <= minute
        if band.end > band.begin:
            holds = late and minute < band.end
        else:  # over midnight: the days are those on which it begins
            holds = late or ((day - 1) % 7 in band.days and minute < band.end)
        if holds:
            return band.price
    return price.otherwise


def at(price: Price, time: float) -> float:
    """Money per kWh at a Unix time."""
    local = _local(price, time)
    found = _holds(price, local.weekday(), local.hour * 60 + local.minute)
    if found is None:  # ``parse`` lets no such price through
        raise RatesError("There is no price for this time.")
    return found


def mean(price: Price, start: float, end: float) -> tuple[float, int]:
    """Mean price over a window of Unix time, weighted by time, and how many prices held in it."""
    pieces = list(_pieces(price, start, end))
    total = sum(seconds for seconds, _ in pieces)
    if total <= 0:
        return at(price, start), 1
    return sum(seconds * money for seconds, money in pieces) / total, len({money for _, money in pieces})


def _pieces(price: Price, start: float, end: float) -> Iterator[tuple[float, float]]:
    """(seconds, price) of the stretches of a window in which one price holds."""
    if not price.bands:
        yield end - start, at(price, start)
        return
    time = start
    while time < end:
        until = min(end, _change(price, time))
        yield until - time, at(price, time)
        time = until


def _change(price: Price, time: float) -> float:
    """When the price can next be another one: at a band's edge, at midnight, or where the clock is set."""
    local = _local(price, time)
    now = local.hour * 60 + local.minute
    edges = [edge for band in price.bands for edge in (band.begin, band.end) if edge > now]
    whole = math.floor(time / 60) * 60.0
    until = whole + (min(edges, default=_DAY) - now) * 60
    if _local(price, until).utcoffset() == local.utcoffset():
        return until
    early, late = int(whole // 60), int(until // 60)  # clocks are set at a whole minute
    while late - early > 1:
        middle = (early + late) // 2
        same = _local(price, middle * 60).utcoffset() == local.utcoffset()
        early, late = (middle, late) if same else (early, middle)
    return late * 60.0


def _local(price: Price, time: float) -> datetime:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=time)
    return moment.astimezone(ZoneInfo(price.timezone) if price.timezone else None)
