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
    answer = _struct(look, "nvmlDeviceGetGpuUptime_v1", _Uptime())
    return answer if isinstance(answer, Absent) else answer.uptime


def _struct(look: Look, function: str, struct: ctypes.Structure) -> Any:
    """The struct as the driver filled it in, by the function's symbol; an ``Absent`` where it did not."""
    call = symbol(function)
    if isinstance(call, Absent):
        return call
    code = call(look.access.handle, ctypes.byref(struct))
    return struct if code == nvml.NVML_SUCCESS else meaning(code)


def sram_threshold(look: Look) -> Any:
    """1 where uncorrectable SRAM errors have passed the board's threshold."""
    kind = getattr(nvml, "c_nvmlEccSramErrorStatus_v1_t", None)
    answer = UNSUPPORTED if kind is None else _struct(look, "nvmlDeviceGetSramEccErrorStatus", kind())
    return answer if isinstance(answer, Absent) else int(bool(answer.bThresholdExceeded))


class _Unrepairable(ctypes.Structure):
    # nvmlUnrepairableMemoryStatus_v1_t; nvidia-ml-py puts a version before it, which nvml.h does not have.
    _fields_ = (("flag", ctypes.c_uint),)


def unrepairable_memory(look: Look) -> Any:
    """1 where memory has failed that cannot be repaired."""
    answer = _struct(look, "nvmlDeviceGetUnrepairableMemoryFlag_v1", _Unrepairable())
    return answer if isinstance(answer, Absent) else int(bool(answer.flag))


def inforom_valid(look: Look) -> Any:
    """1 where the checksums of the board's flash are right; reads the flash, so seldom."""
    call = symbol("nvmlDeviceValidateInforom")
    if isinstance(call, Absent):
        return call
    code = call(look.access.handle)
    return int(code == nvml.NVML_SUCCESS) if code in _FLASH else meaning(code)


_FLASH = (nvml.NVML_SUCCESS, nvml.NVML_ERROR_CORRUPTED_INFOROM)


def _fabric(look: Look, member: str) -> Any:
    """A member of the newest struct of the fabric that this driver fills in; 0 is "not supported"."""
    kind = getattr(nvml, "c_nvmlGpuFabricInfo_v3_t", None)
    answer = UNSUPPORTED if kind is None else _struct(look, "nvmlDeviceGetGpuFabricInfoV", kind())
    return answer if isinstance(answer, Absent) else getattr(answer, member) or UNSUPPORTED


def fabric_state(look: Look) -> Any:
    """1 not started, 2 under way, 3 complete."""
    return _fabric(look, "state")


def fabric_health(look: Look) -> Any:
    """1 healthy, 2 unhealthy, 3 with limits."""
    return _fabric(look, "healthSummary")


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
