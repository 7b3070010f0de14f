"""One simulated board: power follows the load, temperature follows power, and energy is the integral of power."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .scripts import Load

GIB = 2.0**30
MOST_STEPS = 4000
"""Steps made after a long pause (a suspended laptop); they become longer rather than more."""


NVLINK5 = ("nvlink_errors", "nvlink_recovery_failures", "nvlink_ber")
"""What only the links of Blackwell and later count."""

RETIRED = ("retired_pages", "retired_pending", "retired_double_bit", "retired_double_bit_week")
"""What boards tell that retire pages; since Ampere they remap rows."""


@dataclass(frozen=True)
class Model:
    """What is the same for all boards of one kind."""

    name: str
    architecture: str
    compute_capability: str
    cores: int
    memory: float
    power_idle: float
    power_limit: float
    power_limit_min: float
    clock_sm: float
    clock_memory: float
    pcie_gen: int
    nvlinks: int = 0
    slowdown: float = 87.0
    resistance: float = 0.066
    """Degrees per watt between the board and its air."""
    absent: tuple[str, ...] = ("fan", *RETIRED, "vgpu_licensed", *NVLINK5)


_NO_NVLINK = tuple(f"nvlink_{what}" for what in ("tx", "rx", "active", "crc_errors", "replays", "recoveries"))
_NO_GPM = (
    "sm_activity",
    "sm_occupancy",
    "tensor_activity",
    "dram_activity",
    "fp64_activity",
    "fp32_activity",
    "fp16_activity",
    "graphics_activity",
)
_NO_FABRIC = ("fabric_state", "fabric_health", "sram_threshold", "unrepairable_memory")
_T4 = ("fan", "temperature_memory", "remapped_correctable", "remapped_uncorrectable", "remap_pending", "remap_failure")

MODELS: dict[str, Model] = {
    "H200": Model("Simulated H200", "hopper", "9.0", 16896, 141 * GIB, 75, 700, 200, 1.98e9, 3.201e9, 5, 18),
    "H100": Model("Simulated H100", "hopper", "9.0", 16896, 80 * GIB, 70, 700, 200, 1.98e9, 2.619e9, 5, 18),
    "T4": Model(
        "Simulated T4", "turing", "7.5", 2560, 15 * GIB, 10, 70, 60, 1.59e9, 5.001e9, 3, 0, 93.0, 0.62,
        (
            *_T4, *_NO_GPM, *_NO_NVLINK, *NVLINK5, *_NO_FABRIC, "recovery_action", "vgpu_licensed", "jpeg", "ofa",
            "power_average",
        ),
    ),
}  # fmt: skip
"""The boards that can be simulated, by the name used in ``sim:model=``."""


@dataclass
class Counters:
    """What only grows until the driver is loaded again."""

    energy: float = 0.0
    pcie_tx: float = 0.0
    pcie_rx: float = 0.0
    nvlink: float = 0.0
    held_power_cap: float = 0.0
    held_thermal: float = 0.0
    ecc_corrected: int = 0
    ecc_uncorrected: int = 0


@dataclass
class Board:
    """The state of one board at ``mono``; ``advance`` moves it on in steps of a fraction of the counter's period."""

    model: Model
    index: int
    seed: int
    period: float
    start: float
    load_at: Callable[[float, int], Load]
    """Seconds since the start, index → what runs then."""
    resistance: float = 0.066
    load: Load = field(default_factory=Load)
    published: float = 0.0
    """What the energy counter shows: the integral of power at the last multiple of the period."""

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed}-{self.index}")
        self.step = self.period / max(1, math.ceil(self.period / 0.05))
        self.mono = self.start - self.period * self._random.random()
        self._ticks = 0
        self.loaded = self.start - self._random.uniform(3600, 86400)
        self.counters = Counters(energy=round((self.start - self.loaded) * self.model.power_idle * 1.4, 3))
        self.published = self.counters.energy
        self.power = self.model.power_idle
        self.temperature = 27 + self.power * self.resistance
        self.clock = 0.18
        self.power_window: deque[float] = deque(maxlen=max(1, round(1.0 / self.step)))
        self.busy_window: deque[float] = deque([0.0], maxlen=max(1, round(0.2 / self.step)))

    def advance(self, mono: float) -> None:
        """Live on until ``mono``."""
        per_period = round(self.period / self.step)
        stretch = max(1, math.ceil((mono - self.mono) / self.step / MOST_STEPS))
        while self.mono + self.step * stretch <= mono:
            self._step(self.step * stretch)
            self._ticks += stretch
            if self._ticks % per_period == 0 or stretch > 1:
                self.published = round(self.counters.energy, 3)

    def reset(self) -> None:
        """The driver was loaded again, or the board was reset: counters begin anew."""
        self.counters = Counters()
        self.published = 0.0
        self.loaded = self.mono

    @property
    def busy(self) -> float:
        """Share of the driver's window in which something ran."""
        return sum(self.busy_window) / len(self.busy_window)

    @property
    def power_average(self) -> float:
        """Mean power of the last second, in watts."""
        return sum(self.power_window) / len(self.power_window) if self.power_window else self.power

    @property
    def capped(self) -> bool:
        """Whether the power limit holds the clock back now."""
        return self._wanted() > self.model.power_limit

    @property
    def hot(self) -> bool:
        """Whether heat holds the clock back now."""
        return self.temperature > self.model.slowdown - 1

    def _wanted(self) -> float:
        span = self.model.power_limit - self.model.power_idle
        return self.model.power_idle + span * math.pow(self.load.busy, 0.9)

    def _step(self, seconds: float) -> None:
        self.mono += seconds
        self.load = self.load_at(max(0.0, self.mono - self.start), self.index)
        wanted = self._wanted() * (1 + 0.006 * self._random.gauss(0, 1))
        power = min(wanted, self.model.power_limit)
        if self.hot:
            power *= max(0.5, 1 - 0.08 * (self.temperature - self.model.slowdown + 1))
        self.power = power
        self.clock = 0.18 if self.load.busy < 0.005 else min(1.0, (power / wanted) ** 0.5)
        settled = 27 + power * self.resistance
        self.temperature += (settled - self.temperature) * (1 - math.exp(-seconds / 12))
        self.power_window.append(power)
        self.busy_window.append(min(1.0, self.load.busy))
        self._count(seconds)

    def _count(self, seconds: float) -> None:
        counters = self.counters
        counters.energy += self.power * seconds
        counters.pcie_rx += self.load.pcie * seconds
        counters.pcie_tx += self.load.pcie * seconds / 3
        counters.nvlink += self.load.nvlink * seconds
        counters.held_power_cap += seconds if self.capped else 0.0
        counters.held_thermal += seconds if self.hot else 0.0
