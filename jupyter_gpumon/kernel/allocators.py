"""Which frameworks are loaded, and what PyTorch's caching allocator says of each device. Nothing is imported."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from ..model import Device
from ..rules.advice import Allocator

_FRAMEWORKS = ("torch", "tensorflow", "jax", "cupy", "numpy")


def frameworks() -> tuple[str, ...]:
    """Those that this kernel has loaded."""
    return tuple(name for name in _FRAMEWORKS if name in sys.modules)


def allocators(devices: Iterable[Device]) -> dict[str, Allocator]:
    """By the device's name (``gpu0``)."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return {}
    known = list(devices)
    every = ((_label(cuda, index, known), cuda.memory_stats(index)) for index in range(cuda.device_count()))
    return {label: _read(stats) for label, stats in every if label and stats.get("reserved_bytes.all.current")}


def _label(cuda: Any, index: int, devices: list[Device]) -> str:
    """The device that torch counts so: by its UUID, which newer versions tell, else by its place."""
    uuid = str(getattr(cuda.get_device_properties(index), "uuid", ""))
    found = next((device for device in devices if uuid and device.uuid in (uuid, f"GPU-{uuid}", f"MIG-{uuid}")), None)
    if found is None and not uuid:
        found = next((device for device in devices if device.index == index and device.parent is None), None)
    return found.label if found else ""


def _read(stats: dict[str, Any]) -> Allocator:
    return Allocator(
        allocated=float(stats.get("allocated_bytes.all.current", 0)),
        reserved=float(stats["reserved_bytes.all.current"]),
        split=float(stats.get("inactive_split_bytes.all.current", 0)),
        peak=float(stats.get("allocated_bytes.all.peak", 0)),
        retries=int(stats.get("num_alloc_retries", 0)),
    )
