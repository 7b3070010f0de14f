"""A JupyterLab whose GPUs are a fake driver's and whose clock can be set, with what its log says."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from pathlib import Path
from unittest.mock import patch

from tests.fakenvml import FakeDriver, Scenario
from tests.fakenvml.build import build, compiler

from .lab import Lab

BUSY = ("No samples for", "The sampler cannot keep up")
"""What the log says of a machine whose processors are taken by others."""
SHIFTER = Path(__file__).with_name("clockshift.c")


class FaultyLab(Lab):
    """A server on a fake driver. Faults are made from outside it, while it runs; it is never restarted."""

    def __init__(self, home: Path, **scenario: object) -> None:
        super().__init__(home, "auto")
        self.driver = FakeDriver(home / "driver", Scenario(**scenario))
        self._shifts, self._library = home / "shifts", home / "clockshift.so"
        self._shifts.write_bytes(struct.pack("dd", 0.0, 0.0))
        subprocess.run([compiler(), "-shared", "-fPIC", "-O2", "-o", self._library, SHIFTER], check=True)
        self._read = 0

    def start(self) -> None:
        """Start it on its driver and with its clock."""
        clock = {"LD_PRELOAD": str(self._library), "CLOCKSHIFT": str(self._shifts)}
        with patch.dict(os.environ, self.driver.variables | clock):
            super().start()

    def install(self) -> None:
        """Put the library where there was none."""
        missing = self.driver.library / "libnvidia-ml.so.1"
        if not missing.is_symlink():
            missing.unlink()
            missing.symlink_to(build() / missing.name)

    @property
    def agent(self) -> int:
        """The agent's process id."""
        return int(self.api("gpumon/api/sampler")["agent"])

    def set_clock(self, seconds: float) -> None:
        """Set the time of day forward, or back."""
        self._shift(seconds, 0.0)

    def suspend(self, seconds: float) -> None:
        """What the processes of a machine see that slept this long: both other clocks went on, the monotonic stood."""
        self._shift(seconds, seconds)

    def _shift(self, real: float, boot: float) -> None:
        with self._shifts.open("r+b") as file:  # Truncating it would pull it from under those who have it mapped.
            shifts = struct.unpack("dd", file.read())
            file.seek(0)
            file.write(struct.pack("dd", shifts[0] + real, shifts[1] + boot))

    def print_from_the_agent(self, text: str) -> None:
        """Put something into the pipe that is the agent's standard output."""
        Path(f"/proc/{self.agent}/fd/1").write_text(text)

    def listen(self) -> None:
        """``warnings`` begins here."""
        self._read = (self.home / "server.log").stat().st_size

    def log(self) -> list[str]:
        """The log's lines since ``listen``."""
        with (self.home / "server.log").open("rb") as file:
            file.seek(self._read)
            return file.read().decode(errors="replace").splitlines()

    def warnings(self) -> list[str]:
        """What the log has said of GPUs since ``listen``, without the time; nothing of how busy this machine is."""
        found = [re.fullmatch(r"\[[WE] \S+ \S+ \S+\] (.*)", line) for line in self.log()]
        return [line[1] for line in found if line and not line[1].startswith(BUSY)]
