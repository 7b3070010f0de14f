"""What has to be followed through the stream because a single sample does not tell it: rates, XIDs, recent events."""

from __future__ import annotations

import threading
import time

from msgspec import Struct

from ..health import Checkup
from ..metrics import Gpu
from ..model import Device, Event, Hello, Sample, Status
from ..monitor import LATE
from ..tally import Tally
from ..wire import Stream
from .growth import Growth
from .window import Recent

WINDOW = 300.0
"""Seconds for which an XID or a clock event counts as recent: dcgm-exporter's default."""
GRACE = 5.0
"""Seconds by which a sample may be late, beyond three intervals, before what it said is no longer shown."""


class Xid(Struct):
    """What is known of one XID on one GPU."""

    count: int = 0
    time: float = 0.0
    """Unix time of the last one."""


class Following:
    """A sink: the latest of everything, and what becomes of it over time. Read it with ``lock`` held.

    Args:
        tally: counts what came; it is given to the monitor beside this.
        checkup: judges the GPUs' health.
    """

    def __init__(self, tally: Tally, checkup: Checkup | None = None) -> None:
        self.lock, self.tally = threading.Lock(), tally
        self.checkup = checkup or Checkup()
        self.hello, self.sample = Hello(status=Status(state="starting")), Sample(time=0.0, mono=0.0)
        self.rates = Growth(1.0)
        self.held = Recent[tuple[str, str]](WINDOW)
        """(UUID, clock event), once a sample."""
        self.lately = Recent[tuple[str, int]](WINDOW)
        """(UUID, XID)."""
        self.xids: dict[tuple[str, int], Xid] = {}
        self.known: dict[str, Device] = {}
        """Every device that was ever there: an XID outlives the GPU that fell off the bus with it."""

    def write(self, message: Stream) -> None:
        """Take a message in the monitor's thread."""
        self.checkup.write(message)
        with self.lock:
            if isinstance(message, Hello):
                self.hello = message
                self.known |= {device.uuid: device for device in message.devices}
            else:
                self._take(message)

    def _take(self, sample: Sample) -> None:
        for event in sample.events:
            if event.kind == "xid" and event.code is not None:
                self._xid(event.uuid or "", event.code, event)
        if not sample.gpus and sample.host is None:
            return
        self.sample = sample
        self.rates.push(sample)
        self.held.note(sample.mono, [(gpu.uuid, event) for gpu in sample.gpus for event in gpu.clock_events or ()])

    def _xid(self, uuid: str, code: int, event: Event) -> None:
        known = self.xids.setdefault((uuid, code), Xid())
        known.count, known.time = known.count + 1, event.time
        self.lately.note(event.mono, [(uuid, code)])

    @property
    def age(self) -> float | None:
        """Seconds since the last sample; None before the first."""
        return None if self.tally.heard is None else round(time.monotonic() - self.tally.heard, 3)

    @property
    def fresh(self) -> bool:
        """Whether what the latest sample says still holds: the driver answers, and the sample is not overdue."""
        age = self.age
        return self.hello.status.state == "live" and age is not None and age < LATE * self.hello.interval + GRACE

    def devices(self) -> list[tuple[Device, Gpu]]:
        """The devices that answered, with what they said; none where that no longer holds."""
        said = {gpu.uuid: gpu for gpu in self.sample.gpus} if self.fresh else {}
        return [(device, said[device.uuid]) for device in self.hello.devices if device.uuid in said]

    def recent_xids(self, uuid: str) -> dict[int, int]:
        """XID → how often, within the window."""
        counts = self.lately.counts(self.sample.mono)
        return {code: n for (who, code), n in counts.items() if who == uuid}

    def last_xid(self, uuid: str) -> int:
        """The last one within the window; 0 where there was none."""
        recent = self.recent_xids(uuid)
        return max(recent, key=lambda code: self.xids[uuid, code].time, default=0)
