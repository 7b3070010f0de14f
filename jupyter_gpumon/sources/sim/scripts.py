"""What the simulated GPUs are doing: one function of time per script."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

MB = 1e6


class Load(NamedTuple):
    """What runs on one GPU at one moment."""

    busy: float = 0.0
    """Share of the time in which kernels run, 0 to 1; above 1 is more than the power limit allows."""
    memory: float = 0.0
    """Share of the device memory that processes hold."""
    pcie: float = 10 * MB
    """Bytes per second received over PCIe; a third of it is sent."""
    nvlink: float = 0.0
    """Bytes per second over all NVLinks, each way."""


def idle(_: float, __: int) -> Load:
    """Nobody is there."""
    return Load()


def training(t: float, index: int) -> Load:
    """Steps of 1.2 s with an all-reduce at their end, a checkpoint every minute."""
    if t < 3:
        return Load(0.02, 0.24 * t / 3, 2000 * MB)
    if t % 60 > 56:
        return Load(0.06, 0.72, 40 * MB)
    reducing = (t + 0.01 * index) % 1.2 > 1.0
    return Load(0.55, 0.72, 300 * MB, 180e9) if reducing else Load(0.97, 0.72, 500 * MB, 8e9)


def inference(t: float, index: int) -> Load:
    """Requests that come in waves and in bursts."""
    wave = 0.45 + 0.25 * math.sin(t / 23 + index) + 0.15 * math.sin(t / 3.1 + 2 * index)
    burst = 0.35 if (t * 0.37 + index * 0.3) % 1 < 0.12 else 0.0
    return Load(min(1.0, max(0.03, wave) + burst), 0.58, 150 * MB * (wave + burst))


def leak(t: float, index: int) -> Load:
    """Training whose memory grows by 0.6 % a second until it does not fit, and which starts again."""
    since = (t + 7 * index) % 150
    return Load(0.9, min(0.985, 0.12 + 0.006 * since), 400 * MB) if since < 145 else Load()


def input_bound(t: float, index: int) -> Load:
    """A quarter of the time computing, three quarters waiting for the next batch."""
    waiting = (t + 0.13 * index) % 1.7 >= 0.43  # no multiple of a second, at which it is looked
    return Load(0.0 if waiting else 0.95, 0.35, 3000 * MB)


def throttle(t: float, _: int) -> Load:
    """More than the power limit and the cooling allow."""
    return Load(1.15 if t >= 2 else 0.0, 0.66, 600 * MB, 20e9)


SCRIPTS_OF_TIME: dict[str, Callable[[float, int], Load]] = {
    "idle": idle,
    "training": training,
    "inference": inference,
    "leak": leak,
    "input-bound": input_bound,
    "throttle": throttle,
    "ecc": training,
    "lost": training,
    "mig": inference,
}

SCRIPTS: tuple[str, ...] = (*SCRIPTS_OF_TIME, "notebook")
"""Names of all scripts. ``notebook`` follows what the kernels of this Jupyter server really do."""
