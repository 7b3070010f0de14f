"""Energy of CPU packages and host memory by RAPL, from sysfs: counters in joules that only grow.

Package and DRAM zones only: ``psys`` contains the packages, ``core`` and ``uncore`` are contained in them. A zone that
is shown twice (MSR and MMIO, or dies that mirror one counter) counts once.
"""

from __future__ import annotations

import os
from pathlib import Path

NONE_HERE = "unsupported: this machine shows no RAPL counters (virtual machines and containers usually show none)"
NO_RIGHT = (
    "permission: RAPL counters can be read by root only. An administrator can open them with: "
    "chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj "
    "(fine power readings can leak secrets to other users, CVE-2020-8694)"
)
NO_DRAM = "unsupported: this CPU counts no DRAM energy"
FAILED = "error: the RAPL counter stopped answering"


class Zone:
    """One counter on a kept file descriptor."""

    def __init__(self, folder: Path) -> None:
        self.name = (folder / "name").read_text().strip()
        self.range = _number(folder / "max_energy_range_uj")
        self._fd = os.open(folder / "energy_uj", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._last = self._total = self.raw()

    def raw(self) -> int:
        """Microjoules as the counter shows them."""
        return int(os.pread(self._fd, 32, 0))

    def joules(self) -> float:
        """Energy so far, wraps counted in."""
        raw = self.raw()
        grown = raw - self._last
        if grown < 0:  # wrapped; where its range is not known it was reset, and what it has now is all we know
            grown = grown + self.range if self.range else raw
        self._last = raw
        self._total += grown
        return self._total * 1e-6

    def mirrors(self, other: Zone) -> bool:
        """Whether both show one counter: two different ones are never the same to the microjoule."""
        low, mine, high = other.raw(), self.raw(), other.raw()
        return low <= mine <= high and mine > 0

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


class Rapl:
    """All zones of this machine that can be read."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.packages: list[Zone] = []
        self.drams: list[Zone] = []
        self.absent: dict[str, str] = {}
        self._denied = False
        for folder in _folders(root / "sys/class/powercap"):
            self._add(folder)
        if not self.packages:
            reason = NO_RIGHT if self._denied else NONE_HERE
            self.absent = {"cpu_energy": reason, "dram_energy": reason}
        elif not self.drams:
            self.absent = {"dram_energy": NO_DRAM}

    def read(self) -> tuple[float | None, float | None]:
        """Joules of all packages and of all memory; None where there is no counter."""
        return self._sum("cpu_energy", self.packages), self._sum("dram_energy", self.drams)

    def close(self) -> None:
        """Let go of the files."""
        for zone in (*self.packages, *self.drams):
            zone.close()
        self.packages, self.drams = [], []

    def _sum(self, metric: str, zones: list[Zone]) -> float | None:
        if not zones:
            return None
        try:
            total = sum(zone.joules() for zone in zones)
        except (OSError, ValueError):
            self.absent[metric] = FAILED
            return None
        self.absent.pop(metric, None)
        return total

    def _add(self, folder: Path) -> None:
        try:
            name = (folder / "name").read_text().strip()
            kept = self.packages if name.startswith("package") else self.drams if name.startswith("dram") else None
            if kept is None:
                return
            zone = Zone(folder)
        except PermissionError:
            self._denied = True
            return
        except (OSError, ValueError):  # a zone that is shown but does not count
            return
        if any(zone.mirrors(other) for other in kept):
            zone.close()
        else:
            kept.append(zone)


def _folders(powercap: Path) -> list[Path]:
    """Zones by MSR; those by MMIO show the same packages again and serve only where there are no others."""
    if not hasattr(os, "pread"):  # Windows
        return []
    msr = sorted(powercap.glob("intel-rapl:*"))
    return msr or sorted(powercap.glob("intel-rapl-mmio:*"))


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
