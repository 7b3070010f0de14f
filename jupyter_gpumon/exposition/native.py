"""Our own names: every metric of the catalogue in base units, ``gpumon_gpu_power_watts`` and so on."""

from __future__ import annotations

from collections.abc import Iterable

from ..metrics import CLOCK_EVENTS, HOST_METRICS, METRICS, Gpu, Host, Metric
from ..model import Device, Hello
from . import health
from .families import Families, Family, Labels
from .following import Following
from .names import GPU, HOST, gpu_labels


def family_name(metric: Metric, prefix: str = GPU) -> str:
    """The family of a metric, without a counter's ``_total``."""
    if metric.kind == "set":
        return prefix + metric.name.removesuffix("s")
    # Names that end in _count are kept for histograms and summaries.
    return prefix + (metric.column.removesuffix("_count") + "s" if metric.column.endswith("_count") else metric.column)


def series_name(metric: Metric, prefix: str = GPU) -> str:
    """The name that the numbers of a metric carry: what to write in a query."""
    return family_name(metric, prefix) + ("_total" if metric.kind == "counter" else "")


CONSTANTS = (
    ("power_limit_default", "watts", "Power limit the board is delivered with."),
    ("power_limit_max", "watts", "Highest power limit that can be set."),
    ("temperature_slowdown", "celsius", "Core temperature at which the clock is lowered."),
    ("temperature_shutdown", "celsius", "Core temperature at which the board is shut down."),
    ("temperature_memory_max", "celsius", "Memory temperature at which the clock is lowered."),
    ("clock_sm_max", "hertz", "Highest clock of the streaming multiprocessors."),
    ("clock_memory_max", "hertz", "Highest clock of the device memory."),
)
"""What a device says once: a field of ``Device``, its unit and one line of help."""


def collect(found: Families, following: Following) -> None:
    """Add GPUs, host, XIDs and health, as far as what is known of them still holds."""
    hello = following.hello
    for device, gpu in following.devices():
        _gpu(found, gpu_labels(device, hello), device, gpu)
    if following.fresh:
        _presence(found, hello)
        if following.sample.host is not None:
            _host(found, Labels(hostname=hello.hostname), following.sample.host)
    _xids(found, following)
    health.collect(found, following)


def _gpu(found: Families, labels: Labels, device: Device, gpu: Gpu) -> None:
    for metric in METRICS.values():
        value = getattr(gpu, metric.name)
        if metric.kind == "set":
            _clock_events(found, labels, metric, value)
        else:
            _family(found, metric, GPU).add(labels, value)
    for name, unit, said in CONSTANTS:
        found.gauge(f"{GPU}{name}_{unit}", said, unit).add(labels, getattr(device, name))


def _family(found: Families, metric: Metric, prefix: str) -> Family:
    name = family_name(metric, prefix)
    unit = metric.unit if metric.unit and name.endswith(f"_{metric.unit}") else ""
    return found.of(name, "counter" if metric.kind == "counter" else "gauge", metric.help, unit)


def _clock_events(found: Families, labels: Labels, metric: Metric, now: tuple[str, ...] | None) -> None:
    family = _family(found, metric, GPU)
    for event in CLOCK_EVENTS if now is not None else ():
        family.add(labels.plus(event=event), event in (now or ()))


def _presence(found: Families, hello: Hello) -> None:
    """Which devices there are, also those that are lost: for them this is the only series."""
    up = found.gauge(GPU + "up", "1 where the GPU answers; 0 where it is lost, or its readings fail.")
    about = found.gauge(GPU + "info", "What the GPU is; always 1.")
    for device in hello.devices:
        labels = gpu_labels(device, hello)
        up.add(labels, device.state in ("ok", "asleep"))
        more = {"driver": hello.driver, "vbios": device.vbios, "pci": device.pci, "architecture": device.architecture}
        about.add(labels.plus(**more, state=device.state), 1)


def _host(found: Families, labels: Labels, host: Host) -> None:
    for metric in HOST_METRICS.values():
        family, value = _family(found, metric, HOST), getattr(host, metric.name)
        if metric.kind != "list":
            family.add(labels, value)
            continue
        for core, share in enumerate(value or ()):
            family.add(labels.plus(core=core), share)


def _xids(found: Families, following: Following) -> None:
    """Counted since this process began, also of a GPU that is gone: the XID that took it away is what matters."""
    total = found.counter(GPU + "xid_errors", "XID errors the driver has told of since monitoring began.")
    last = found.gauge(GPU + "xid_last_timestamp_seconds", "Unix time of the last XID error of this number.", "seconds")
    for (uuid, code), xid in following.xids.items():
        device = following.known.get(uuid)
        labels = gpu_labels(device, following.hello) if device else Labels(uuid=uuid)
        total.add(labels.plus(xid=code), xid.count)
        last.add(labels.plus(xid=code), xid.time)


def documented() -> Iterable[tuple[str, str]]:
    """(name as in a query, help) of what is read off the catalogue, in its order."""
    for prefix, metrics in ((GPU, METRICS), (HOST, HOST_METRICS)):
        for metric in metrics.values():
            yield series_name(metric, prefix), metric.help
