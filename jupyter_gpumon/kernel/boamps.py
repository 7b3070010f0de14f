"""A measurement as a BoAmps report, the format in which Boavizta collects the energy of AI tasks.

Fields, and which are required, are those of github.com/Boavizta/BoAmps, model/*_schema.json (format 0.1, 2025).
``powerConsumption`` is an energy in kWh there. What only the user knows (task, data, publisher) is passed in.
"""

from __future__ import annotations

import platform
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..energy.sensors import SCALE
from ..energy.sums import total
from ..errors import GpuMonError
from ..model import Cell, Energy
from ..report.amounts import charge, energy, half, resolved, used

FORMAT = "0.1"
SPECIFICATION = "https://github.com/Boavizta/BoAmps/tree/main/model"
_KWH = 3.6e6
_UNSTATED = "not stated"
_DATA = ("tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word")


class ExportError(GpuMonError):
    """A measurement cannot be published as it is."""


def report(
    cell: Cell,
    *,
    stage: str = _UNSTATED,
    family: str = _UNSTATED,
    algorithms: Sequence[Mapping[str, Any]] = (),
    dataset: Sequence[Mapping[str, Any]] = (),
    infrastructure: str = "other",
    **more: Mapping[str, Any],
) -> dict[str, Any]:
    """The report, to be written as JSON.

    Args:
        cell: a final record.
        stage: ``training``, ``finetuning``, ``inference``, …
        family: ``text classification``, ``image generation``, …
        algorithms: each as in algorithm_schema.json, for example ``{"foundationModelName": "llama3.1-8b"}``.
        dataset: each as in dataset_schema.json; left out, what was counted (tokens, images) is named.
        infrastructure: ``publicCloud``, ``privateCloud``, ``onPremise`` or ``other``.
        more: further keys of a section: ``publisher={…}``, ``task={…}``, ``environment={"country": "France"}``.

    Raises:
        ExportError: no single number is known for the energy of the GPUs.
    """
    whole = charge(cell).whole
    if whole.joules is None or not resolved(whole):
        raise ExportError(f"A BoAmps report needs a number, and of this measurement there is none: {energy(whole)}.")
    made: dict[str, Any] = {
        "header": _header(cell, more.get("publisher")),
        "task": {
            "taskStage": stage,
            "taskFamily": family,
            "algorithms": [dict(one) for one in algorithms] or [{"algorithmName": _UNSTATED}],
            "dataset": [dict(one) for one in dataset] or _counted(cell),
            **({"taskDescription": cell.title} if cell.title else {}),
            **more.get("task", {}),
        },
        "measures": list(_measures(cell, whole)),
        "system": {"os": platform.system().lower(), **more.get("system", {})},
        "software": {"language": "python", "version": platform.python_version(), **more.get("software", {})},
        "infrastructure": {
            "infraType": infrastructure,
            "components": _components(cell),
            **more.get("infrastructure_more", {}),
        },
        "quality": quality(whole),
    }
    place = _environment(cell) | dict(more.get("environment", {}))
    return made | ({"environment": place} if place.get("country") else {})


def _header(cell: Cell, publisher: Mapping[str, Any] | None) -> dict[str, Any]:
    header = {
        "formatVersion": FORMAT,
        "formatVersionSpecificationUri": SPECIFICATION,
        "reportId": str(uuid.UUID(cell.id)) if len(cell.id) == 32 else str(uuid.uuid4()),
        "reportDatetime": _moment(time.time()),
        "reportStatus": "draft",
    }
    return header | ({"publisher": {"confidentialityLevel": "public", **publisher}} if publisher else {})


def _moment(unix: float) -> str:
    """Local time in the format that the schema asks for."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix))


def _counted(cell: Cell) -> list[dict[str, Any]]:
    known = [
        {"dataUsage": "input", "dataType": unit, "dataQuantity": number}
        for unit, number in cell.counts.items()
        if unit in _DATA
    ]
    return known or [{"dataUsage": "input", "dataType": "other"}]


def _measures(cell: Cell, whole: Energy) -> list[dict[str, Any]]:
    """One for the GPUs, and one for CPU and memory where RAPL could be read."""
    from .. import __version__

    def measure(joules: float, **how: Any) -> dict[str, Any]:
        return {
            "measurementMethod": "jupyter-gpumon",
            "version": __version__,
            **how,
            "powerConsumption": joules / _KWH,
            "measurementDuration": cell.duration,
            "measurementDateTime": _moment(cell.start),
        }

    busy = [cell.mean[name]["utilization"] for name in used(cell) if "utilization" in cell.mean.get(name, {})]
    load = {"averageUtilizationGpu": sum(busy) / len(busy)} if busy else {}
    found = [measure(whole.joules or 0.0, gpuTrackingMode=_TRACKING.get(whole.method, whole.method), **load)]
    host = total(value for value in cell.host_energy.values() if value.method == "rapl")
    if host.joules is not None:
        found.append(measure(host.joules, cpuTrackingMode="rapl"))
    return found


_TRACKING = {"counter": "nvml energy counter", "power": "nvml power readings", "estimate": "estimate"}


def _components(cell: Cell) -> list[dict[str, Any]]:
    """The GPUs that counted, by model."""
    models = Counter(device.model for device in cell.devices if device.used)
    return [{"componentName": model, "componentType": "gpu", "nbComponent": n} for model, n in models.items()]


def _environment(cell: Cell) -> dict[str, Any]:
    found = cell.footprint
    if found is None or not found.region or found.intensity is None:
        return {}
    return {"country": found.region, "powerSourceCarbonIntensity": found.intensity}


def quality(value: Energy) -> str:
    """``high`` up to 10 % of error, ``medium`` up to 25 %, else ``low``; the sensor's own scale included."""
    spread = half(value)
    if value.method == "estimate" or spread is None or not value.joules:
        return "low"
    error = spread / value.joules + SCALE
    return "high" if error <= 0.10 else "medium" if error <= 0.25 else "low"
