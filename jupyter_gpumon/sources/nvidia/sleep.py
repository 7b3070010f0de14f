"""Sleeping laptop GPUs: any question to the driver would wake them, so the kernel is asked instead."""

from __future__ import annotations

from pathlib import Path

_NVIDIA = "0x10de"
_DISPLAY = "0x03"


class Sleep:
    """Power management of PCI devices as sysfs tells it; ``root`` is the root of the file system."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._devices = root / "sys/bus/pci/devices"
        self._drowsy: dict[str, bool] = {}

    def asleep(self, pci: str | None) -> bool:
        """Whether the device at this address (``0000:01:00.0``) is suspended; False where that cannot be known."""
        return pci is not None and self._may_sleep(pci) and self._read(pci, "power/runtime_status") == "suspended"

    def sleepers(self) -> list[str]:
        """Addresses of all NVIDIA GPUs, if all of them are asleep; empty otherwise."""
        try:
            found = sorted(path.name for path in self._devices.iterdir() if self._is_gpu(path.name))
        except OSError:
            return []
        return found if all(self.asleep(pci) for pci in found) else []

    def _is_gpu(self, pci: str) -> bool:
        return self._read(pci, "vendor") == _NVIDIA and self._read(pci, "class").startswith(_DISPLAY)

    def _may_sleep(self, pci: str) -> bool:
        """Looked up once: a board whose power control is ``on`` never sleeps, and its status need not be read."""
        if pci not in self._drowsy:
            self._drowsy[pci] = self._read(pci, "power/control") == "auto"
        return self._drowsy[pci]

    def _read(self, pci: str, name: str) -> str:
        try:
            return (self._devices / pci / name).read_text().strip()
        except OSError:
            return ""
