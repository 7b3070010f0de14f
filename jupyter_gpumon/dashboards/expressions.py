"""What is asked of Prometheus: expressions over the catalogue's metrics by their names there.

An expression that a dashboard asks is narrowed by the dashboard's variables; one of an alert rule is not.
"""

from __future__ import annotations

from ..exposition.names import GPU, HOST
from ..exposition.native import series_name
from ..metrics import HOST_METRICS, METRICS

NODE = 'instance=~"$instance"'
NODE_GPU = f'{NODE},gpu=~"$gpu"'
FLEET = 'hostname=~"$hostname"'


def gpu(name: str, where: str = "") -> str:
    """A GPU metric of the catalogue as Prometheus knows it: ``gpumon_gpu_power_watts{…}``."""
    return narrowed(series_name(METRICS[name], GPU), where)


def host(name: str, where: str = "") -> str:
    """A metric of the host: ``gpumon_host_cpu_ratio{…}``."""
    return narrowed(series_name(HOST_METRICS[name], HOST), where)


def narrowed(family: str, where: str = "") -> str:
    """Only the series of a family that match."""
    return f"{family}{{{where}}}" if where else family


def rate(counter: str, over: str = "$__rate_interval") -> str:
    """How fast a counter grows, per second."""
    return f"rate({counter}[{over}])"


def increase(counter: str, over: str = "$__range") -> str:
    """By how much a counter grew, by default over the range that the dashboard shows."""
    return f"increase({counter}[{over}])"


def share(part: str, whole: str) -> str:
    """A part of a whole, series by series."""
    return f"{part} / {whole}"
