"""What the fake driver plays, in Python's words; ``text()`` is the scenario file. Keys: src/keys.h."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

GIB = 1024**3
RULES = ("errors", "latency", "hang")
KEYS = {*RULES, *re.findall(r"^KEY\((\w+)", Path(__file__).with_name("src").joinpath("keys.h").read_text(), re.M)}
FIRST_DRIVER = {  # driver that brought a function; older ones lack its symbol
    "nvmlDeviceGetCurrentClocksEventReasons": 535,
    "nvmlDeviceGetJpgUtilization": 535,
    "nvmlDeviceGetOfaUtilization": 535,
    "nvmlDeviceGetSramEccErrorStatus": 535,
    "nvmlDeviceGetGpuFabricInfoV": 550,
    "nvmlDeviceGetNumaNodeId": 550,
    "nvmlDeviceGetTemperatureV": 570,
    "nvmlDeviceGetMarginTemperature": 570,
    "nvmlDeviceGetFanSpeedRPM": 570,
    "nvmlDeviceGetUnrepairableMemoryFlag_v1": 590,
    "nvmlDeviceGetGpuUptime_v1": 610,
}


@dataclass(frozen=True)
class Instance:
    """One MIG instance: slices of seven, bytes of memory, its instance ids and its UUID (drawn up where empty)."""

    slices: int = 1
    memory: float = 17.5 * GIB
    gi: int = 7
    ci: int = 0
    keys: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, profile: str, slot: int) -> Instance:
        """From a profile's name: ``1g.18gb`` in slot 0 gets GPU instance 7, and so on."""
        slices, _, memory = profile.partition("g.")
        return cls(int(slices), float(memory.removesuffix("gb")) * GIB, gi=7 + slot)

    def values(self) -> dict[str, Any]:
        """As keys of its section."""
        own = {"slices": self.slices, "multiprocessors": 16 * self.slices, "memory_total": int(self.memory)}
        return own | {"memory_reserved": 64 * 1024**2, "gi": self.gi, "ci": self.ci, "memory_used": 0} | dict(self.keys)


@dataclass(frozen=True)
class Proc:
    """A process on a GPU. ``memory`` None reads as "not available"; percentages as NVML's process utilization."""

    gpu: int
    pid: int
    memory: float | None = GIB
    sm: int = 0
    mem: int = 0
    kind: str = "compute"
    gi: int | None = None
    ci: int | None = None

    def line(self) -> str:
        """As a line of its GPU's section."""
        memory = "-" if self.memory is None else int(self.memory)
        ids = "" if self.gi is None else f" gi={self.gi} ci={self.ci or 0}"
        return f"process = pid={self.pid} kind={self.kind} memory={memory} sm={self.sm} mem={self.mem}{ids}"


@dataclass(frozen=True)
class Xid:
    """An XID (by ``type``: another event) at a moment of ``time.monotonic()``; ``count`` of them, ``every`` seconds."""

    gpu: int
    time: float
    code: int
    gi: int | None = None
    ci: int | None = None
    count: int = 1
    every: float = 0.001
    type: int = 8

    def line(self) -> str:
        """As a line of its GPU's section."""
        ids = "" if self.gi is None else f" gi={self.gi} ci={self.ci or 0}"
        repeat = f" count={self.count} every={self.every}"
        return f"event = time={self.time!r} type={self.type} data={self.code}{ids}{repeat}"


class Scenario:
    """A machine with ``gpus`` H200s. ``mig`` splits some: ``{6: ["1g.18gb", None]}``, None for an empty slot.

    ``errors`` maps function names to return codes (``field:82`` for a field, ``*`` for all), ``latency`` and ``hang``
    to seconds; ``each`` holds keys of single GPUs, those three among them. ``hidden`` functions lack their symbol,
    besides those that ``driver`` is too old for. Any other keyword is a key of the file; an unknown one is an error.
    """

    def __init__(
        self,
        gpus: int = 1,
        *,
        driver: str = "580.95.05",
        model: str = "NVIDIA H200",
        mig: Mapping[int, Sequence[str | Instance | None]] | None = None,
        each: Mapping[int, Mapping[str, Any]] | None = None,
        processes: Sequence[Proc] = (),
        events: Sequence[Xid] = (),
        hidden: Sequence[str] = (),
        library: bool = True,
        **keys: Any,
    ) -> None:
        self.library = library
        self.keys: dict[str, Any] = {}
        self.each: dict[int, dict[str, Any]] = {}
        self.set(gpus=gpus, driver=driver, nvml=f"13.{driver}", name=model, epoch=time.monotonic())
        self.set(**keys)
        for gpu, values in (each or {}).items():
            self.set(gpu, **values)
        self.mig = {
            gpu: [_instance(slot, each) for slot, each in enumerate(slots)] for gpu, slots in (mig or {}).items()
        }
        self.processes, self.events = list(processes), list(events)
        self._hidden = tuple(hidden)

    @property
    def hidden(self) -> frozenset[str]:
        """The symbols the library lacks."""
        major = int(str(self.keys["driver"]).split(".")[0])
        return frozenset(self._hidden) | {name for name, first in FIRST_DRIVER.items() if major < first}

    @property
    def gpus(self) -> int:
        """How many GPUs."""
        return int(self.keys["gpus"])

    def get(self, key: str, gpu: int | None = None, default: Any = None) -> Any:
        """A key's value for a GPU, or for all."""
        return self.each.get(gpu if gpu is not None else -1, {}).get(key, self.keys.get(key, default))

    def set(self, gpu: int | None = None, **keys: Any) -> None:
        """Change keys of one GPU, or of all; None takes a key out."""
        unknown = keys.keys() - KEYS
        if unknown:
            raise TypeError(f"the fake driver knows no {', '.join(sorted(unknown))}")
        values = self.keys if gpu is None else self.each.setdefault(gpu, {})
        values.update(keys)
        for key in [key for key, value in values.items() if value is None]:
            del values[key]

    def text(self) -> str:
        """The scenario file."""
        lines = _lines(self.keys)
        for gpu in sorted({*self.each, *self.mig, *(each.gpu for each in [*self.processes, *self.events])}):
            lines += [f"[gpu {gpu}]", *_lines(({"mig": 1} if gpu in self.mig else {}) | self.each.get(gpu, {}))]
            lines += [each.line() for each in [*self.processes, *self.events] if each.gpu == gpu]
            for slot, instance in enumerate(self.mig.get(gpu, ())):
                if instance:
                    lines += [f"[gpu {gpu} mig {slot}]", *_lines(instance.values())]
        return "\n".join(lines) + "\n"


def _instance(slot: int, given: str | Instance | None) -> Instance | None:
    if isinstance(given, str):
        return Instance.of(given, slot)
    return replace(given) if given else None


def _lines(keys: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in keys.items():
        if isinstance(value, Mapping):  # errors, latency, hang
            kind = "error" if key == "errors" else key
            lines += [f"{kind}.{function} = {number}" for function, number in value.items()]
        else:
            lines.append(f"{key} = {_word(value)}")
    return lines


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)
