"""Which devices are meant where a person names some."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .errors import DeviceError
from .model import Device


def choose(devices: Sequence[Device], wanted: Collection[str] | None) -> list[Device]:
    """The devices by these names (``0``, ``gpu0``, ``0:1`` for a MIG instance, a UUID); None is all of them.

    Raises:
        DeviceError: there is no device of such a name.
    """
    if wanted is None:
        return list(devices)
    by_name = {name: device for device in devices for name in (device.label, device.label[3:], device.uuid)}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        there = ", ".join(device.label for device in devices) or "none"
        raise DeviceError(f"There is no GPU called {', '.join(missing)}. There are: {there}.")
    return list({by_name[name].uuid: by_name[name] for name in wanted}.values())
