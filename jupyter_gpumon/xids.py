"""XIDs, the driver's own error codes: what each is called, how grave it is, and what to do about it.

The codes and what follows from them are those of NVIDIA's catalogue (docs.nvidia.com/deploy/xid-errors), the words are
ours. Codes that only follow from another (43, 45) or only say what was done (63) alarm nobody by themselves.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from msgspec import Struct

_FILE = Path(__file__).with_name("xids.json")
CATALOGUE = "https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html"
DEVASTATING = frozenset({48, 74, 79, 95, 119, 120, 140})
"""After these a GPU has failed, whatever else is known of it; as DCGM has it."""

STEPS: dict[str, tuple[str, ...]] = {
    "nothing": ("Nothing by itself; if it comes again and again, tell who runs this machine.",),
    "follow": ("It follows from an error that came before it: look at that one.",),
    "watch": ("Watch whether it comes more often; if so, tell who runs this machine.",),
    "program": (
        "Restart the kernel: its work on this GPU is lost.",
        "If it comes again, look for illegal memory accesses in the program: compute-sanitizer python script.py",
        "If it comes with other programs too, the board is to be checked.",
    ),
    "program-reset": (
        "Restart the kernels that use this GPU.",
        "If it stays, the GPU needs a reset: stop every program on it, then, as administrator, nvidia-smi -r.",
    ),
    "reset": (
        "Stop every program on this GPU: none can be trusted any more.",
        "Reset it, as administrator: nvidia-smi -r -i INDEX",
        "If it comes again after the reset, take the board out of use and tell its vendor.",
    ),
    "memory": (
        "What was computed on this GPU since may be wrong: repeat it.",
        "Stop every program on it and have it reset (nvidia-smi -r).",
        "XIDs 63, 64, 94 and 95 beside it tell whether the memory could be repaired.",
    ),
    "remap": ("It was repaired; the spare row is in use after the next reset of the GPU.",),
    "link": (
        "Look at the GPU on the other end of the link, too: gpumon links",
        "Stop what uses both and have the GPUs reset.",
        "If it comes again, bridge, baseboard or switch are to be checked.",
    ),
    "cable": ("Shut the machine down and look at the power cables of the board.",),
    "update": ("Update the driver, and the software of the virtual machine's host.",),
    "reboot": (
        "The GPU is gone until the machine is restarted, better switched off and on again.",
        "If it comes again: seat, riser, power supply and heat of the board are to be checked.",
    ),
    "vm": ("Restart the virtual machine.",),
    "recovery": ("The driver says what it needs: see the recovery action of this GPU (gpumon health).",),
    "unknown": (f"Look it up: {CATALOGUE}", "Tell who runs this machine if it comes again."),
    "report": ("Note what ran, and tell who runs this machine if it comes again.",),
}
"""What is to be done → in words, the most useful first."""


class Xid(Struct, frozen=True):
    """One code."""

    code: int
    name: str
    """A few words."""
    level: str
    """``critical``: the GPU cannot be used until something was done; ``warning``: a program was hit; ``info``."""
    remedy: str = "report"
    """A key of ``STEPS``."""

    @property
    def title(self) -> str:
        """``XID 79: GPU has fallen off the bus``."""
        return f"XID {self.code}: {self.name}" if self.name else f"XID {self.code}"

    @property
    def steps(self) -> tuple[str, ...]:
        """What to do."""
        return STEPS[self.remedy]

    @property
    def alarms(self) -> bool:
        """Whether somebody has to know: not where it only follows from another, or needs nothing done."""
        return self.level != "info" or self.remedy == "recovery"


@cache
def table() -> dict[int, Xid]:
    """Every code that is known."""
    found: dict[str, list[str]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return {int(code): Xid(int(code), *said) for code, said in found.items()}


def of(code: int) -> Xid:
    """The code; one that is not known is a warning without a name, and a link to look it up."""
    return table().get(code) or Xid(code, "", "warning", "unknown")


def of_level(level: str) -> frozenset[int]:
    """The codes of a level."""
    return frozenset(code for code, xid in table().items() if xid.level == level)
