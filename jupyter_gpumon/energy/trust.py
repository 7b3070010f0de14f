"""What is said of a board's sensors: one sentence for the user, and one for all boards of which the same is true."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Device, Sensor
from ..units import duration

LATE = 0.001
"""Seconds from which a delay, and updates that come early or late, are worth a word."""


def sentence(sensor: Sensor | None) -> str:
    """``counter, 100 ms, agrees with power within 0.4 %``; with the reason where it is not what one would expect."""
    if sensor is None:
        return "not known how energy is measured"
    words = list(_counter(sensor) if sensor.method == "counter" else _power(sensor))
    if sensor.provenance == "simulated":
        words.append("simulated")
    elif sensor.checked is None and sensor.method != "none":
        words.append("not tried yet")
    return ", ".join(words) + (f" ({sensor.reason})" if sensor.reason else "")


def _counter(sensor: Sensor) -> Iterable[str]:
    yield "counter"
    if sensor.period is not None:
        yield duration(sensor.period)
    if sensor.jitter is not None and sensor.jitter >= LATE:
        yield f"±{duration(sensor.jitter)}"
    if sensor.delay is not None and sensor.delay >= LATE:
        yield f"{duration(sensor.delay)} late"
    if sensor.agreement is not None and sensor.provenance != "simulated":
        yield f"agrees with power within {_percent(sensor.agreement - 1)}"


def _power(sensor: Sensor) -> Iterable[str]:
    if sensor.method == "none":
        yield "none"
        return
    yield "power readings"
    if sensor.update is not None:
        yield f"every {duration(sensor.update)}"
    if sensor.method == "average" and sensor.window is not None:
        yield f"each the mean of {duration(sensor.window)}"
    if sensor.duty is not None and sensor.duty < 1:
        yield f"looks {sensor.duty * 100:.0f} % of the time"


def _percent(share: float) -> str:
    return f"{max(0.1, abs(share) * 100):.2g} %"


def sentences(devices: Iterable[Device]) -> list[str]:
    """``gpu0, gpu1: counter, …`` for the boards that answer; the same is said once."""
    said: dict[str, list[str]] = {}
    for device in devices:
        if device.state == "ok" and device.parent is None and device.sensor is not None:
            said.setdefault(sentence(device.sensor), []).append(device.label)
    return [f"{', '.join(labels)}: {words}" for words, labels in said.items()]
