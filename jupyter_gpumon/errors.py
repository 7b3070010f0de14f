"""
What can go wrong, and what each says to the user:

* GpuMonError
  x DriverError          the driver, as a whole, does not answer (``state`` is a Status state)
    - LibraryNotFound    no-library: CPU only, probed again every minute
    - DriverNotLoaded    no-driver: initialise again later
    - LibraryMismatch    mismatch: only a fresh process can heal it
    - DriverDenied       permission
  x DeviceLost           one GPU fell off the bus; the others go on
  x DeviceError          a device was asked for that there is not
  x SourceError          a source URL is malformed, or its stream cannot be opened
  x WireError            a message is not one
  x CellError            a cell was refused
  x RunError             a run, or what is logged in it, cannot be what was said
  x RatesError           a region, a price or a PUE cannot be used
  x RuleError            a rule cannot be read; it knows the column of the mistake
  x DeliveryError        alerts could not be handed over; it knows whether trying again is of use
  x PolicyError          a policy cannot be used, or what it is to do is refused
  x ExporterError        metrics cannot be served as they were asked for
"""

from __future__ import annotations


class GpuMonError(Exception):
    """Root of all errors of jupyter-gpumon. The text says what to do."""


class DriverError(GpuMonError):
    """The driver does not answer; ``state`` and ``hint`` go into ``Status``."""

    state = "no-driver"
    hint = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or type(self).hint


class LibraryNotFound(DriverError):
    """libnvidia-ml.so.1 is not on this machine."""

    state = "no-library"
    hint = (
        "Install the NVIDIA driver (a container: start it with --gpus all); it is found within a minute. "
        "To look around with simulated GPUs: gpumon demo --source sim"
    )


class DriverNotLoaded(DriverError):
    """The library is there, the kernel module is not."""

    state = "no-driver"
    hint = "Load the NVIDIA kernel module (modprobe nvidia), or start the container with --gpus all."


class LibraryMismatch(DriverError):
    """The driver was upgraded under a running machine or container."""

    state = "mismatch"
    hint = (
        "The driver was upgraded while in use, and no new program can use the GPUs: "
        "restart the container, or reboot the machine."
    )


class DriverDenied(DriverError):
    """This user may not open the device files."""

    state = "permission"
    hint = "Ask for access to /dev/nvidia* (usually the group video or render)."


class DeviceLost(GpuMonError):
    """A GPU fell off the bus (NVML error 15)."""


class DeviceError(GpuMonError):
    """A device was asked for that there is not; the text names those there are."""


class SourceError(GpuMonError):
    """A source cannot be opened; the text names the URL and what is wrong with it."""


class WireError(GpuMonError):
    """A message that cannot be read."""


class CellError(GpuMonError):
    """A cell record that is not accepted."""


class RatesError(GpuMonError):
    """A region, a price or a PUE that cannot be used; the text names the mistake."""


class RunError(GpuMonError):
    """A run that there is not, or something that cannot be logged, compared or exported; the text says what can."""


class ExporterError(GpuMonError):
    """Metrics cannot be served as they were asked for; the text names the mistake."""


class RuleError(GpuMonError):
    """A rule that cannot be used; the text says why, and ``column`` where in its condition, counted from 1."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


class PolicyError(GpuMonError):
    """A policy that cannot be used, or something that it may not or cannot do; the text says why."""


class DeliveryError(GpuMonError):
    """Alerts could not be handed over; the text holds no address or secret.

    Args:
        message: what went wrong.
        refused: the receiver never takes this message, so that trying again is of no use.
        after: seconds after which it wants to be asked again.
    """

    def __init__(self, message: str, *, refused: bool = False, after: float = 0.0) -> None:
        super().__init__(message)
        self.refused, self.after = refused, after
