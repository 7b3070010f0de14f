"""Why a metric is not there, and what to do about it, in words."""

from __future__ import annotations

from collections.abc import Iterable

from .metrics import HOST_METRICS, METRICS
from .model import Device, Hello

_WORDS = {
    "unsupported": "this GPU does not report it",
    "permission": "the driver does not let this user read it. Ask for access to /dev/nvidia* (group video or render), "
    "or have an administrator set NVreg_RestrictProfilingToAdminUsers=0 for profiling metrics",
    "mig": "it is not available while MIG is on; look at its instances",
    "lost": "the GPU does not answer. Look at dmesg for its XID; a reset or a reboot brings it back",
    "asleep": "the GPU is asleep and is not woken for a reading",
    "error": "the driver answered with an error. See: gpumon status",
    "not-yet": "it has not been read yet",
}


def why(device: Device, metric: str) -> str:
    """Why this device has no value of this metric now, as part of a sentence."""
    if device.state != "ok":
        return device.detail.rstrip(".") or f"the GPU is {device.state}"
    return _WORDS.get(device.absent.get(metric, "not-yet"), _WORDS["not-yet"])


def of_devices(devices: Iterable[Device], metrics: Iterable[str]) -> list[str]:
    """``gpu0, gpu1: memory temperature: this GPU does not report it``; what is the same of several is said once."""
    found: dict[tuple[str, str], list[str]] = {}
    wanted = list(metrics)
    for device in devices:
        for metric in wanted:
            if metric in device.absent or device.state != "ok":
                found.setdefault((why(device, metric), device.label), []).append(METRICS[metric].title.lower())
    same: dict[tuple[str, str], list[str]] = {}
    for (reason, label), titles in found.items():
        same.setdefault((", ".join(titles), reason), []).append(label)
    return [f"{', '.join(labels)}: {titles}: {reason}" for (titles, reason), labels in same.items()]


def of_host(hello: Hello, metrics: Iterable[str]) -> list[str]:
    """The same of the host; its reasons come with what to do."""
    found: dict[str, list[str]] = {}
    for metric in metrics:
        if metric in hello.host_absent:
            reason = hello.host_absent[metric].partition(": ")
            found.setdefault(reason[2] or reason[0], []).append(HOST_METRICS[metric].title)
    return [f"{', '.join(titles)}: {reason}" for reason, titles in found.items()]
