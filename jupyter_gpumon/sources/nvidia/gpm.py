"""GPM: what the multiprocessors did between two looks (Hopper and later, MIG instances too)."""

from __future__ import annotations

import contextlib
import ctypes
import math
import time
from collections.abc import Iterable
from typing import Any

import pynvml as nvml

from .driver import NOT_YET, UNSUPPORTED, Absent, ask, meaning

SHORTEST, LONGEST = 0.1, 600.0
"""Seconds between two samples: the driver refreshes them each 100 ms, and a mean over hours tells little."""


class _Metric(ctypes.Structure):
    """The C structs without the conversions of nvidia-ml-py's own, which take most of the time of a look."""

    _fields_ = nvml.c_nvmlGpmMetric_t._fields_


class _MetricsGet(ctypes.Structure):
    _fields_ = tuple(
        (name, _Metric * kind._length_ if name == "metrics" else kind)
        for name, kind in nvml.c_nvmlGpmMetricsGet_t._fields_
    )


class Gpm:
    """Two sample buffers of one GPU or MIG instance, taken in turn."""

    def __init__(self, handle: Any, parent: Any = None, gpu_instance: int | None = None) -> None:
        self._handle, self._parent, self._gpu_instance = handle, parent, gpu_instance
        self._buffers: list[Any] = []
        self._request = _MetricsGet()
        self._slots: dict[int, Any] = {}
        """Metric → its place in the request, which is used again for the same metrics."""
        self._taken: float | None = None
        self._values: dict[int, Any] = {}
        self._missing: Absent | None = None

    def look(self, metrics: Iterable[int]) -> dict[int, Any]:
        """Values by GPM metric id, each a float or an ``Absent``, over the time since the look before."""
        wanted = list(metrics)
        if self._missing is None and not self._buffers:
            self._missing = self._prepare()
        if self._missing is not None:
            return dict.fromkeys(wanted, self._missing)
        now = time.monotonic()
        age = math.inf if self._taken is None else now - self._taken
        if age < SHORTEST:
            return {metric: self._values.get(metric, NOT_YET) for metric in wanted}
        self._buffers.reverse()
        failed = self._sample(self._buffers[1])
        if failed is not None:
            self._buffers.reverse()
            return dict.fromkeys(wanted, failed)
        self._taken = time.monotonic()  # after the sample, so that the next is never too close to it
        self._values = self._between(wanted) if age <= LONGEST else dict.fromkeys(wanted, NOT_YET)
        return self._values

    def close(self) -> None:
        """Free the buffers, which must happen while the driver session still lasts."""
        for buffer in self._buffers:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlGpmSampleFree(buffer)
        self._buffers.clear()

    def _prepare(self) -> Absent | None:
        support = ask(nvml.nvmlGpmQueryDeviceSupport, self._parent or self._handle)
        if isinstance(support, Absent):
            return support
        if not support.isSupportedDevice:
            return UNSUPPORTED
        for _ in range(2):
            buffer = ask(nvml.nvmlGpmSampleAlloc)
            if isinstance(buffer, Absent):
                return buffer
            self._buffers.append(buffer)
        return None

    def _sample(self, buffer: Any) -> Absent | None:
        """Take a sample; an instance through its board as DCGM does."""
        if self._parent is None:
            taken = ask(nvml.nvmlGpmSampleGet, self._handle, buffer)
        else:
            taken = ask(nvml.nvmlGpmMigSampleGet, self._parent, self._gpu_instance, buffer)
        return taken if isinstance(taken, Absent) else None

    def _between(self, wanted: list[int]) -> dict[int, Any]:
        if list(self._slots) != wanted:
            self._prepare_request(wanted)
        self._request.sample1, self._request.sample2 = self._buffers
        answer = ask(nvml.nvmlGpmMetricsGet, self._request)
        if isinstance(answer, Absent):
            return dict.fromkeys(wanted, answer)
        return {metric: _value(slot) for metric, slot in self._slots.items()}

    def _prepare_request(self, wanted: list[int]) -> None:
        self._request = _MetricsGet(version=nvml.NVML_GPM_METRICS_GET_VERSION, numMetrics=len(wanted))
        self._slots = dict(zip(wanted, self._request.metrics, strict=False))
        for metric, slot in self._slots.items():
            slot.metricId = metric


def _value(slot: Any) -> Any:
    if slot.nvmlReturn != nvml.NVML_SUCCESS:
        return meaning(slot.nvmlReturn)
    value = slot.value
    return NOT_YET if math.isnan(value) else value
