"""Looks at a stream for ``gpumon dmon``: the last known value of everything, and how fast the counters grow."""

from __future__ import annotations

from msgspec.structs import replace

from ...dcgm import Look
from ...metrics import METRICS, SERIES
from ...model import Device, Gpu, Hello, Sample

_COUNTERS = tuple(name for name in SERIES if METRICS[name].kind == "counter")
Reading = tuple[float, float]
"""(monotonic seconds, value)"""


class Looker:
    """Takes the messages of a stream in turn."""

    def __init__(self) -> None:
        self.hello = Hello()
        self._known: dict[str, Gpu] = {}
        self._before: dict[tuple[str, str], Reading] = {}
        self._rates: dict[str, dict[str, float]] = {}

    def meet(self, hello: Hello) -> None:
        """Another hello; what was known of devices that do not answer any more is forgotten."""
        self.hello = hello
        answering = {device.uuid for device in hello.devices if device.state == "ok"}
        self._known = {uuid: gpu for uuid, gpu in self._known.items() if uuid in answering}
        self._rates = {uuid: rates for uuid, rates in self._rates.items() if uuid in answering}

    def take(self, sample: Sample) -> None:
        """One sample. A metric that is read every 15 s keeps its value in between."""
        for gpu in sample.gpus:
            before = self._known.get(gpu.uuid)
            new = {name: value for name in METRICS if (value := getattr(gpu, name)) is not None}
            self._known[gpu.uuid] = gpu if before is None else replace(before, **new)
            for name in _COUNTERS:
                if name in new:
                    self._grow(gpu.uuid, name, (sample.mono, new[name]))

    def _grow(self, uuid: str, name: str, now: Reading) -> None:
        before = self._before.get((uuid, name))
        self._before[uuid, name] = now
        rates = self._rates.setdefault(uuid, {})
        if before is not None and now[0] > before[0] and now[1] >= before[1]:
            rates[name] = (now[1] - before[1]) / (now[0] - before[0])
        else:
            rates.pop(name, None)  # the first reading, or the counter began anew

    def look(self, device: Device) -> Look:
        """What is known of this device now."""
        gpu = self._known.get(device.uuid) or Gpu(uuid=device.uuid)
        # What a device stopped telling is not shown for ever.
        gone = {name: None for name in device.absent if getattr(gpu, name, None) is not None}
        return Look(self.hello, device, replace(gpu, **gone) if gone else gpu, self._rates.get(device.uuid, {}))
