"""The devices as they come and go: events, places kept for those that left, and what to say when none is left."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ..model import Device, Event, Status


def merged(before: Sequence[Device], now: Sequence[Device]) -> tuple[Device, ...]:
    """The devices of now, then boards that were there before and keep their place as ``gone``."""
    present = {device.uuid for device in now}
    gone = [
        replace(
            device, state="gone", detail="This GPU is not in the machine, or not visible here, any more.", absent={}
        )
        for device in before
        if device.uuid not in present and device.parent is None
    ]
    return (*now, *gone)


def changes(before: Sequence[Device], now: Sequence[Device], time: float, mono: float) -> list[Event]:
    """Events for devices that appeared, went, were lost or came back. Identity is the UUID, never the index."""
    old, new = {d.uuid: d for d in before}, {d.uuid: d for d in now}
    events = []
    for uuid in {**old, **new}:
        change = _change(old[uuid].state if uuid in old else "gone", new[uuid].state if uuid in new else "gone")
        if change:
            kind, words, level = change
            device = new.get(uuid) or old[uuid]
            title = f"{device.label} {words}"
            events.append(
                Event(kind=kind, time=time, mono=mono, title=title, detail=device.detail, level=level, uuid=uuid)
            )
    return events


def _change(was: str, state: str) -> tuple[str, str, str] | None:
    """(kind, words, level) of the event, None where nothing worth one happened."""
    if was == state:
        return None
    if state == "lost":
        return "lost", "has fallen off the bus", "critical"
    if state == "gone":
        return "gone", "is gone", "warning"
    if was == "gone":
        return "appeared", "appeared", "info"
    if was == "lost":
        return "back", "is back", "info"
    return None


def status_of(devices: Sequence[Device], since: float) -> Status:
    """What can be said of a driver that answers: live, or why there is nothing to show."""
    present = [device for device in devices if device.state != "gone"]
    if not present:
        return Status(
            state="no-gpus",
            message="The driver answers, but there is no GPU here.",
            hint="In a container, start it with --gpus all; under a scheduler, ask for a GPU.",
            since=since,
        )
    if all(device.state == "lost" for device in present):
        return Status(
            state="no-gpus",
            message="All GPUs have fallen off the bus." if len(present) > 1 else "The GPU has fallen off the bus.",
            hint="Reset (nvidia-smi --gpu-reset) or reboot; dmesg names the cause. They are looked for all the time.",
            since=since,
        )
    return Status()
