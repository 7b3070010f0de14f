"""The simulated driver: an inventory, readings, processes and events, as the nvidia backend gives them."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ...clock import Clock
from ...links import Link
from ...metrics import METRICS
from ...model import Device, Event, Gpu, Hello, Process, Sensor
from .. import Power
from . import readings
from .boards import Board, Model
from .kernels import Kernels
from .scripts import MB, SCRIPTS_OF_TIME, Load

LOST_FROM, LOST_UNTIL = 20.0, 40.0
ECC_CORRECTED_AT, ECC_UNCORRECTED_AT = 10.0, 30.0


@dataclass(frozen=True)
class Instance:
    """One MIG instance: its place among the board's, its profile and its share of the compute slices and memory."""

    place: int
    profile: str
    gpu_instance: int
    slices: float
    memory: float


INSTANCES = (
    Instance(0, "3g.71gb", 2, 3 / 7, 4 / 8),
    Instance(1, "2g.35gb", 3, 2 / 7, 2 / 8),
    Instance(3, "1g.18gb", 9, 1 / 7, 1 / 8),  # place 2 is empty: a slot that was destroyed
)


class SimBackend:
    """Simulated GPUs that live by the clock they are given; see ``open_backend`` for the arguments."""

    def __init__(
        self, *, gpus: int, script: str, seed: int, model: Model, period: float, clock: Clock, parent: int | None = None
    ) -> None:
        self.hello = Hello(simulated=True)  # no driver speaks, so there is no version to tell
        self.script, self.model, self._clock = script, model, clock
        self._start = clock.mono()
        self.kernels = Kernels(gpus, clock, parent)
        resistance = 0.096 * model.resistance / 0.066 if script == "throttle" else model.resistance
        self.boards = {
            _uuid("GPU", seed, index): Board(model, index, seed, period, self._start, self._load, resistance)
            for index in range(gpus)
        }
        self._split = next(iter(self.boards)) if script == "mig" else None
        self._lost: str | None = None
        self._told: set[int] = set()

    def devices(self) -> Sequence[Device]:
        """The boards, and the instances of the one that is split."""
        self._advance()
        found: list[Device] = []
        for key, board in self.boards.items():
            found.append(self._device(key, board))
            if key == self._split:
                found += [self._instance(key, board, instance) for instance in INSTANCES]
        return found

    def read(self, wanted: frozenset[str]) -> Sequence[Gpu]:
        """These metrics of every board and instance that answers."""
        self._advance()
        found: list[Gpu] = []
        for key, board in self.boards.items():
            if key == self._lost:
                continue
            found.append(self._gpu(key, readings.of_board(board, mig=key == self._split), wanted))
            if key == self._split:
                found += [
                    self._gpu(_mig_uuid(key, i), readings.of_instance(board, i.slices, i.memory), wanted)
                    for i in INSTANCES
                ]
        return found

    def processes(self) -> Sequence[Process]:
        """One process per kernel and GPU; without kernels, whoever started us."""
        self._advance()
        self.kernels.refresh()
        if self.script == "notebook":
            return [row for key, board in self.boards.items() for row in self._kernel_rows(key, board)]
        pids = self.kernels.pids
        return [
            row
            for key, board in self.boards.items()
            if key != self._lost and board.load.memory > 0
            for row in self._script_rows(key, board, pids[board.index % len(pids)])
        ]

    def energy(self, uuid: str) -> float | None:
        """The energy counter of one board in joules, as published last."""
        board = self.boards.get(uuid)
        if board is None:
            return None
        self._happen()
        if uuid == self._lost:
            return None
        board.advance(self._clock.mono())
        return board.published

    def power(self, uuid: str) -> Power | None:
        """What one board draws in this step of its life."""
        board = self.boards.get(uuid)
        if board is None or uuid == self._lost:
            return None
        board.advance(self._clock.mono())
        return Power("instant", board.power)

    def power_history(self, uuid: str, since: float) -> Sequence[tuple[float, float]] | None:  # noqa: ARG002 - Backend
        """Nobody records it."""
        return None

    def links(self) -> Sequence[Link]:
        """Each NVLink of every board, all of them to a switch; none of one that is split or lost."""
        self._advance()
        return [
            readings.of_link(key, board, link)
            for key, board in self.boards.items()
            if key not in (self._split, self._lost)
            for link in range(board.model.nvlinks)
        ]

    def events(self) -> Sequence[Event]:
        """XIDs since the last call: 79 where the script loses a GPU, 63 and 94 where its memory fails."""
        elapsed = self._clock.mono() - self._start
        return [
            self._xid(code, title)
            for at, code, title in _XIDS.get(self.script, ())
            if elapsed >= at and code not in self._told
        ]

    def close(self) -> None:
        """Nothing to let go of."""

    def _xid(self, code: int, title: str) -> Event:
        self._told.add(code)
        return Event(
            kind="xid", time=self._clock.time(), mono=self._clock.mono(), title=f"XID {code}", detail=title,
            level="critical", uuid=self._victim, code=code,
        )  # fmt: skip

    @property
    def _victim(self) -> str:
        keys = tuple(self.boards)
        return keys[1 if len(keys) > 1 else 0]

    def _advance(self) -> None:
        if self.script == "notebook":
            self.kernels.refresh()
        self._happen()
        now = self._clock.mono()
        for board in self.boards.values():
            board.advance(now)

    def _happen(self) -> None:
        elapsed = self._clock.mono() - self._start
        board = self.boards[self._victim]
        if self.script == "lost":
            lost = LOST_FROM <= elapsed < LOST_UNTIL
            if self._lost and not lost:  # it came back by a reset
                board.advance(self._clock.mono())
                board.reset()
            self._lost = self._victim if lost else None
        if self.script == "ecc":
            board.counters.ecc_corrected = max(0, math.floor((elapsed - ECC_CORRECTED_AT) / 5) + 1)
            board.counters.ecc_uncorrected = int(elapsed >= ECC_UNCORRECTED_AT)

    def _load(self, elapsed: float, index: int) -> Load:
        if self.script != "notebook":
            return SCRIPTS_OF_TIME[self.script](elapsed, index)
        load = self.kernels.load(index, self.model.memory)
        if self.kernels.on(index):
            return load
        return Load(max(0.0, 0.05 * math.sin(elapsed / 9 + 2 * index) + 0.03 * math.sin(elapsed / 2.3)), 0.0, 20 * MB)

    def _kernel_rows(self, key: str, board: Board) -> list[Process]:
        held = self.kernels.held(board.index, self.model.memory)
        return [
            Process(
                uuid=key, pid=kernel.process.pid, memory=round(held[kernel.process.pid]),
                utilization=round(kernel.busy, 2),
                name="python", started=kernel.started,
            )
            for kernel in self.kernels.on(board.index)
        ]  # fmt: skip

    def _script_rows(self, key: str, board: Board, pid: int) -> list[Process]:
        memory = board.load.memory * self.model.memory
        if key != self._split:
            return [Process(uuid=key, pid=pid, memory=round(memory), utilization=round(board.busy, 2), name="python")]
        return [
            Process(uuid=_mig_uuid(key, i), pid=pid, memory=round(memory * i.memory), name="python") for i in INSTANCES
        ]

    def _gpu(self, key: str, values: dict[str, object], wanted: frozenset[str]) -> Gpu:
        absent = self.model.absent
        return Gpu(uuid=key, **{k: v for k, v in values.items() if k in wanted and k not in absent})  # type: ignore[arg-type]

    def _device(self, key: str, board: Board) -> Device:
        model, lost, split = self.model, key == self._lost, key == self._split
        others = [other for other in self.boards if other != key]
        absent = dict.fromkeys(readings.GONE_IN_MIG, "mig") if split else {}
        absent |= dict.fromkeys(model.absent, "unsupported")
        return Device(
            uuid=key, index=board.index, name=model.name,
            state="lost" if lost else "ok",
            detail=_LOST if lost else "",
            absent=dict.fromkeys(METRICS, "lost") if lost else absent,
            architecture=model.architecture, compute_capability=model.compute_capability,
            pci=f"00000000:{0x19 + 0x10 * board.index:02X}:00.0", vbios="96.00.00.00.00", cores=model.cores,
            memory_total=model.memory, power_limit_min=model.power_limit_min, power_limit_max=model.power_limit,
            power_limit_default=model.power_limit, temperature_slowdown=model.slowdown,
            temperature_shutdown=model.slowdown + 5, temperature_memory_max=95.0,
            clock_sm_max=model.clock_sm, clock_memory_max=model.clock_memory,
            pcie_gen_max=model.pcie_gen, pcie_width_max=16, nvlinks=model.nvlinks or None, ecc=True, persistence=True,
            compute_mode="default", numa=int(2 * board.index >= len(self.boards)),
            mig=split if model.architecture == "hopper" else None, sensor=_sensor(board),
            topology=dict.fromkeys(others, "nvlink" if model.nvlinks else "node"),
        )  # fmt: skip

    def _instance(self, key: str, board: Board, instance: Instance) -> Device:
        model = self.model
        return Device(
            uuid=_mig_uuid(key, instance), index=board.index, name=f"{model.name} MIG {instance.profile}",
            absent=dict.fromkeys(set(METRICS) - readings.KEPT_IN_MIG, "mig")
            | dict.fromkeys(readings.KEPT_IN_MIG & set(model.absent), "unsupported"),
            architecture=model.architecture, compute_capability=model.compute_capability,
            memory_total=model.memory * instance.memory, parent=key, instance=instance.place,
            gpu_instance=instance.gpu_instance, compute_instance=0, slices=instance.slices,
        )  # fmt: skip


_LOST = "The GPU has fallen off the bus (XID 79, simulated). Reset it or restart the machine."
_XIDS = {
    "lost": ((LOST_FROM, 79, "GPU has fallen off the bus"),),
    "ecc": ((ECC_UNCORRECTED_AT, 94, "Contained memory error"), (ECC_UNCORRECTED_AT, 63, "Row remapping recorded")),
}


def _sensor(board: Board) -> Sensor:
    """Known, not tried: the simulation is made so."""
    return Sensor(
        period=board.period, jitter=0.0, delay=0.0, agreement=1.0, polled=1.0, update=board.step, window=board.step,
        duty=1.0, provenance="simulated",
    )  # fmt: skip


def _uuid(kind: str, seed: int, index: int) -> str:
    return f"{kind}-{uuid.uuid5(uuid.NAMESPACE_OID, f'jupyter-gpumon sim {seed} {index}')}"


def _mig_uuid(parent: str, instance: Instance) -> str:
    return f"MIG-{uuid.uuid5(uuid.NAMESPACE_OID, f'{parent} {instance.place}')}"
