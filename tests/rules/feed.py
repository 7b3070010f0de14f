"""Streams made by hand, for rules to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jupyter_gpumon.model import Device, Gpu, Hello, Sample, Status
from jupyter_gpumon.rules import Window

START = 1_795_302_000.0


def hello(gpus: int = 1, **device: object) -> Hello:
    """So many devices that answer."""
    devices = tuple(Device(uuid=f"GPU-{n}", index=n, name="Test", **device) for n in range(gpus))
    return Hello(devices=devices, status=Status(state="live"))


def sample(at: float, *gpus: dict[str, object], **more: object) -> Sample:
    """A sample with these values of GPU 0, 1, …"""
    rows = tuple(Gpu(uuid=f"GPU-{n}", **values) for n, values in enumerate(gpus))
    return Sample(time=START + at, mono=1000.0 + at, gpus=rows, **more)


def fed(
    window: Window, seconds: float, values: Callable[[float], dict[str, object]], step: float = 1.0
) -> Iterator[float]:
    """Feed one GPU's values of each moment, and give the moment."""
    at = 0.0
    while at <= seconds:
        window.push(sample(at, values(at)))
        yield at
        at += step
