"""When each board is tried, and what is known of its sensors before and after."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ..clock import Clock
from ..model import Device, Gpu, Sensor
from . import Backend
from .edges import EdgeWatch
from .known import KEPT, KnownSensors
from .trial import Trial
from .verdict import assumed, judged

REST = 5.0
"""Seconds for which a board's power must have been steady, and its engines idle, before it is tried."""
LOOKS = 3
"""Samples that must have said so."""
IDLE = 0.05
"""Share of the time up to which an engine counts as idle."""
BETWEEN = 5.0
"""Seconds between the trials of two boards: each spends as much time in the driver as watching does in ten seconds."""
AGAIN, AGAIN_MOST = 60.0, 3600.0
"""Seconds until a trial that was given up is made anew: doubled each time, up to this."""


class _Board:
    """What is known of one board."""

    def __init__(self, device: Device, sensor: Sensor) -> None:
        self.device, self.sensor = device, sensor
        self.looks, self.since = 0, 0.0
        self.low = self.high = 0.0
        self.not_before, self.given_up = -math.inf, 0
        self.asked = False

    def note(self, gpu: Gpu, mono: float) -> None:
        """Take one look at it; anything but rest begins the wait anew."""
        watts = gpu.power if gpu.power is not None else 0.0
        low, high = min(self.low, watts), max(self.high, watts)
        if (gpu.utilization or 0.0) > IDLE or high - low > max(3.0, 0.05 * low) or not self.looks:
            self.looks, self.since, low, high = 0, mono, watts, watts
        self.looks, self.low, self.high = self.looks + 1, low, high

    def wants(self, mono: float, time: float) -> bool:
        """Whether it is to be tried (again), and at rest as far as samples tell. ``time`` is Unix time."""
        if self.asked:
            return True
        rests = self.looks >= LOOKS and mono - self.since >= REST
        old = self.sensor.checked is None or time - self.sensor.checked > KEPT
        return old and rests and mono >= self.not_before


class Trials:
    """Tries the boards one after the other while nobody measures. For one thread.

    Args:
        backend: reads power.
        edges: reads the counters.
        clock: the clock.
        known: what trials found before.
    """

    def __init__(self, backend: Backend, edges: EdgeWatch, clock: Clock, known: KnownSensors) -> None:
        self._backend, self._edges, self._clock, self._known = backend, edges, clock, known
        self._driver = backend.hello.driver or ""
        self._boards: dict[str, _Board] = {}
        self._trial: Trial | None = None
        self._pause = -math.inf
        self._measuring = False

    @property
    def measuring(self) -> bool:
        """Whether somebody measures: then there is no trial."""
        return self._measuring

    @measuring.setter
    def measuring(self, wanted: bool) -> None:
        self._measuring = wanted
        if wanted and self._trial is not None:
            self._end()

    def met(self, devices: Sequence[Device]) -> tuple[Device, ...]:
        """Take the inventory; the devices with what is known of their sensors."""
        boards = [device for device in devices if device.parent is None and device.state == "ok"]
        for device in boards:
            self._meet(device)
        for gone in self._boards.keys() - {device.uuid for device in boards}:
            del self._boards[gone]
        if self._trial is not None and self._trial.device.uuid not in self._boards:
            self._end()
        return self.described(devices)

    def described(self, devices: Sequence[Device]) -> tuple[Device, ...]:
        """The devices with what is known of their sensors by now. A MIG instance has none of its own."""
        return tuple(
            replace(device, sensor=self._boards[device.uuid].sensor) if device.uuid in self._boards else device
            for device in devices
        )

    def _meet(self, device: Device) -> None:
        board, counts = self._boards.get(device.uuid), "energy" not in device.absent
        kept = self._known.get(device.uuid, self._driver, self._clock.time())
        if board is not None and (kept is None or kept.checked == board.sensor.checked):
            board.device = device
            return
        reading = self._backend.power(device.uuid)
        sensor = assumed(device, reading.kind if reading else None, counts)
        if kept is not None:
            sensor = replace(kept, window=sensor.window, duty=sensor.duty, provenance=sensor.provenance)
        self._boards[device.uuid] = _Board(device, sensor)

    def ask(self) -> None:
        """Try every board now, whatever is known of it, and whether it rests or not."""
        for board in self._boards.values():
            board.asked = True

    def note(self, gpus: Iterable[Gpu]) -> None:
        """Take a look at all boards, and begin a trial where it is time."""
        mono = self._clock.mono()
        for gpu in gpus:
            if gpu.uuid in self._boards:
                self._boards[gpu.uuid].note(gpu, mono)
        if self._trial is None and not self._measuring and mono >= self._pause:
            time = self._clock.time()
            self._begin(next((board for board in self._boards.values() if board.wants(mono, time)), None))

    def _begin(self, board: _Board | None) -> None:
        if board is not None:
            uuid = board.device.uuid
            self._edges.leave_alone(uuid)
            self._trial = Trial(
                board.device, lambda: self._edges.look(uuid), lambda: self._backend.power(uuid), self._clock.mono
            )

    def due(self) -> float:
        """Monotonic time of the next read; infinity where none is planned."""
        return self._trial.due if self._trial else math.inf

    def poll(self) -> None:
        """Make the read that is due."""
        if self._trial is None:
            return
        self._trial.poll()
        if self._trial.over:
            self._conclude(self._trial, self._boards[self._trial.device.uuid])
            self._end()

    def _end(self) -> None:
        self._trial = None
        self._edges.leave_alone(None)
        asked = any(board.asked for board in self._boards.values())
        self._pause = self._clock.mono() + (0.0 if asked else BETWEEN)

    def _conclude(self, trial: Trial, board: _Board) -> None:
        if trial.findings is not None:
            self._take(board, judged(board.device, trial.findings, self._clock.time()))
            board.given_up = 0
        else:
            board.not_before = self._clock.mono() + min(AGAIN_MOST, AGAIN * 2**board.given_up)
            board.given_up += 1
            if board.asked and board.sensor.checked is None:
                board.sensor = replace(board.sensor, reason=f"no trial yet: {trial.why}")
        board.asked = False

    def _take(self, board: _Board, sensor: Sensor) -> None:
        board.sensor = sensor
        self._known.put(board.device.uuid, self._driver, sensor)

    def delay(self, uuid: str) -> float | None:
        """By how much its counter is late, as far as is known."""
        board = self._boards.get(uuid)
        return board.sensor.delay if board else None

    def found_delay(self, uuid: str, seconds: float) -> None:
        """Power has changed, and shown by how much the counter is late: one ahead of the readings is not late."""
        board = self._boards.get(uuid)
        if board is not None and board.sensor.checked is not None:
            self._take(board, replace(board.sensor, delay=round(max(0.0, seconds), 4)))
