"""dcgm-exporter's names, units, types and labels, so that its dashboards (Grafana 12239) and alerts work unchanged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from ..dcgm import DCGM, Look
from ..metrics import Gpu
from ..model import Device
from .collectors import EVENTS, FIELDS, HEALTH, P2P, XID, XIDS, Collector
from .families import Families, Family, Labels
from .following import WINDOW, Following
from .health import watches

_RATES = frozenset(field.metric for field in DCGM if field.rate) | {"nvlink_rx"}
_EVENTS = {
    "idle": "gpu_idle",
    "app_clocks": "clocks_setting",
    "thermal": "sw_thermal",
    "power_brake": "hw_power_brake",
    "display": "display_clocks",
}
"""Our clock events → DCGM's, where they differ."""
SLICES = 7
"""Compute slices of a board that can be split."""
_PEER, _NO_PEER = (0, "OK"), (5, "NotSupported")

Numbers = Iterator[tuple[Labels, float]]


def collect(found: Families, following: Following, collectors: Iterable[Collector]) -> None:
    """Add what the collectors ask for. Each has its family, also where the driver tells no number."""
    asked = tuple(collectors)
    said = [(_look(following, device, gpu), device, gpu) for device, gpu in following.devices()]
    marks = [each.name for each in asked if each.kind == "label" and each.name in FIELDS]
    for each in asked:
        if each.kind == "label":
            continue
        family = Family(name=each.name, kind=each.kind, help=each.help, exact=True)
        for look, device, gpu in said:
            labels = _labels(look, marks)
            own = _OWN.get(each.name)
            for more, value in own(following, device, gpu, labels) if own else _field(each.name, look, labels):
                family.add(more, value)
        found.put(family)


def _look(following: Following, device: Device, gpu: Gpu) -> Look:
    grown = {name: following.rates.per_second(device.uuid, name) for name in _RATES}
    return Look(following.hello, device, gpu, {name: rate for name, rate in grown.items() if rate is not None})


def _labels(look: Look, marks: Iterable[str]) -> Labels:
    device, instance = look.device, look.device.parent is not None
    board = device.parent or device.uuid
    return Labels(
        {
            "gpu": device.index,
            "UUID": board,
            "pci_bus_id": _bus(next((each.pci for each in look.hello.devices if each.uuid == board), None)),
            "device": f"nvidia{device.index}",
            "modelName": device.name.partition(" MIG ")[0],
            "GPU_I_PROFILE": _profile(device) if instance else None,
            "GPU_I_ID": device.gpu_instance if instance else None,
            # Not DCGM's: without it, two compute instances of one GPU instance could not be told apart.
            "GPU_CI_ID": device.compute_instance or None,
            "Hostname": look.hello.hostname,
            **{name: FIELDS[name].take(look) for name in marks},
        }
    )


def _profile(device: Device) -> str | None:
    """``1g.18gb``: as the driver names the instance, or by its share of the board."""
    named = device.name.partition(" MIG ")[2]
    if named or device.slices is None or device.memory_total is None:
        return named or None
    return f"{round(device.slices * SLICES)}g.{math.ceil(device.memory_total / 2**30)}gb"


def _bus(pci: str | None) -> str | None:
    """As DCGM writes it: eight digits of domain, capitals."""
    return pci and ":".join([pci.partition(":")[0].zfill(8), pci.partition(":")[2]]).upper()


def _field(name: str, look: Look, labels: Labels) -> Numbers:
    value = FIELDS[name].take(look) if name in FIELDS else None
    if isinstance(value, (int, float)):
        yield labels, round(value, 6)


def _xid(following: Following, device: Device, _: Gpu, labels: Labels) -> Numbers:
    if device.parent is None:
        yield labels, following.last_xid(device.uuid)


def _xids(following: Following, device: Device, _: Gpu, labels: Labels) -> Numbers:
    if device.parent is None:
        yield from _counted(labels, "xid", {str(xid): n for xid, n in following.recent_xids(device.uuid).items()})


def _events(following: Following, device: Device, _: Gpu, labels: Labels) -> Numbers:
    counts = following.held.counts(following.sample.mono)
    held = {_EVENTS.get(event, event): n for (uuid, event), n in counts.items() if uuid == device.uuid}
    if device.parent is None:
        yield from _counted(labels, "clock_event", held)


def _counted(labels: Labels, name: str, counts: Mapping[str, int]) -> Numbers:
    """A series each, and one of 0 where there is none, as dcgm-exporter has it."""
    window = labels.plus(window_size_in_ms=int(WINDOW * 1000))
    for what, count in counts.items():
        yield window.plus(**{name: what}), count
    if not counts:
        yield window, 0


def _health(following: Following, device: Device, gpu: Gpu, labels: Labels) -> Numbers:
    del gpu
    if device.parent is None:
        for watch, (status, code) in watches(following, device.uuid).items():
            yield labels.plus(health_watch=watch, health_error_code=code), status


def _p2p(following: Following, device: Device, _: Gpu, labels: Labels) -> Numbers:
    for uuid, link in device.topology.items():
        peer = following.known.get(uuid)
        if peer is not None:
            status, said = _PEER if link == "nvlink" else _NO_PEER
            yield labels.plus(peer_gpu=peer.index, link_status=said), status


_OWN: dict[str, Callable[[Following, Device, Gpu, Labels], Numbers]] = {
    XID: _xid,
    XIDS: _xids,
    EVENTS: _events,
    HEALTH: _health,
    P2P: _p2p,
}
