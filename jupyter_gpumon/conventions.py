"""What OpenTelemetry calls the metrics of the catalogue: by its semantic conventions where there is a name (``hw.*``,
``system.*``, ``gen_ai.*``), else ``gpumon.gpu.*`` and ``gpumon.host.*``. The table in docs/metrics.md is read off this.

Source: OpenTelemetry semantic conventions 1.40, Hardware and System (status: development), and Generative AI.
"""

from __future__ import annotations

import re

from msgspec import Struct, field

from .metrics import HOST_METRICS, METRICS, Metric

UNITS = {"watts": "W", "joules": "J", "bytes": "By", "hertz": "Hz", "seconds": "s", "celsius": "Cel"}
"""Unit of the catalogue → UCUM, where it is not ``1``."""

INSTRUMENTS = {"gauge": "gauge", "counter": "counter", "set": "gauge", "list": "gauge"}


class Convention(Struct, frozen=True, kw_only=True):
    """One metric as OpenTelemetry says it."""

    name: str
    unit: str
    help: str
    instrument: str
    """``gauge``, ``counter`` (only grows), ``updowncounter`` (a sum that can fall) or ``histogram``."""
    attributes: dict[str, str] = field(default_factory=dict)
    """What tells this series from others of the same name."""
    type: str = "gpu"
    """``hw.type``: what kind of component it is a metric of."""
    part: str = ""
    """The sensor, fan or memory of the component that is meant; it is then the parent."""

    @property
    def said(self) -> str:
        """Name and attributes as the docs say them: ``hw.gpu.io{network.io.direction=receive}``."""
        inner = ", ".join(f"{key}={value}" for key, value in self.attributes.items())
        return self.name + (f"{{{inner}}}" if inner else "")


class _Known(Struct, frozen=True):
    """What the conventions have for one of our metrics; None takes what the catalogue says."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    instrument: str | None = None
    type: str = "gpu"
    part: str = ""


_UP_DOWN = "updowncounter"


def _task(task: str) -> _Known:
    return _Known("hw.gpu.utilization", {"hw.gpu.task": task})


def _temperature(part: str) -> _Known:
    return _Known("hw.temperature", {"hw.sensor_location": part}, type="temperature", part=part)


def _state(name: str, state: str) -> _Known:
    return _Known(name, {f"{name.rpartition('.')[0]}.state": state}, _UP_DOWN)


_GPU = {
    "utilization": _task("general"),
    "encoder": _task("encoder"),
    "decoder": _task("decoder"),
    "jpeg": _task("jpeg"),
    "ofa": _task("optical_flow"),
    "power": _Known("hw.power"),
    "energy": _Known("hw.energy"),
    "temperature": _temperature("core"),
    "temperature_memory": _temperature("memory"),
    "fan": _Known("hw.fan.speed_ratio", type="fan", part="fan"),
    "memory_used": _Known("hw.gpu.memory.usage", instrument=_UP_DOWN),
    "memory_total": _Known("hw.gpu.memory.limit", instrument=_UP_DOWN),
    "pcie_tx": _Known("hw.gpu.io", {"network.io.direction": "transmit"}),
    "pcie_rx": _Known("hw.gpu.io", {"network.io.direction": "receive"}),
    "nvlink_tx": _Known("gpumon.gpu.nvlink.io", {"network.io.direction": "transmit"}),
    "nvlink_rx": _Known("gpumon.gpu.nvlink.io", {"network.io.direction": "receive"}),
    "ecc_corrected": _Known("hw.errors", {"error.type": "corrected"}),
    "ecc_uncorrected": _Known("hw.errors", {"error.type": "uncorrected"}),
}

_HOST = {
    "cpu": _Known("system.cpu.utilization"),
    "cpu_count": _Known("system.cpu.logical.count", instrument=_UP_DOWN),
    "memory_used": _state("system.memory.usage", "used"),
    "memory_total": _Known("system.memory.limit", instrument=_UP_DOWN),
    "swap_used": _state("system.paging.usage", "used"),
    "disk_read": _Known("system.disk.io", {"disk.io.direction": "read"}),
    "disk_written": _Known("system.disk.io", {"disk.io.direction": "write"}),
    "network_received": _Known("system.network.io", {"network.io.direction": "receive"}),
    "network_sent": _Known("system.network.io", {"network.io.direction": "transmit"}),
    "cpu_energy": _Known("hw.energy", type="cpu", part="cpu"),
    "dram_energy": _Known("hw.energy", type="memory", part="memory"),
}


def _convention(metric: Metric, known: _Known, prefix: str) -> Convention:
    return Convention(
        name=known.name or f"{prefix}.{metric.name}",
        unit="{error}" if known.name == "hw.errors" else "{cpu}" if "logical.count" in known.name else unit(metric),
        help=metric.help,
        instrument=known.instrument or INSTRUMENTS[metric.kind],
        attributes=known.attributes,
        type=known.type,
        part=known.part,
    )


def unit(metric: Metric) -> str:
    """The metric's unit as UCUM has it."""
    return UNITS.get(metric.unit, "1")


GPU: dict[str, Convention] = {
    name: _convention(metric, _GPU.get(name, _Known("")), "gpumon.gpu") for name, metric in METRICS.items()
}
"""Of each GPU metric, by its name in the catalogue."""

HOST: dict[str, Convention] = {
    name: _convention(metric, _HOST.get(name, _Known("")), "gpumon.host") for name, metric in HOST_METRICS.items()
}
"""Of each metric of the host."""

MEMORY_UTILIZATION = Convention(
    name="hw.gpu.memory.utilization", unit="1", help="Share of the device memory in use.", instrument="gauge"
)
"""Worked out from ``memory_used`` and ``memory_total``."""

STATUS = Convention(
    name="hw.status",
    unit="1",
    help="1 for the state the GPU is in, 0 for the others: ok, degraded, failed, predicted_failure.",
    instrument=_UP_DOWN,
)
STATES = ("ok", "degraded", "failed", "predicted_failure")

TEMPERATURE_LIMIT = Convention(
    name="hw.temperature.limit",
    unit="Cel",
    help="Core temperature at which the clock is lowered (throttled) or the board goes off (critical).",
    instrument="gauge",
    type="temperature",
    part="core",
)

_RUNS = {
    "ttft_s": "gen_ai.server.time_to_first_token",
    "inter_token_latency_s": "gen_ai.server.time_per_output_token",
    "e2e_latency_s": "gen_ai.server.request.duration",
}
"""What ``run.generation()`` times → the name for it."""

TOKENS = "gen_ai.client.token.usage"


def run_metric(name: str, kind: str, unit: str) -> Convention:
    """Of what a run logs: the timing of a model by its conventions, all else under the name it was logged by."""
    if kind == "histogram" and name == "output_tokens":
        more = {"gen_ai.token.type": "output"}
        return Convention(name=TOKENS, unit="{token}", help=_LOGGED, instrument=kind, attributes=more)
    known = _RUNS.get(name) if kind == "histogram" else None
    safe = re.sub(r"[^A-Za-z0-9_./-]", "_", name)
    return Convention(
        name=known or f"gpumon.run.{safe}", unit=UNITS.get(unit, "1"), help=_LOGGED, instrument=kind, type="run"
    )


_LOGGED = "Logged by a run."

DERIVED = (MEMORY_UTILIZATION, STATUS, TEMPERATURE_LIMIT)
"""What is worked out from several metrics, or from what does not change."""
