"""What a kilowatt-hour means at a place: grams of CO₂-equivalents, money, and the building's share on top.

The server knows it from its configuration and tells it in its ``Hello``, so that sidebar and notebook agree.
"""

from __future__ import annotations

from msgspec import Struct

JOULES = 3.6e6
"""Joules in a kilowatt-hour."""


class Band(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price that holds at some times of the week, local time."""

    price: float
    """Money per kWh."""
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """Days on which it begins; Monday is 0."""
    begin: int = 0
    end: int = 1440
    """Minutes after midnight; an end that is not after the beginning is on the next day."""


class Price(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What electricity costs."""

    currency: str
    """``EUR``, or any other name of money."""
    otherwise: float | None = None
    """Money per kWh whenever no band holds; None where the bands leave no time over."""
    bands: tuple[Band, ...] = ()
    """The first that holds counts."""
    timezone: str = ""
    """IANA name of the zone of the bands' times; empty is this machine's."""


class Hour(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A live carbon intensity and when its hour began (Unix time)."""

    time: float
    grams: float
    estimated: bool = False
    """The service says that it is a model's value, not a measured one."""


class Rates(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How energy becomes carbon and cost. An empty one says that both are off."""

    region: str = ""
    """What was asked for: a country (``DE``, ``DEU``), ``WORLD``, or a zone of it (``US-CAL-CISO``)."""
    place: str = ""
    """What ``intensity`` is the mean of: ``DE`` also where the region is a zone of it."""
    intensity: float | None = None
    """Grams of CO₂-equivalents per kWh, mean of ``year``."""
    year: int | None = None
    source: str = ""
    """Who says so, in a few words."""
    terms: str = ""
    """The same in full: source, licence, what is counted."""
    hours: tuple[Hour, ...] = ()
    """Live intensities, oldest first, where the server has a token for them; they go before ``intensity``."""
    live_source: str = ""
    live_terms: str = ""
    trouble: str = ""
    """Why there is no live intensity although there ought to be one."""
    pue: float = 1.0
    """Power usage effectiveness: energy of the building over energy of the computers in it."""
    price: Price | None = None
    problem: str = ""
    """What is wrong with the settings, for the user; what is wrong has no effect."""
