"""Ways that take more than one call, or a call that nvidia-ml-py does not wrap."""

from __future__ import annotations

import ctypes
from typing import Any

import pynvml as nvml

from .driver import UNSUPPORTED, Absent, meaning, symbol
from .ways import Fields, Look

_SHUTDOWN, _SLOWDOWN = (Fields(((field, 0),)) for field in (193, 194))
"""T.Limit thresholds (Ada and later): signed margins, 0 where the clock starts to go down."""


def performance_state(look: Look) -> Any:
    """0 to 15; 32 is the driver's word for unknown."""
    state = look.ask("nvmlDeviceGetPerformanceState")
    return None if state == nvml.NVML_PSTATE_UNKNOWN else state


def fastest_fan(look: Look) -> Any:
    """Percent of the fastest of all fans."""
    speeds = [look.ask("nvmlDeviceGetFanSpeed_v2", fan) for fan in range(look.access.fans)]
    if not speeds:
        return UNSUPPORTED
    known = [speed for speed in speeds if not isinstance(speed, Absent)]
    return max(known) if known else speeds[0]


def retired_pages(look: Look) -> Any:
    """Pages retired for single-bit and for double-bit errors."""
    lists = [look.ask("nvmlDeviceGetRetiredPages", cause) for cause in (0, 1)]
    failed = next((pages for pages in lists if isinstance(pages, Absent)), None)
    return failed or sum(len(pages) for pages in lists)


class _Uptime(ctypes.Structure):
    _fields_ = (("uptime", ctypes.c_uint),)  # nvmlGpuUptime_v1_t


def uptime(look: Look) -> Any:
    """Seconds since the driver took up this GPU; nvidia-ml-py has no wrapper for it."""
    function = symbol("nvmlDeviceGetGpuUptime_v1")
    if isinstance(function, Absent):
        return function
    answer = _Uptime()
    code = function(look.access.handle, ctypes.byref(answer))
    return answer.uptime if code == nvml.NVML_SUCCESS else meaning(code)


def slowdown(look: Look) -> Any:
    """Core temperature in °C at which the clock is lowered, where only margins are known."""
    return _from_margin(look, _SLOWDOWN)


def shutdown(look: Look) -> Any:
    """Core temperature in °C at which the board switches itself off, where only margins are known."""
    return _from_margin(look, _SHUTDOWN)


def _from_margin(look: Look, threshold: Fields) -> Any:
    """T.Limit falls degree by degree as the core warms up: threshold = temperature now + margin now - T.Limit."""
    limit = look.read(threshold)
    margin = look.ask("nvmlDeviceGetMarginTemperature")
    temperature = look.ask("nvmlDeviceGetTemperatureV", 0)
    failed = next((part for part in (limit, margin, temperature) if isinstance(part, Absent)), None)
    return failed or float(temperature + margin - limit)
