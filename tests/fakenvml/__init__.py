"""A fake NVIDIA driver: libnvidia-ml.so.1 and libcuda.so.1 built from C, driven by a scenario file. See README.md."""

from __future__ import annotations

from .build import NotBuildable, build
from .driver import FakeDriver
from .profile import Timeline
from .scenario import Instance, Proc, Scenario, Xid
from .stats import Stats, read_stats

__all__ = [
    "FakeDriver",
    "Instance",
    "NotBuildable",
    "Proc",
    "Scenario",
    "Stats",
    "Timeline",
    "Xid",
    "build",
    "read_stats",
]
