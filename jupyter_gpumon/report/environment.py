"""What the numbers were made on, for whoever wants to make them again: boards, driver, software; nobody's identity."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import metadata

from ..model import Cell, Device, Hello
from ..units import quantity
from .tables import Row

PACKAGES = (
    "jupyter-gpumon", "numpy", "torch", "tensorflow", "jax", "cupy-cuda12x", "cupy-cuda13x", "lightning",
    "transformers", "accelerate", "vllm", "keras", "scikit-learn", "xgboost", "cudf-cu12", "nvidia-ml-py",
)  # fmt: skip
"""Whose versions bear on what a GPU takes."""


def of_stream(hello: Hello, devices: Sequence[Device], *, identify: bool = False) -> list[Row]:
    """What a stream says of its machine.

    Args:
        hello: the latest.
        devices: all that were seen.
        identify: with the host's name and the boards' UUIDs.
    """
    boards = Counter(_board(device) for device in devices if device.parent is None)
    said = [
        ("host", hello.hostname if identify else ""),
        ("GPUs", "; ".join(f"{count} × {board}" for board, count in boards.items())),
        ("MIG instances", str(sum(device.parent is not None for device in devices) or "")),
        ("driver", hello.driver or ""),
        ("CUDA", hello.cuda or ""),
        ("NVML", hello.nvml or ""),
        ("simulated", "yes" if hello.simulated else ""),
        ("recorded by", f"jupyter-gpumon {hello.software}" if hello.software else ""),
        ("interval", f"{hello.interval:g} s"),
    ]
    said += [(device.label, device.uuid) for device in devices] if identify else []
    return [row for row in said if row[1]]


def _board(device: Device) -> str:
    parts = [device.name, device.memory_total and quantity(device.memory_total, "bytes")]
    parts += [device.power_limit_default and f"limit {quantity(device.power_limit_default, 'watts')}"]
    return ", ".join(str(part) for part in parts if part)


def boards_of(cells: Iterable[Cell]) -> list[Row]:
    """The boards that records name."""
    boards = {(device.name, device.model) for cell in cells for device in cell.devices}
    models = Counter(model for _, model in sorted(boards))
    return [("GPUs", "; ".join(f"{count} × {model}" for model, count in models.items()))] if models else []


def of_process() -> list[Row]:
    """Python and the packages of this very process."""
    found = [(name, version) for name in PACKAGES if (version := _version(name))]
    system = f"{platform.system()} {platform.machine()}"
    return [("Python", f"{platform.python_version()} ({sys.implementation.name}, {system})"), *found]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
