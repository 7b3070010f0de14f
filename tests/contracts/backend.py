"""What every backend promises, whatever hardware (or simulation) it speaks to.

``for promise in PROMISES: promise(backend, wait)``, each with a backend just opened; ``wait(seconds)`` lets time pass
for it. At least one device must answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from jupyter_gpumon.metrics import METRICS
from jupyter_gpumon.model import REASONS, Event, Gpu, Process
from jupyter_gpumon.sources import Backend

Wait = Callable[[float], None]

ALL = frozenset(METRICS)

PLAUSIBLE = {
    "ratio": (0.0, 1.5),
    "watts": (0.0, 3_000.0),
    "celsius": (-50.0, 200.0),
    "hertz": (0.0, 30e9),
    "bytes": (0.0, 1e18),
    "joules": (0.0, 1e15),
    "seconds": (0.0, 1e10),
    "count": (0.0, 1e12),
}
"""Unit → least and most of any value: a factor of 1000 too much or too little is seen for most."""


def devices_have_unique_uuids_and_places(backend: Backend, wait: Wait) -> None:
    """No two devices share an identity or a label, and an instance stands after its board."""
    devices = backend.devices()
    uuids = [device.uuid for device in devices]
    assert devices
    assert len(set(uuids)) == len(uuids)
    assert len({device.label for device in devices}) == len(devices)
    for place, device in enumerate(devices):
        assert device.parent is None or device.parent in uuids[:place]


def devices_say_what_they_are(backend: Backend, wait: Wait) -> None:
    """Name and memory of a device that answers are known; its inventory is the same when looked at twice."""
    first, second = backend.devices(), backend.devices()
    assert [device.uuid for device in first] == [device.uuid for device in second]
    for device in first:
        assert device.name
        assert device.state != "ok" or device.memory_total is None or device.memory_total > 1e8


def every_metric_is_there_or_has_a_reason(backend: Backend, wait: Wait) -> None:
    """Of each device that answers, each metric of the catalogue has a value or a reason, and not both."""
    backend.devices()
    backend.read(ALL)
    wait(0.15)
    read = {gpu.uuid: gpu for gpu in backend.read(ALL)}
    for device in backend.devices():
        assert set(device.absent.values()) <= set(REASONS)
        assert set(device.absent) <= ALL
        if device.state == "ok":
            there = {name for name in ALL if getattr(read[device.uuid], name) is not None}
            assert there | set(device.absent) == ALL, f"unexplained: {ALL - there - set(device.absent)}"
            assert not there & set(device.absent), f"there and absent: {there & set(device.absent)}"


def only_what_is_wanted_is_read(backend: Backend, wait: Wait) -> None:
    """A metric that was not asked for stays None, also where it would cost nothing."""
    backend.devices()
    for gpu in backend.read(frozenset({"power", "temperature"})):
        assert {name for name in METRICS if getattr(gpu, name) is not None} <= {"power", "temperature"}
    assert all(gpu == Gpu(uuid=gpu.uuid) for gpu in backend.read(frozenset()))


def values_are_in_base_units(backend: Backend, wait: Wait) -> None:
    """Every value lies where one of its unit can lie."""
    backend.devices()
    for gpu in backend.read(ALL):
        for name, metric in METRICS.items():
            value = getattr(gpu, name)
            if value is not None and metric.kind in ("gauge", "counter") and name != "temperature_margin":
                least, most = PLAUSIBLE[metric.unit]
                assert least <= value <= most, f"{name} = {value} {metric.unit}"


def counters_only_grow(backend: Backend, wait: Wait) -> None:
    """No counter goes back, and energy goes on by what a GPU can draw."""
    counters = frozenset(name for name, metric in METRICS.items() if metric.kind == "counter")
    backend.devices()
    first = {gpu.uuid: gpu for gpu in backend.read(counters)}
    wait(1.2)
    for gpu in backend.read(counters):
        for name in counters:
            before, after = getattr(first[gpu.uuid], name), getattr(gpu, name)
            assert before is None or after is None or after >= before, name
        if gpu.energy is not None and first[gpu.uuid].energy is not None:
            assert 0 < gpu.energy - first[gpu.uuid].energy < 5_000


def energy_is_the_same_counter(backend: Backend, wait: Wait) -> None:
    """``energy(uuid)`` reads the metric ``energy``; of an unknown device it is None."""
    backend.devices()
    for gpu in backend.read(frozenset({"energy"})):
        now = backend.energy(gpu.uuid)
        assert (now is None) == (gpu.energy is None)
        assert now is None or 0 <= now - (gpu.energy or 0) < 1_000
    assert backend.energy("GPU-there-is-none") is None


def power_is_what_the_metric_says(backend: Backend, wait: Wait) -> None:
    """``power(uuid)`` is there where the metric is, is of a kind there is, and lies where power can lie."""
    backend.devices()
    for gpu in backend.read(frozenset({"power"})):
        now = backend.power(gpu.uuid)
        assert (now is None) == (gpu.power is None)
        if now is not None:
            assert now.kind in ("instant", "average")
            assert 0 <= now.watts < 3_000
    assert backend.power("GPU-there-is-none") is None


def recorded_power_is_in_order_and_told_once(backend: Backend, wait: Wait) -> None:
    """What the driver recorded ascends in Unix time and ends about now; what was told is not told again."""
    wait(0.5)
    for device in backend.devices():
        told = backend.power_history(device.uuid, time.time() - 1.0)
        if not told:
            continue
        stamps = [stamp for stamp, _ in told]
        assert stamps == sorted(set(stamps))
        assert time.time() - 2.0 < stamps[-1] < time.time() + 0.1
        assert all(0 <= watts < 3_000 for _, watts in told)
        assert all(stamp > stamps[-1] for stamp, _ in backend.power_history(device.uuid, stamps[-1]) or ())
    assert not backend.power_history("GPU-there-is-none", 0.0)


def a_sensor_is_of_a_board_and_known_by_its_words(backend: Backend, wait: Wait) -> None:
    """Where a backend knows how a board measures, it says by which method; an instance measures nothing itself."""
    for device in backend.devices():
        if device.sensor is not None:
            assert device.parent is None
            assert device.sensor.method in ("counter", "instant", "average", "none")
            assert device.sensor.duty is None or 0 < device.sensor.duty <= 1


def processes_are_on_known_devices(backend: Backend, wait: Wait) -> None:
    """Each process names a device of the inventory, once per pid, and nothing of it is negative."""
    uuids = {device.uuid for device in backend.devices()}
    processes = backend.processes()
    assert all(isinstance(process, Process) and process.uuid in uuids for process in processes)
    assert len({(process.uuid, process.pid) for process in processes}) == len(processes)
    for process in processes:
        assert process.memory is None or process.memory >= 0
        assert process.utilization is None or 0 <= process.utilization <= 1


def events_do_not_wait(backend: Backend, wait: Wait) -> None:
    """Events are a list, told once."""
    backend.devices()
    told = list(backend.events())
    assert all(isinstance(event, Event) and event.title for event in told)


def closing_twice_does_no_harm(backend: Backend, wait: Wait) -> None:
    """``close`` is for whoever is not sure."""
    backend.devices()
    backend.close()
    backend.close()


PROMISES: tuple[Callable[[Backend, Wait], None], ...] = (
    devices_have_unique_uuids_and_places,
    devices_say_what_they_are,
    every_metric_is_there_or_has_a_reason,
    only_what_is_wanted_is_read,
    values_are_in_base_units,
    counters_only_grow,
    energy_is_the_same_counter,
    power_is_what_the_metric_says,
    recorded_power_is_in_order_and_told_once,
    a_sensor_is_of_a_board_and_known_by_its_words,
    processes_are_on_known_devices,
    events_do_not_wait,
    closing_twice_does_no_harm,
)
"""All of them, for ``pytest.mark.parametrize("promise", PROMISES)``."""
