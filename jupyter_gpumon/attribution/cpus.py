"""What a CPU draws by its model, for machines whose RAPL counters cannot be read: an estimate, to within a half.

Watts per hardware thread are the maker's thermal design power over the socket's threads, so that they hold for the part
of a socket that a virtual machine has. Models that are not listed are taken to draw the median of those that are.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_MODELS = (
    (r"EPYC 9654", 360, 192),
    (r"EPYC 9554", 360, 128),
    (r"EPYC 7763", 280, 128),
    (r"EPYC 7742", 225, 128),
    (r"EPYC 7713", 225, 128),
    (r"EPYC 7543", 225, 64),
    (r"Platinum 8480", 350, 112),
    (r"Platinum 8468", 350, 96),
    (r"Platinum 8462Y", 300, 64),
    (r"Platinum 8358", 250, 64),
    (r"Gold 6338", 205, 64),
    (r"Gold 6330", 205, 56),
    (r"Gold 6248", 150, 40),
    (r"Ryzen 9 7950X", 170, 32),
    (r"Ryzen 9 5950X", 105, 32),
    (r"i9-1[34]900K", 125, 32),
)
"""Pattern of the model's name, thermal design power in watts, threads; from the makers' data sheets."""

USUAL = 3.3
"""Watts per thread where the model is not listed: the median of the list."""
IDLE = 0.3
"""Share of the design power that a package draws without work; servers measure 0.2 to 0.4."""
DRAM = 0.375
"""Watts per gigabyte of memory (energy.md §3.5)."""
DOUBT = 0.5
"""Share by which any of this may be off."""


@cache
def watts_per_thread(model: str) -> float:
    """Watts that a busy hardware thread of this CPU adds to the idle power of its package."""
    found = next((watts / threads for name, watts, threads in _MODELS if re.search(name, model)), USUAL)
    return (1 - IDLE) * found


def model_name(root: Path = Path("/")) -> str:
    """The CPU's name by the system; empty where it does not say."""
    try:
        text = (root / "proc/cpuinfo").read_text()
    except OSError:
        return ""
    found = re.search(r"^model name\s*: (.*)$", text, re.M)
    return found[1] if found else ""
