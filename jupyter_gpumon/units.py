"""Numbers as a person reads them: ``4.13 kJ``, ``118.2 GB``, ``94 %``, ``12.4 s``; and "—" for what is not known."""

from __future__ import annotations

import math

ENERGY_UNITS = {"J": 1.0, "kJ": 1e3, "Wh": 3600.0, "kWh": 3.6e6}
"""Unit a user may choose for energies → joules in one of it."""

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"))
_SYMBOLS = {"watts": "W", "joules": "J", "bytes": "B", "hertz": "Hz", "seconds": "s", "celsius": "°C", "count": ""}


def _digits(value: float) -> str:
    """Three significant digits without an exponent."""
    size = abs(value)
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else f"{value:.0f}"


def quantity(value: float | None, unit: str, *, rate: bool = False) -> str:
    """A value in base units with its unit and SI prefix.

    Args:
        value: in base units; None is shown as an em dash.
        unit: a unit of the metric catalogue (``watts``, ``bytes``, ``ratio``, …).
        rate: the value is per second (``12.3 MB/s``).
    """
    if value is None:
        return "—"
    if unit == "ratio":
        return f"{value * 100:.0f} %"
    if unit == "celsius":
        return f"{value:.0f} °C"
    if unit == "count":
        return f"{value:g}"
    return _scaled(value, _SYMBOLS.get(unit, unit)) + ("/s" if rate else "")


def _scaled(value: float, symbol: str) -> str:
    if symbol == "s":
        return duration(value)
    if value == 0:
        return f"0 {symbol}"
    lowest = 1.0 if symbol == "B" else 1e-3
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor * 0.9995 or factor == lowest:
            return f"{_digits(value / factor)} {prefix}{symbol}"
    return f"{_digits(value)} {symbol}"


def joules(value: float | None, unit: str = "auto") -> str:
    """An energy in the unit the user chose: ``4130 J``, ``4.13 kJ``, ``1.15 Wh``, ``0.00115 kWh``.

    Args:
        value: in joules; None is shown as an em dash.
        unit: one of ``ENERGY_UNITS``, or ``auto``: joules with the SI prefix that fits.
    """
    if value is None or unit not in ENERGY_UNITS:
        return quantity(value, "joules")
    return f"{_significant(value / ENERGY_UNITS[unit])} {unit}"


def _significant(value: float) -> str:
    """Three significant digits at least, without an exponent; integers whole."""
    if value == 0:
        return "0"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def duration(seconds: float) -> str:
    """``35 ms``, ``12.4 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{_digits(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
