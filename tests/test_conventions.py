"""The names OpenTelemetry has for our metrics, held against its own package of semantic conventions."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from jupyter_gpumon import conventions
from jupyter_gpumon.conventions import DERIVED, GPU, HOST
from jupyter_gpumon.metrics import HOST_METRICS, METRICS

pytest.importorskip("opentelemetry.semconv")

EVERY = (*GPU.values(), *HOST.values(), *DERIVED)
KINDS = {"gauge": "gauge", "counter": "counter", "up_down_counter": "updowncounter"}


def _official() -> dict[str, tuple[str, str]]:
    """Name → (instrument, unit), of all that OpenTelemetry has for hardware and systems, read off its own makers."""
    found = {}
    for family in ("hw", "system"):
        module = importlib.import_module(f"opentelemetry.semconv._incubating.metrics.{family}_metrics")
        for name, make in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("create_"):
                source = inspect.getsource(make)
                kind = re.search(r"meter\.create_(?:observable_)?(\w+)\(", source)[1]
                key = re.search(r"name=(\w+)", source)[1]
                found[getattr(module, key)] = KINDS[kind], re.search(r'unit="([^"]*)"', source)[1]
    return found


def _attributes() -> set[str]:
    """All attributes that OpenTelemetry knows for these."""
    families = "hw", "system", "network", "disk", "cpu", "host"
    modules = [
        importlib.import_module(f"opentelemetry.semconv._incubating.attributes.{f}_attributes") for f in families
    ]
    modules.append(importlib.import_module("opentelemetry.semconv.attributes.error_attributes"))
    return {value for module in modules for name, value in vars(module).items() if name.isupper()}


def test_every_metric_of_the_catalogue_has_a_name():
    """One each, in the catalogue's order; no two series are the same."""
    assert list(GPU) == list(METRICS)
    assert list(HOST) == list(HOST_METRICS)
    series = [(each.said, each.type, each.part) for each in EVERY]
    assert len(set(series)) == len(series)


def test_names_units_and_instruments_are_the_conventions_own():
    """What does not start with gpumon. stands in OpenTelemetry's package, and is of the same kind and unit there."""
    official = _official()
    theirs = {each.name: (each.instrument, each.unit) for each in EVERY if not each.name.startswith("gpumon.")}
    assert {"hw.gpu.utilization", "hw.energy", "hw.status", "system.cpu.utilization"} <= set(theirs)
    assert {name: official.get(name) for name in theirs} == theirs


def test_what_times_a_model_has_the_conventions_own_names():
    """All are histograms there, in seconds or tokens; what else a run logs keeps its name, as far as names go."""
    module = importlib.import_module("opentelemetry.semconv._incubating.metrics.gen_ai_metrics")
    known = {value for name, value in vars(module).items() if name.isupper()}
    names = "ttft_s", "inter_token_latency_s", "e2e_latency_s", "output_tokens"
    found = [conventions.run_metric(name, "histogram", "seconds") for name in names]
    assert {each.name for each in found} <= known
    assert [each.unit for each in found] == ["s", "s", "s", "{token}"]
    assert conventions.run_metric("my loss/α", "gauge", "").name == "gpumon.run.my_loss/_"
    assert conventions.run_metric("ttft_s", "gauge", "seconds").name == "gpumon.run.ttft_s"


def test_every_name_there_is_for_a_gpu_is_used():
    """No hw.gpu.* that we could tell is told under a name of our own."""
    assert {name for name in _official() if name.startswith("hw.gpu.")} <= {each.name for each in EVERY}


def test_attributes_are_the_conventions_own():
    """Keys of what tells series apart."""
    keys = {key for each in EVERY for key in each.attributes} | {"hw.id", "hw.name", "hw.type", "hw.state"}
    assert keys <= _attributes()


def test_one_name_has_one_unit_and_one_instrument():
    """As a receiver demands."""
    kinds = {each.name: (each.unit, each.instrument) for each in EVERY}
    assert all(kinds[each.name] == (each.unit, each.instrument) for each in EVERY)


def test_the_units_are_of_ucum():
    """Every unit of the catalogue has one."""
    units = {metric.unit for metric in (*METRICS.values(), *HOST_METRICS.values())}
    assert units <= {*conventions.UNITS, "ratio", "count", ""}
