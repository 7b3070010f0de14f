"""A root directory as the kernel would show it: RAPL zones, a cgroup v2 with limits, a block device, a network card."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

RAPL = "sys/class/powercap"
CGROUP = "sys/fs/cgroup"
UNLIMITED_UJ = 262_143_328_850


@dataclass
class FakeHost:
    """Writes under ``root``, for ``HostReader(root=fake.root)``. A method may be called again to change things."""

    root: Path
    slice: str = "user.slice/jupyter.service"

    def __post_init__(self) -> None:
        self.write("proc/self/cgroup", f"0::/{self.slice}\n")
        self.write(f"{CGROUP}/cgroup.controllers", "cpu memory\n")

    def write(self, path: str, text: object) -> Path:
        """One file under the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n" if not str(text).endswith("\n") else str(text))
        return file

    def rapl(self, package: float, dram: float | None = None, *, socket: int = 0, wrap: int = UNLIMITED_UJ) -> None:
        """The energy counters of one socket, in joules; they wrap at ``wrap`` microjoules."""
        self._zone(f"intel-rapl:{socket}", f"package-{socket}", package, wrap)
        if dram is not None:
            self._zone(f"intel-rapl:{socket}:0", "dram", dram, wrap)

    def _zone(self, zone: str, name: str, joules: float, wrap: int) -> None:
        self.write(f"{RAPL}/{zone}/name", name)
        self.write(f"{RAPL}/{zone}/energy_uj", round(joules * 1e6) % wrap)
        self.write(f"{RAPL}/{zone}/max_energy_range_uj", wrap)

    def forbid_rapl(self) -> None:
        """As since Linux 5.10: for root only. (Root itself, in a test, can still read: see ``os.geteuid``.)"""
        for file in (self.root / RAPL).rglob("energy_uj"):
            file.chmod(0)

    @property
    def can_forbid(self) -> bool:
        """Whether a file's mode keeps this process out."""
        return os.geteuid() != 0

    def cgroup(
        self, *, cpus: float | None = None, memory: int | None = None, used: int = 0, cpu_seconds: float = 0.0
    ) -> None:
        """The limits of the service and what it uses; None is no limit."""
        folder = f"{CGROUP}/{self.slice}"
        self.write(f"{folder}/cpu.max", f"{'max' if cpus is None else round(cpus * 100_000)} 100000")
        self.write(f"{folder}/cpu.stat", f"usage_usec {round(cpu_seconds * 1e6)}\nuser_usec 0\nsystem_usec 0\n")
        self.write(f"{folder}/memory.max", "max" if memory is None else memory)
        self.write(f"{folder}/memory.current", used)
        self.write(f"{folder}/memory.stat", "anon 0\nfile 0\ninactive_file 0\n")

    def disk(self, name: str = "nvme0n1") -> None:
        """A real disk."""
        (self.root / "sys/block" / name / "device").mkdir(parents=True, exist_ok=True)

    def card(self, name: str = "eth0") -> None:
        """A real network card."""
        (self.root / "sys/class/net" / name / "device").mkdir(parents=True, exist_ok=True)
