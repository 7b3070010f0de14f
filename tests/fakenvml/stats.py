"""What was asked of the fake driver: calls and seconds per function, over all processes that run on it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

SLOT = struct.Struct("64s4Q")  # name, calls, nanoseconds, nominal nanoseconds, state: struct slot of src/call.c
SLOTS = 512


@dataclass(frozen=True)
class Stats:
    """Counts since the driver was written; the difference of two is what happened between them."""

    calls: dict[str, int] = field(default_factory=dict)
    """Calls per NVML (and cu…) function."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds spent inside each function, as measured."""
    nominal: dict[str, float] = field(default_factory=dict)
    """Seconds each function was told to take: latencies without what a busy machine adds."""
    fields: dict[int, int] = field(default_factory=dict)
    """How often each field id was asked for."""

    @property
    def total_calls(self) -> int:
        """NVML calls of all functions."""
        return sum(self.calls.values())

    def __sub__(self, other: Stats) -> Stats:
        return Stats(
            _less(self.calls, other.calls),
            _less(self.seconds, other.seconds),
            _less(self.nominal, other.nominal),
            _less(self.fields, other.fields),
        )


def _less(ours: dict, theirs: dict) -> dict:
    return {key: value - theirs.get(key, 0) for key, value in ours.items() if value != theirs.get(key, 0)}


def read_stats(path: Path) -> Stats:
    """The counters as they are now; all empty where nothing has loaded the driver yet."""
    stats = Stats()
    content = path.read_bytes() if path.exists() else b""
    for at in range(0, len(content) - SLOT.size + 1, SLOT.size):
        raw, calls, nanoseconds, nominal, state = SLOT.unpack_from(content, at)
        name = raw.rstrip(b"\0").decode()
        if state != 2:
            break
        if name.startswith("field:"):
            stats.fields[int(name[6:])] = calls
        else:
            stats.calls[name] = calls
            stats.seconds[name] = nanoseconds * 1e-9
            stats.nominal[name] = nominal * 1e-9
    return stats
