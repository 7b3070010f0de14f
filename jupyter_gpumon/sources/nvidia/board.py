"""One GPU or MIG instance: how to reach it, what it is, what it can tell and whether it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from ...errors import DeviceLost
from ...metrics import Gpu
from ...model import Device
from .ability import Ability
from .driver import Absent, ask_named
from .fields import FieldReader
from .gpm import Gpm
from .table import IDENTITY_WAYS, METRIC_WAYS, MIG_IDENTITY, MIG_METRICS, NOT_WITH_MIG, Table
from .ways import Access, Look, Way

_LINKS = (91, 0)
"""Field value: how many NVLinks there are."""

FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0
"""Seconds until a lost GPU is tried again, doubled each time."""


class Board:
    """A GPU that the driver has told of. ``state`` and ``detail`` are those of ``model.Device``."""

    def __init__(self, device: Device, access: Access, parent: Board | None = None) -> None:
        self.device, self.access, self.parent = device, access, parent
        self.ability = _ability(device, access.links)
        self.state, self.detail = "ok", ""
        self.tries = 0
        self.retry_at = 0.0
        self.probed = False

    @property
    def uuid(self) -> str:
        """The identity, also of a MIG instance."""
        return self.device.uuid

    @property
    def place(self) -> tuple[int, int]:
        """Where it is shown: instances after their board."""
        return self.device.index, -1 if self.device.instance is None else self.device.instance

    @property
    def answers(self) -> bool:
        """Whether it may be asked."""
        return self.state == "ok" and (self.parent is None or self.parent.state == "ok")

    def read(self, wanted: frozenset[str], now: float) -> Gpu:
        """These metrics; only what they need is called. Raises ``DeviceLost`` and ``DriverError``."""
        return self.told(self.look(wanted, now), now)

    def look(self, wanted: frozenset[str], now: float) -> Look:
        """The first half of ``read``, which asks the driver; only the latest look can still be told."""
        return Look(self.access, self.ability.plan(wanted, now))

    def told(self, look: Look, now: float) -> Gpu:
        """The second half: what the answers mean."""
        return Gpu(uuid=self.uuid, **{name: self.ability.read(name, look, now) for name in look.names})

    def value(self, wanted: frozenset[str], now: float) -> Any:
        """The first of these metrics alone; None where it is absent."""
        look = self.look(wanted, now)
        return self.ability.read(look.names[0], look, now) if look.names else None

    def lose(self, error: DeviceLost, now: float) -> None:
        """Keep it in its place, unasked, until it is worth another try."""
        if self.state == "lost" and now < self.retry_at:
            return
        self.state, self.detail = "lost", str(error)
        self.retry_at = now + min(LONGEST_WAIT, FIRST_WAIT * 2**self.tries)
        self.tries += 1

    @contextmanager
    def may_be_lost(self, now: float) -> Iterator[None]:
        """What is done with it until it turns out to be lost, which is remembered."""
        try:
            yield
        except DeviceLost as e:
            (self.parent or self).lose(e, now)

    def fall_asleep(self) -> None:
        """It has been suspended, and is not asked until it wakes up by itself."""
        self.state, self.detail = "asleep", "The GPU sleeps to save power; it is not woken to be measured."

    def recover(self) -> None:
        """It answers again."""
        self.state, self.detail, self.tries = "ok", "", 0

    def described(self) -> Device:
        """The device as it is now: identity, state and what is absent why."""
        owner = self if self.parent is None or self.parent.answers else self.parent
        absent = self.ability.absent if owner.state == "ok" else dict.fromkeys(METRIC_WAYS, owner.state)
        return msgspec.structs.replace(self.device, state=owner.state, detail=owner.detail, absent=absent)

    def close(self) -> None:
        """Free what the driver lent."""
        self.access.gpm.close()


def meet(handle: Any, index: int, uuid: str, driver: tuple[int, ...]) -> Board:
    """A board, asked who it is."""
    fields = FieldReader(driver)
    links, fans = fields.fetch(handle, (_LINKS,))[_LINKS], ask_named("nvmlDeviceGetNumFans", handle)
    access = Access(handle, _count(links), _count(fans), fields, Gpm(handle))
    found = _identity(access, IDENTITY_WAYS)
    found.setdefault("name", "NVIDIA GPU")
    return Board(Device(uuid=uuid, index=index, **found), access)


def meet_instance(handle: Any, position: int, uuid: str, board: Board, slots: int) -> Board:
    """A MIG instance of a board that has room for ``slots`` of them."""
    gpu_instance, compute_instance = (
        _known(ask_named(name, handle)) for name in ("nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId")
    )
    fields = FieldReader(board.access.fields.driver)
    access = Access(handle, 0, 0, fields, Gpm(handle, board.access.handle, gpu_instance))
    found = _identity(access, {word: IDENTITY_WAYS[word] for word in MIG_IDENTITY})
    attributes = ask_named("nvmlDeviceGetAttributes_v2", handle)
    device = Device(
        uuid=uuid,
        index=board.device.index,
        name=found.get("name", f"{board.device.name} MIG"),
        architecture=board.device.architecture,
        compute_capability=board.device.compute_capability,
        pci=board.device.pci,
        memory_total=found.get("memory_total"),
        parent=board.uuid,
        instance=position,
        gpu_instance=gpu_instance,
        compute_instance=compute_instance,
        slices=None if isinstance(attributes, Absent) else attributes.computeInstanceSliceCount / slots,
    )
    return Board(device, access, board)


def _ability(device: Device, links: int) -> Ability:
    if device.parent is not None:
        own: Table = {name: ways for name, ways in METRIC_WAYS.items() if name in MIG_METRICS}
        return Ability(own, 0, METRIC_WAYS.keys() - MIG_METRICS)
    return Ability(METRIC_WAYS, links, NOT_WITH_MIG if device.mig else ())


def _identity(access: Access, table: Table) -> dict[str, Any]:
    look = Look(access)
    answers = {word: _first(look, ways) for word, ways in table.items()}
    return {word: answer for word, answer in answers.items() if answer is not None}


def _first(look: Look, ways: Iterable[Way]) -> Any:
    answers = (look.read(way) for way in ways)
    return next((answer for answer in answers if not isinstance(answer, Absent)), None)


def _known(answer: Any) -> Any:
    return None if isinstance(answer, Absent) else answer


def _count(answer: Any) -> int:
    return 0 if isinstance(answer, Absent) else int(answer)
