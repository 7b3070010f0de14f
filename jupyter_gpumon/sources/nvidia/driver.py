"""Meeting the driver: every NVML call passes through here, and only here is known what an error code means."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pynvml as nvml

from ...errors import DeviceLost, DriverDenied, DriverError, DriverNotLoaded, LibraryMismatch, LibraryNotFound


class Absent(NamedTuple):
    """An answer that is none, and why: one of ``model.REASONS``."""

    reason: str


UNSUPPORTED = Absent("unsupported")
PERMISSION = Absent("permission")
NOT_YET = Absent("not-yet")
ERROR = Absent("error")
MIG = Absent("mig")

_MEANING = {
    nvml.NVML_ERROR_INVALID_ARGUMENT: UNSUPPORTED,  # of a field id or an enum value this driver does not know
    nvml.NVML_ERROR_NOT_SUPPORTED: UNSUPPORTED,
    nvml.NVML_ERROR_FUNCTION_NOT_FOUND: UNSUPPORTED,
    22: UNSUPPORTED,  # VGPU_ECC_NOT_SUPPORTED
    25: UNSUPPORTED,  # ARGUMENT_VERSION_MISMATCH
    26: UNSUPPORTED,  # DEPRECATED
    nvml.NVML_ERROR_NO_PERMISSION: PERMISSION,
    nvml.NVML_ERROR_NOT_FOUND: NOT_YET,
    21: NOT_YET,  # NO_DATA
}

_LOST = {
    nvml.NVML_ERROR_GPU_IS_LOST: (
        "The machine has lost this GPU (it has fallen off the bus); what ran on it has failed. "
        "It usually takes a reboot."
    ),
    nvml.NVML_ERROR_RESET_REQUIRED: "The GPU must be reset before it can be used again (nvidia-smi --gpu-reset).",
    nvml.NVML_ERROR_INSUFFICIENT_POWER: "The GPU gets too little power: look at its power cables.",
}

_DRIVER_ERRORS: dict[int, tuple[type[DriverError], str]] = {
    nvml.NVML_ERROR_LIBRARY_NOT_FOUND: (
        LibraryNotFound,
        "NVIDIA's library libnvidia-ml.so.1 was not found.",
    ),
    nvml.NVML_ERROR_DRIVER_NOT_LOADED: (DriverNotLoaded, "The NVIDIA driver is not loaded."),
    nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
        LibraryMismatch,
        "The NVIDIA kernel module and libnvidia-ml.so.1 have different versions.",
    ),
    nvml.NVML_ERROR_UNINITIALIZED: (DriverError, "The NVIDIA driver was unloaded or restarted."),
    28: (DriverError, "The NVIDIA driver no longer knows this GPU."),  # GPU_NOT_FOUND
}


def meaning(code: int) -> Absent:
    """Why there is no answer.

    Raises:
        DeviceLost: this one GPU cannot be reached.
        DriverError: the driver as a whole does not answer.
    """
    if code in _LOST:
        raise DeviceLost(_LOST[code])
    if code in _DRIVER_ERRORS:
        raise driver_error(code)
    return _MEANING.get(code, ERROR)


def driver_error(code: int) -> DriverError:
    """The error to raise where the driver as a whole answers with this code."""
    if code == nvml.NVML_ERROR_NO_PERMISSION:
        return DriverDenied("This user may not open the NVIDIA driver.")
    kind, text = _DRIVER_ERRORS.get(code, (DriverError, f"The NVIDIA driver answers with error {code}."))
    return kind(text)


def ask(call: Callable[..., Any], *args: Any) -> Any:
    """The call's value, or an ``Absent`` with the reason; raises what ``meaning`` raises."""
    try:
        return call(*args)
    except nvml.NVMLError as e:
        return meaning(e.value)


def ask_named(function: str, *args: Any) -> Any:
    """As ``ask``, by the function's name: absent where the installed nvidia-ml-py does not know it either."""
    call = getattr(nvml, function, None)
    return UNSUPPORTED if call is None else ask(call, *args)


def ask_driver(call: Callable[..., Any], *args: Any) -> Any:
    """As ``ask``, for what concerns no single GPU: any error is the driver's."""
    try:
        return call(*args)
    except nvml.NVMLError as e:
        raise driver_error(e.value) from None


def start() -> None:
    """Begin a driver session; may be begun anew after ``stop`` in the same process."""
    stop()  # A session that could not be ended while the driver was away would go on, with all its GPUs lost.
    ask_driver(nvml.nvmlInit)


def stop() -> None:
    """End the driver session. A driver that has gone cannot be told so, which does no harm."""
    with contextlib.suppress(nvml.NVMLError):
        nvml.nvmlShutdown()


def symbol(name: str) -> Callable[..., int] | Absent:
    """A C function of the library, for those that nvidia-ml-py wraps badly or not at all; it returns an error code."""
    found: Callable[..., int] | Absent = ask(nvml._nvmlGetFunctionPointer, name)
    return found


class Versions(NamedTuple):
    """Of the driver, of NVML and of the newest CUDA this driver runs; None where the driver does not say."""

    driver: str | None
    nvml: str | None
    cuda: str | None


def versions() -> Versions:
    """Ask for the three versions. The unversioned CUDA call needs no libcuda."""
    driver, library = ask(nvml.nvmlSystemGetDriverVersion), ask(nvml.nvmlSystemGetNVMLVersion)
    cuda = ask(nvml.nvmlSystemGetCudaDriverVersion)
    return Versions(
        None if isinstance(driver, Absent) else driver,
        None if isinstance(library, Absent) else library,
        None if isinstance(cuda, Absent) else f"{cuda // 1000}.{cuda % 1000 // 10}",
    )
