"""What our own families begin with, and whose a number is."""

from __future__ import annotations

from ..model import Device, Hello
from .families import Labels

GPU, HOST = "gpumon_gpu_", "gpumon_host_"


def gpu_labels(device: Device, hello: Hello) -> Labels:
    """Who a number is of: ``uuid gpu name hostname``, and for a MIG instance ``gpu_instance compute_instance`` too."""
    return Labels(
        uuid=device.uuid,
        gpu=device.label.removeprefix("gpu"),
        name=device.name,
        hostname=hello.hostname,
        gpu_instance=device.gpu_instance,
        compute_instance=device.compute_instance,
    )
