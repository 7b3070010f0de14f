"""Which devices a server's configuration and environment allow its user to see, named as CUDA names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from ..model import Device

AMBIGUOUS = (
    "CUDA_VISIBLE_DEVICES counts GPUs in CUDA's own order, fastest first, and the GPUs of this machine are of "
    "different models: which of them it means cannot be told, so none of them is shown."
)
UNAMBIGUOUS = "Name them by UUID (nvidia-smi -L lists them), or set CUDA_DEVICE_ORDER=PCI_BUS_ID."


class Allowed(Struct, frozen=True, kw_only=True):
    """One restriction.

    An entry is an index (with the board come its MIG instances), ``0:1`` or ``gpu0:1``, a UUID or its beginning,
    ``MIG-<uuid>`` or ``MIG-GPU-<uuid>/<gi>/<ci>``. As in CUDA, an entry that names nothing ends the list.
    """

    entries: tuple[str, ...]
    fastest_first: bool = False
    """Indices count in CUDA's own order, not by PCI bus as those of the driver do."""

    def choose(self, devices: Sequence[Device]) -> tuple[Device, ...]:
        """The devices that it names, in their own order."""
        uuids: set[str] = set()
        unclear = self.ambiguous(devices)
        for entry in map(str.strip, self.entries):
            found = (
                [] if unclear and entry.isdecimal() else [device.uuid for device in devices if _matches(device, entry)]
            )
            if not found:
                break
            uuids.update(found)
        return tuple(device for device in devices if device.uuid in uuids)

    def ambiguous(self, devices: Sequence[Device]) -> bool:
        """Whether some index may mean this board or that: they differ, count by speed, and not all are allowed."""
        boards = {device.index for device in devices if device.parent is None}
        models = {device.name for device in devices if device.parent is None}
        named = {int(entry) for entry in map(str.strip, self.entries) if entry.isdecimal()}
        return self.fastest_first and len(models) > 1 and bool(named) and not boards <= named


def _matches(device: Device, entry: str) -> bool:
    numbered = re.fullmatch(r"(?:gpu)?(\d+)(?::(\d+))?", entry)
    if numbered:
        index, instance = numbered.groups()
        return device.index == int(index) and instance in (None, str(device.instance))
    old = re.fullmatch(r"MIG-(GPU-[^/]+)/(\d+)/(\d+)", entry)
    if old:
        uuid, *instances = old.groups()
        return device.parent == uuid and [str(device.gpu_instance), str(device.compute_instance)] == instances
    return entry.startswith(("GPU-", "MIG-", "SIM-")) and (device.uuid.startswith(entry) or device.parent == entry)


def by_cuda(environ: Mapping[str, str]) -> list[Allowed]:
    """What ``CUDA_VISIBLE_DEVICES`` restricts this server to; nothing where it is not set."""
    value = environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return []
    entries = tuple(entry for entry in (part.strip() for part in value.split(",")) if entry)
    return [Allowed(entries=entries, fastest_first=environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID")]
