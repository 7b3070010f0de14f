"""The alert rules: valid, each fires on what it is for after it has held, and none on a machine that is well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from jupyter_gpumon.dashboards.expressions import gpu
from jupyter_gpumon.dashboards.files import FOLDER
from jupyter_gpumon.dashboards.rules import GROUPS, Rule

PLACE = {"hostname": "n1", "instance": "n1:9401", "job": "gpumon"}
BOARD = {"gpu": "0", "uuid": "GPU-1", "name": "H200", **PLACE}
RULES = {rule.name: rule for rules in GROUPS.values() for rule in rules}
HOURS = "x170"
"""Of values, one every 30 s: 85 minutes."""

WELL = {
    gpu("utilization"): f"0.5{HOURS}",
    gpu("memory_total"): f"100{HOURS}",
    gpu("memory_used"): f"60{HOURS}",
    gpu("temperature"): f"70{HOURS}",
    gpu("temperature_margin"): f"20{HOURS}",
    gpu("held_thermal"): f"5+0{HOURS}",
    gpu("held_hw_thermal"): f"5+0{HOURS}",
    gpu("held_power_brake"): f"5+0{HOURS}",
    gpu("fan"): f"0.4{HOURS}",
    gpu("power"): f"300{HOURS}",
    gpu("power_limit"): f"700{HOURS}",
    gpu("ecc_uncorrected"): f"2+0{HOURS}",
    gpu("remap_pending"): f"0{HOURS}",
    gpu("remap_failure"): f"0{HOURS}",
    gpu("recovery_action"): f"0{HOURS}",
    gpu("pcie_gen"): f"5{HOURS}",
    gpu("pcie_width"): f"16{HOURS}",
    gpu("pcie_replay"): f"3+0{HOURS}",
    gpu("nvlink_active"): f"18{HOURS}",
    "gpumon_gpu_up": f"1{HOURS}",
    "gpumon_sampler_age_seconds": f"1{HOURS}",
    "up": f"1{HOURS}",
}
"""A machine that is well, though it had two memory errors and some replays long ago."""

ILL: dict[str, tuple[str, dict[str, str]]] = {
    "GpuBusy": ("16m", {gpu("utilization"): "0.95x170"}),
    "GpuIdle": ("46m", {gpu("utilization"): "0.02x170"}),
    "GpuHeldIdle": ("46m", {gpu("utilization"): "0.02x170"}),
    "GpuMemoryHigh": ("16m", {gpu("memory_used"): "92x170"}),
    "GpuMemoryFull": ("16m", {gpu("memory_used"): "97x170"}),
    "GpuWarm": ("16m", {gpu("temperature"): "82x170"}),
    "GpuHot": ("16m", {gpu("temperature"): "87x170"}),
    "GpuVeryHot": ("16m", {gpu("temperature"): "93x170"}),
    "GpuNearSlowdown": ("16m", {gpu("temperature_margin"): "3x170"}),
    "GpuSlowedByHeat": ("16m", {gpu("held_thermal"): "0+6x170"}),
    "GpuFanStopped": ("16m", {gpu("fan"): "0x170"}),
    "GpuAtPowerLimit": ("16m", {gpu("power"): "699x170"}),
    "GpuPowerBrake": ("16m", {gpu("held_power_brake"): "0+1x170"}),
    "GpuMemoryErrors": ("14m", {gpu("ecc_uncorrected"): "2+0x20 3+0x150"}),
    "GpuRemapPending": ("16m", {gpu("remap_pending"): "1x170"}),
    "GpuRemapFailed": ("16m", {gpu("remap_failure"): "1x170"}),
    "GpuAsksForRecovery": ("16m", {gpu("recovery_action"): "2x170"}),
    "GpuPcieSlow": ("26m", {gpu("pcie_gen"): "5x20 1x150", gpu("utilization"): "0.8x170"}),
    "GpuPcieNarrow": ("26m", {gpu("pcie_width"): "16x20 8x150"}),
    "GpuPcieReplays": ("26m", {gpu("pcie_replay"): "0+2x170"}),
    "GpuNvlinkDown": ("26m", {gpu("nvlink_active"): "18x20 17x150"}),
    "GpumonDown": ("16m", {"up": "0x170"}),
    "GpumonSamplerStalled": ("16m", {"gpumon_sampler_age_seconds": "0+30x170"}),
    "GpuXidCritical": ("12m", {'gpumon_gpu_xid_last_timestamp_seconds{xid="79"}': "_x20 600x150"}),
    "GpuXid": ("12m", {'gpumon_gpu_xid_last_timestamp_seconds{xid="31"}': "_x20 600x150"}),
    "GpuLost": ("16m", {"gpumon_gpu_up": "0x170"}),
    "GpuGone": ("16m", {gpu("memory_total"): "100x20 stale"}),
}
"""Alert → when it is looked at, and what is different from a machine that is well."""

XIDS = {"GpuXidCritical": {"xid": "79"}, "GpuXid": {"xid": "31"}}
VALUE = {"GpuAsksForRecovery": "2"}


def test_promtool_has_nothing_to_say(promtool):
    """Prometheus would load the file."""
    assert f"{len(RULES)} rules found" in promtool("check", "rules", str(FOLDER / "alerts.yml"))


def test_every_alert_has_a_test():
    """A rule that is added here is tried here."""
    assert set(ILL) == set(RULES)


def test_each_fires_on_what_it_is_for_and_none_on_a_machine_that_is_well(promtool, tmp_path):
    """Quiet until it has held; then with a sentence that names GPU and host. One promtool run over all of them."""
    wells = [_tried(WELL, [_expected(rule, when, None) for rule in RULES.values()]) for when in ("12m", "80m")]
    fired = []
    for name, (when, different) in ILL.items():
        fired.append(_tried({**WELL, **different}, [_expected(RULES[name], when, VALUE.get(name, ""))]))
    _run(promtool, tmp_path, [*wells, *fired])


def test_what_does_not_hold_does_not_fire(promtool, tmp_path):
    """Four hot minutes are not five."""
    brief = {gpu("temperature"): "70x20 88x8 70x140"}
    looked = [_expected(RULES["GpuHot"], f"{minute}m", None) for minute in range(8, 22)]
    _run(promtool, tmp_path, [_tried({**WELL, **brief}, looked)])


@pytest.mark.parametrize("busy", [0.8, 0.2])
def test_a_link_that_rests_is_not_a_fault(promtool, tmp_path, busy):
    """PCIe drops to generation 1 on an idle GPU: a fault only where it is busy."""
    different = {gpu("pcie_gen"): "5x20 1x150", gpu("utilization"): f"{busy}x170"}
    value = "" if busy > 0.5 else None
    _run(promtool, tmp_path, [_tried({**WELL, **different}, [_expected(RULES["GpuPcieSlow"], "26m", value)])])


def _tried(series: Mapping[str, str], looked: list[dict[str, Any]]) -> dict[str, Any]:
    given = [{"series": _series(name), "values": values} for name, values in series.items()]
    return {"interval": "30s", "input_series": given, "alert_rule_test": looked}


def _series(name: str) -> str:
    """With the labels that Prometheus and the exporter give it, beside its own."""
    family, _, own = name.removesuffix("}").partition("{")
    labels = BOARD if name.startswith("gpumon_gpu") else PLACE
    pairs = [*filter(None, [own]), *(f'{key}="{value}"' for key, value in labels.items())]
    return f"{family}{{{','.join(pairs)}}}"


def _expected(rule: Rule, when: str, value: str | None) -> dict[str, Any]:
    """What promtool is to find at a moment: the alert, or (``value`` None) nothing."""
    found = [] if value is None else [{"exp_labels": _own(rule), "exp_annotations": _said(rule, value)}]
    return {"eval_time": when, "alertname": rule.name, "exp_alerts": found}


def _own(rule: Rule) -> dict[str, str]:
    own = XIDS.get(rule.name, {})
    return {"severity": rule.severity, **own, **(BOARD if "gpumon_gpu" in rule.expression else PLACE)}


def _said(rule: Rule, value: str) -> dict[str, str]:
    texts = {"summary": rule.summary, "description": rule.description}
    for name, said in {**BOARD, **XIDS.get(rule.name, {})}.items():
        texts = {key: text.replace(f"{{{{ $labels.{name} }}}}", said) for key, text in texts.items()}
    return {key: text.replace("{{ $value }}", value) for key, text in texts.items()}


def _run(promtool: Any, folder: Any, tests: list[dict[str, Any]]) -> None:
    file = folder / "tests.yml"
    file.write_text(
        json.dumps({"rule_files": [str(FOLDER / "alerts.yml")], "evaluation_interval": "30s", "tests": tests})
    )
    promtool("test", "rules", str(file))
