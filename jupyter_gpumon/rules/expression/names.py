"""The names an expression may use, and the functions and units."""

from __future__ import annotations

import difflib

from ...metrics import HOST_METRICS, METRICS, Metric

CONSTANTS = {
    "temperature_slowdown": "celsius",
    "temperature_shutdown": "celsius",
    "temperature_memory_max": "celsius",
    "power_limit_min": "watts",
    "power_limit_max": "watts",
    "power_limit_default": "watts",
    "clock_sm_max": "hertz",
    "clock_memory_max": "hertz",
    "pcie_gen_max": "count",
    "pcie_width_max": "count",
    "nvlinks": "count",
}
"""What a device is known for, and its unit."""

COUNTED = {"processes": "count", "missed": "ratio"}
"""What a look at everything tells: processes that hold the device, and the share of samples that were left out."""

OVER = ("mean", "max", "min", "rate", "delta")
"""Functions over a time."""

ACROSS = ("fleet_mean", "fleet_max", "fleet_min")
"""Functions across all devices."""

FIRST = "first"
"""``first(a, b)``: a, or b where a is not known."""

UNITS = {
    "%": (0.01, "ratio"),
    "W": (1.0, "watts"), "kW": (1e3, "watts"), "mW": (1e-3, "watts"),
    "J": (1.0, "joules"), "kJ": (1e3, "joules"), "MJ": (1e6, "joules"),
    "Wh": (3600.0, "joules"), "kWh": (3.6e6, "joules"),
    "C": (1.0, "celsius"), "°C": (1.0, "celsius"),
    "Hz": (1.0, "hertz"), "MHz": (1e6, "hertz"), "GHz": (1e9, "hertz"),
    "B": (1.0, "bytes"), "kB": (1e3, "bytes"), "MB": (1e6, "bytes"), "GB": (1e9, "bytes"), "TB": (1e12, "bytes"),
    "KiB": (2.0**10, "bytes"), "MiB": (2.0**20, "bytes"), "GiB": (2.0**30, "bytes"), "TiB": (2.0**40, "bytes"),
    "ms": (1e-3, "seconds"), "s": (1.0, "seconds"), "min": (60.0, "seconds"), "m": (60.0, "seconds"),
    "h": (3600.0, "seconds"), "d": (86_400.0, "seconds"),
}  # fmt: skip
"""A unit after a number → factor to base units, and what it is a unit of."""

SETS = tuple(name for name, metric in METRICS.items() if metric.kind == "set")
_NUMBERS = {name: metric for name, metric in METRICS.items() if metric.kind in ("gauge", "counter")}
_HOST = {f"host.{name}": metric for name, metric in HOST_METRICS.items() if metric.kind in ("gauge", "counter")}


def metric(name: str) -> Metric | None:
    """The catalogue's line for a name; None for a constant, a count, and what there is not."""
    return _NUMBERS.get(name) or _HOST.get(name)


def unit(name: str) -> str:
    """Unit of a name that is known."""
    found = metric(name)
    return found.unit if found else CONSTANTS.get(name) or COUNTED[name]


def known(name: str) -> bool:
    """Whether a name stands for a number."""
    return name in _NUMBERS or name in _HOST or name in CONSTANTS or name in COUNTED


def nearest(name: str) -> str:
    """What may have been meant, as the end of a sentence; empty where nothing is near."""
    every = (*_NUMBERS, *_HOST, *CONSTANTS, *COUNTED, *OVER, *ACROSS, FIRST, *SETS)
    found = difflib.get_close_matches(name.lower(), every, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else "; the names are those of docs/metrics.md"
