"""A measurement as JSON and as a BoAmps report, and what was counted in it."""

from __future__ import annotations

import re

import jsonschema
import pytest
from msgspec import structs

from jupyter_gpumon.kernel.boamps import ExportError, quality, report
from jupyter_gpumon.model import Cell, CellDevice, Energy, Footprint

from .test_measure import _python

BOAMPS = {
    "type": "object",
    "required": ["task", "measures", "infrastructure"],
    "properties": {
        "header": {
            "required": ["reportDatetime"],
            "properties": {
                "reportDatetime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"},
                "reportStatus": {"enum": ["draft", "final", "corrective", "other"]},
                "publisher": {"required": ["confidentialityLevel"]},
            },
        },
        "task": {
            "required": ["taskStage", "taskFamily", "algorithms", "dataset"],
            "properties": {
                "taskStage": {"type": "string"},
                "taskFamily": {"type": "string"},
                "algorithms": {"type": "array", "minItems": 1, "items": {"type": "object"}},
                "dataset": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "required": ["dataUsage", "dataType"],
                        "properties": {
                            "dataUsage": {"enum": ["input", "output"]},
                            "dataType": {
                                "enum": [
                                    "tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word",
                                    "other",
                                ]
                            },
                            "dataQuantity": {"type": "number"},
                        },
                    },
                },
            },
        },
        "measures": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["measurementMethod", "powerConsumption"],
                "properties": {
                    "powerConsumption": {"type": "number"},
                    "measurementDuration": {"type": "number"},
                    "averageUtilizationGpu": {"type": "number", "minimum": 0, "maximum": 1},
                },
            },
        },
        "system": {"required": ["os"]},
        "software": {"required": ["language"]},
        "infrastructure": {
            "required": ["infraType", "components"],
            "properties": {
                "infraType": {"enum": ["publicCloud", "privateCloud", "onPremise", "other"]},
                "components": {
                    "minItems": 1,
                    "items": {
                        "required": ["componentType", "nbComponent"],
                        "properties": {"nbComponent": {"type": "integer"}},
                    },
                },
            },
        },
        "environment": {
            "required": ["country"],
            "properties": {"powerSourceCarbonIntensity": {"type": "number"}},
        },
        "quality": {"enum": ["high", "medium", "low"]},
    },
}  # fmt: skip
"""What BoAmps' report, dataset, measure and hardware schemas ask for, where it bears on what is written here."""

CELL = Cell(
    id="0123456789abcdef0123456789abcdef",
    title="epoch",
    start=1760000000.0,
    end=1760000012.4,
    devices=(CellDevice(name="gpu0", model="H200"), CellDevice(name="gpu1", model="H200", used=False)),
    energy={"gpu0": Energy(joules=3600.0, low=3580.0, high=3620.0), "gpu1": Energy(joules=900.0)},
    host_energy={"package-0": Energy(joules=720.0, method="rapl")},
    mean={"gpu0": {"utilization": 0.91}},
    counts={"token": 2000.0, "step": 10.0},
)


def test_a_boamps_report_has_what_its_schema_asks_for():
    """With nothing said by the user; energies in kWh, GPUs and CPU apart, only the GPUs that were used."""
    made = report(CELL)
    jsonschema.validate(made, BOAMPS)
    assert made["header"]["reportId"] == "01234567-89ab-cdef-0123-456789abcdef"
    assert [m["powerConsumption"] for m in made["measures"]] == [0.001, 0.0002]
    assert made["measures"][0]["measurementDuration"] == pytest.approx(12.4)
    assert made["task"]["dataset"] == [{"dataUsage": "input", "dataType": "token", "dataQuantity": 2000.0}]
    assert made["infrastructure"]["components"] == [{"componentName": "H200", "componentType": "gpu", "nbComponent": 1}]
    assert made["quality"] == "high"
    assert "environment" not in made


def test_what_the_user_says_goes_into_it():
    """Task, data, publisher, place; the region of the footprint is the country otherwise."""
    made = report(
        structs.replace(CELL, footprint=Footprint(region="DE", intensity=371.0, grams=0.4)),
        stage="training",
        family="text classification",
        algorithms=[{"algorithmName": "cnn"}],
        dataset=[{"dataUsage": "input", "dataType": "text"}],
        infrastructure="onPremise",
        publisher={"name": "us"},
        task={"measuredAccuracy": 0.9},
    )
    jsonschema.validate(made, BOAMPS)
    assert made["environment"] == {"country": "DE", "powerSourceCarbonIntensity": 371.0}
    assert made["header"]["publisher"] == {"confidentialityLevel": "public", "name": "us"}
    assert made["task"]["measuredAccuracy"] == 0.9
    assert made["task"]["taskStage"] == "training"


@pytest.mark.parametrize("value", [Energy(high=9.0), Energy(), Energy(joules=1.0, low=0.1, high=9.0)])
def test_what_has_no_number_is_not_published(value):
    """A report has no place for a bound."""
    with pytest.raises(ExportError, match="needs a number"):
        report(structs.replace(CELL, energy={"gpu0": value}))


@pytest.mark.parametrize(
    ("half", "method", "word"),
    [(0.02, "counter", "high"), (0.1, "counter", "medium"), (0.3, "counter", "low"), (0.0, "estimate", "low")],
)
def test_the_quality_is_the_error_with_the_sensors_scale(half, method, word):
    """±10 % is high, ±25 % medium, as BoAmps has it."""
    value = Energy(joules=100.0, low=100 - 100 * half, high=100 + 100 * half, method=method)
    assert quality(value) == word


def test_a_block_gives_its_numbers_per_token_and_is_saved(tmp_path):
    """count() in the block, per() after it; the file is a record that --compare takes, without UUIDs."""
    path = tmp_path / "x.json"
    joules, each, net, device, method, same, refused, titles = _python(f"""
        import time
        from jupyter_gpumon import measure
        from jupyter_gpumon.kernel.compare import earlier
        with measure("epoch", devices=[0]) as m:
            for _ in range(4):
                time.sleep(0.25); m.count(250, "token"); m.count()
        m.save({str(path)!r})
        m.save({str(tmp_path / "b.json")!r}, stage="training")
        try: m.count()
        except RuntimeError: refused = True
        print(m.energy, m.per("token"), m.net, *m.per_device, m.method, earlier({str(path)!r}).counts == m.cell.counts,
              refused, earlier({str(path)!r}).title)
    """)
    assert float(each) == pytest.approx(float(joules) / 1000)
    assert (device, method, same, refused, titles) == ("gpu0", "counter", "True", "True", "epoch")
    text = path.read_text()
    assert '"token": 1000.0' in text
    assert not re.search(r"GPU-|kernel_id|notebook", text)
    assert '"taskStage": "training"' in (tmp_path / "b.json").read_text()
    assert net == "None" or float(net) <= float(joules)
