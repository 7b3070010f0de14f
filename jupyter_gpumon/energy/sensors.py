"""What is known of each architecture's power sensor: how often it looks, over which time, and who says so.

Software alone cannot find all of this out on a board at rest. What a trial did find (``Device.sensor``) goes before
this table; what no source tells is None, and said to be unknown. Nothing in this table was measured by this project.
"""

from __future__ import annotations

from typing import NamedTuple

from ..model import Device, Sensor

SCALE = 0.05
"""Share by which all joules of one board may be too many or too few: the gain of its sensor."""
SCALE_SOURCE = "Yang, Adamek and Armour, SC24, arXiv 2312.02741, as quoted by others (second-hand)"
SCALE_CAVEAT = (
    "The scale is that of the board's own sensor, which no software can check: boards have been found up to "
    f"{SCALE * 100:g} % off. That is the same for every cell on one board, and cancels when cells on it are compared."
)
"""For reports; it is not part of any interval."""

DOCUMENTED, PUBLISHED, SECOND_HAND, UNKNOWN = "documented", "published", "second-hand", "unknown"
"""How sure a fact is: its maker says so, a paper measured it, somebody says a paper says so, nobody says."""
KINDS = ("instant", "average", "buffer", "counter")
"""What there are facts about: the two power readings, the driver's buffer of readings, and the energy counter."""

_NVML = "NVML documentation of nvmlDeviceGetPowerUsage"
_SC24 = "Yang et al., SC24"


class Fact(NamedTuple):
    """One kind of reading of one architecture. None is unknown."""

    update: float | None
    """Seconds between two updates."""
    window: float | None
    """Seconds over which a reading is averaged; they end at the update."""
    duty: float | None
    """Share of the time in which the sensor looks."""
    source: str
    certainty: str


_NOTHING = Fact(None, None, None, "no source for this architecture", UNKNOWN)
_WHOLE = Fact(0.1, 0.1, 1.0, f"{_SC24}: 100 ms in every 100 ms", SECOND_HAND)
_PART = Fact(0.1, 0.025, 0.25, f"{_SC24}: a quarter of the time; 25 ms in every 100 ms second-hand", PUBLISHED)
_SECOND = Fact(0.1, 1.0, 1.0, f"{_NVML}: mean of 1 s; {_SC24}: every 100 ms, second-hand", DOCUMENTED)
_SECOND_OF_PARTS = Fact(0.1, 1.0, 0.25, f"{_NVML}: mean of 1 s; {_SC24}: a quarter of the time", DOCUMENTED)
_SECOND_ONLY = Fact(None, 1.0, None, f"{_NVML}: mean of 1 s", DOCUMENTED)
_VOLTA = Fact(0.02, 0.01, 0.5, f"{_SC24}: 10 ms in every 20 ms", SECOND_HAND)
_SLOW = Fact(None, None, None, "Burtscher et al., GPGPU 2014: follows slowly, like a capacitor", PUBLISHED)
_COUNTER = Fact(
    0.1, None, None, "Zeus: about 100 ms, PETSc: 20 to 100 ms; what it adds up, no source tells", SECOND_HAND
)

_FACTS: dict[str, dict[str, Fact]] = {
    "kepler": {"instant": _SLOW},
    "maxwell": {"instant": _SLOW},
    "volta": {"instant": _VOLTA},
    "turing": {"instant": _WHOLE},
    "ampere 8.0": {"instant": _PART},
    "ampere": {"instant": _WHOLE, "average": _SECOND},
    "ada": {"instant": _WHOLE, "average": _SECOND},
    "hopper": {"instant": _PART, "average": _SECOND_OF_PARTS},
    "blackwell": {"average": _SECOND_ONLY},
    "rubin": {"average": _SECOND_ONLY},
}
"""By architecture as NVML names it, in small letters; with the compute capability where boards of one name differ:
GA100 (8.0) has no averaged reading, the other Amperes have."""
_WITHOUT_COUNTER = frozenset({"kepler", "maxwell", "pascal"})
"""The energy counter came with Volta (NVML documentation of nvmlDeviceGetTotalEnergyConsumption)."""


def counted(device: Device) -> bool:
    """Whether a board's energy is taken from its own counter: it has one, and no trial found it untrustworthy."""
    return "energy" not in device.absent and (device.sensor is None or device.sensor.method == "counter")


def known(device: Device, kind: str) -> Sensor:
    """What sources tell about this device's readings of one of ``KINDS``; None and "unknown" where they do not.

    The device's own trial is not looked at.
    """
    fact = _fact((device.architecture or "").casefold(), device.compute_capability, kind)
    provenance = f"{fact.source} ({fact.certainty})"
    if kind == "counter":
        method = "none" if fact is _NOTHING else kind
        return Sensor(method=method, period=fact.update, duty=fact.duty, provenance=provenance)
    method = "instant" if kind == "buffer" else kind
    return Sensor(method=method, update=fact.update, window=fact.window, duty=fact.duty, provenance=provenance)


def _fact(architecture: str, capability: str | None, kind: str) -> Fact:
    if kind == "counter":
        return _NOTHING if not architecture or architecture in _WITHOUT_COUNTER else _COUNTER
    facts = _FACTS.get(f"{architecture} {capability}") or _FACTS.get(architecture, {})
    return facts.get(kind, _NOTHING)
