"""Follows a stream and says of each GPU how it is linked: PCIe, NVLinks one by one, topology, and MIG instances."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable

from .exposition.growth import Growth
from .links import DeviceLinks, Link, Links, MigBoard, MigInstance, NvlinkState, PcieState, Topology
from .metrics import Gpu
from .model import Device, Hello, Process, Sample
from .wire import Stream

LANE = {1: 0.25e9, 2: 0.5e9, 3: 0.985e9, 4: 1.969e9, 5: 3.938e9, 6: 7.563e9}
"""PCIe generation → bytes per second, lane and direction, less the line code (8b/10b, 128b/130b, 242/256)."""
_CODES = {"internal": "PIX", "single": "PIX", "multiple": "PXB", "hostbridge": "PHB", "node": "NODE", "system": "SYS"}
"""Nearest common link → what ``nvidia-smi topo -m`` calls it."""

_PROFILE = re.compile(r"\b(\d+c\.)?\d+g\.\d+gb\S*")
"""``1g.18gb``, at the end of an instance's name."""

Key = tuple[str, int]


class Wiring:
    """A sink. Any thread may ask it. NVLinks one by one are in it once the source was asked (``Request.links``)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hello, self._sample = Hello(), Sample(time=0.0, mono=0.0)
        self._rates = Growth(2.0)
        self._processes: tuple[Process, ...] = ()
        self._links: dict[Key, Link] = {}
        self._moved: dict[Key, tuple[float | None, float | None]] = {}
        self.looked: float | None = None
        """Monotonic time of the last look at each NVLink; None before the first."""

    def write(self, message: Stream) -> None:
        """Take a message of the stream."""
        with self._lock:
            if isinstance(message, Hello):
                self._hello = message
            else:
                self._take(message)

    def _take(self, sample: Sample) -> None:
        if sample.processes is not None:
            self._processes = sample.processes
        if sample.links is not None:
            self._look(sample.mono, sample.links)
        if sample.gpus:
            self._sample = sample
            self._rates.push(sample)

    def _look(self, mono: float, links: Iterable[Link]) -> None:
        before, elapsed = self._links, mono - (self.looked or mono)
        self._links = {(link.uuid, link.link): link for link in links}
        self._moved = {
            key: (_rate(link.tx, known.tx, elapsed), _rate(link.rx, known.rx, elapsed))
            for key, link in self._links.items()
            if (known := before.get(key)) is not None
        }
        self.looked = mono

    @property
    def moving(self) -> bool:
        """Whether rates of single NVLinks are known; True where there is none to know."""
        with self._lock:
            return not self._links or bool(self._moved)

    def links(self) -> Links:
        """Everything, as the latest sample and the latest look have it."""
        with self._lock:
            gpus = {gpu.uuid: gpu for gpu in self._sample.gpus}
            boards = [device for device in self._hello.devices if device.parent is None]
            return Links(
                time=self._sample.time,
                devices=tuple(self._device(board, gpus.get(board.uuid)) for board in boards),
                topology=self._topology(boards, gpus),
                mig=tuple(self._mig(board, gpus) for board in boards if board.mig is not None),
            )

    def _device(self, board: Device, gpu: Gpu | None) -> DeviceLinks:
        mine = [link for link in self._links.values() if link.uuid == board.uuid]
        up = gpu.nvlink_active if gpu else None
        return DeviceLinks(
            uuid=board.uuid,
            label=board.label,
            name=board.name,
            pcie=self._pcie(board, gpu or Gpu(uuid=board.uuid)),
            nvlinks=tuple(map(self._nvlink, mine)),
            nvlinks_up=None if up is None else int(up),
            nvlinks_total=board.nvlinks,
            note="" if mine else self._note(board),
        )

    def _note(self, board: Device) -> str:
        if board.state != "ok":
            return board.detail or f"The GPU is {board.state}."
        if board.mig:
            return "The driver tells nothing of NVLinks while the board is split (MIG)."
        if not board.nvlinks:
            return "This GPU has no NVLinks."
        return "This source does not tell NVLinks one by one." if self.looked is None else "The driver did not tell."

    def _pcie(self, board: Device, gpu: Gpu) -> PcieState:
        lane, width = LANE.get(board.pcie_gen_max or 0), board.pcie_width_max
        return PcieState(
            gen=_whole(gpu.pcie_gen),
            gen_max=board.pcie_gen_max,
            width=_whole(gpu.pcie_width),
            width_max=width,
            speed=None if lane is None or width is None else lane * width,
            tx=self._rates.per_second(board.uuid, "pcie_tx"),
            rx=self._rates.per_second(board.uuid, "pcie_rx"),
            replays=gpu.pcie_replay,
            errors=gpu.pcie_errors,
            fatal_errors=gpu.pcie_fatal_errors,
        )

    def _nvlink(self, link: Link) -> NvlinkState:
        tx, rx = self._moved.get((link.uuid, link.link), (None, None))
        return NvlinkState(
            link=link.link,
            state=link.state or "unknown",
            version=link.version,
            speed=link.speed,
            peer=self._peer(link),
            tx=tx,
            rx=rx,
            replays=link.replays,
            recoveries=link.recoveries,
            crc_errors=link.crc_errors,
            errors=link.errors,
        )

    def _peer(self, link: Link) -> str:
        if link.peer != "gpu":
            return link.peer
        at = (device.label for device in self._hello.devices if device.pci and _same(device.pci, link.pci))
        return next(at, "gpu")

    def _topology(self, boards: list[Device], gpus: dict[str, Gpu]) -> Topology:
        between = Counter((link.uuid, self._peer(link)) for link in self._links.values() if link.state != "down")
        return Topology(
            labels=tuple(board.label for board in boards),
            rows=tuple(
                tuple("X" if one is other else _shared(one, other, between, gpus) for other in boards) for one in boards
            ),
        )

    def _mig(self, board: Device, gpus: dict[str, Gpu]) -> MigBoard:
        instances = [device for device in self._hello.devices if device.parent == board.uuid]
        instances.sort(key=lambda each: (each.gpu_instance or 0, each.compute_instance or 0, each.instance or 0))
        return MigBoard(
            uuid=board.uuid,
            label=board.label,
            name=board.name,
            split=bool(board.mig),
            instances=tuple(self._instance(each, gpus.get(each.uuid)) for each in instances),
        )

    def _instance(self, device: Device, gpu: Gpu | None) -> MigInstance:
        profile = _PROFILE.search(device.name)
        who = (each.notebook or each.name or each.pid for each in self._processes if each.uuid == device.uuid)
        return MigInstance(
            uuid=device.uuid,
            label=device.label,
            profile=profile[0] if profile else "",
            gpu_instance=device.gpu_instance,
            compute_instance=device.compute_instance,
            slices=device.slices,
            memory_total=device.memory_total,
            memory_used=gpu.memory_used if gpu else None,
            processes=tuple(str(each) for each in who if each is not None),
        )


def _shared(one: Device, other: Device, between: Counter[tuple[str, str]], gpus: dict[str, Gpu]) -> str:
    """``NV18``: links to each other, or of each to the switch between them."""
    nearest = one.topology.get(other.uuid)
    if nearest != "nvlink":
        return _CODES.get(nearest or "", "")
    direct = between[one.uuid, other.label]
    active = [gpus[each.uuid].nvlink_active for each in (one, other) if each.uuid in gpus]
    known = [int(each) for each in active if each is not None]
    return f"NV{direct or (min(known) if known else '')}"


def _rate(now: float | None, before: float | None, elapsed: float) -> float | None:
    """Growth per second; None where a counter began again."""
    if now is None or before is None or elapsed <= 0 or now < before:
        return None
    return (now - before) / elapsed


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _same(one: str, other: str | None) -> bool:
    """Whether two PCI addresses are one; a domain is written with four digits or with eight."""
    return other is not None and one.lower().rpartition(":")[0][-7:] == other.lower().rpartition(":")[0][-7:]
