"""Rules of one's own, as PromQL: valid by promtool, and true where the rule is."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from jupyter_gpumon.cli import app
from jupyter_gpumon.dashboards.promql import promql, translated
from jupyter_gpumon.dashboards.rules import rules_file
from jupyter_gpumon.errors import RuleError
from jupyter_gpumon.rules import read_rule
from jupyter_gpumon.rules.expression import parse
from jupyter_gpumon.rules.pack.table import TABLE

FILE = """
[[rule]]
id = "my-hot"
when = "temperature > 85 and not utilization < 10 %"
for = "5 min"
level = "critical"

[[rule]]
id = "hot"
for = "2 min"

[[rule]]
id = "uneven"
when = "utilization < 0.5 * fleet_max(utilization)"
"""


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("temperature > 85", "(gpumon_gpu_temperature_celsius) > (85)"),
        ("mean(power, 5 min) > 300 W", "(avg_over_time(gpumon_gpu_power_watts[300s])) > (300)"),
        ("delta(ecc_uncorrected, 1 min) > 0", "(increase(gpumon_gpu_ecc_uncorrected_total[60s])) > (0)"),
        ("rate(memory_used, 5 min) > 10 MB/s", "(deriv(gpumon_gpu_memory_used_bytes[300s])) > (1e+07)"),
        ('"thermal" in clock_events', 'max without (event) (gpumon_gpu_clock_event{event="thermal"}) > 0'),
        (
            "temperature > first(temperature_slowdown, 90 C)",
            "(gpumon_gpu_temperature_celsius) > ((gpumon_gpu_temperature_slowdown_celsius or gpumon_gpu_up * 0 + 90))",
        ),
        (
            "host.cpu > 90 % and utilization < 10 %",
            "((gpumon_gpu_utilization_ratio) < (0.1)) and on (hostname) ((gpumon_host_cpu_ratio) > (0.9))",
        ),
    ],
)
def test_a_condition_is_asked_of_the_metrics_that_are_served(condition, said):
    """By their names there."""
    assert promql(parse(condition).node) == said


@pytest.mark.parametrize(
    "condition", ["utilization < fleet_max(utilization)", "processes > 3", "power > host.memory_used"]
)
def test_what_prometheus_does_not_have_is_refused(condition):
    """With the name of the rule."""
    with pytest.raises(RuleError, match=r"The rule x cannot be given to Prometheus|does not compare|cannot be"):
        translated(read_rule({"id": "x", "when": condition}))


def test_every_translation_is_valid(promtool, tmp_path):
    """Of the shipped rules too, as far as they can be."""
    found = []
    for data in TABLE:
        with suppress(RuleError):
            found.append(translated(read_rule(data)))
    assert len(found) > 15
    (tmp_path / "rules.yml").write_text(rules_file(found))
    assert "SUCCESS" in promtool("check", "rules", str(tmp_path / "rules.yml"))


def test_a_translated_rule_fires_where_the_condition_is_true(promtool, tmp_path):
    """And not on a GPU that is idle."""
    rule = translated(read_rule({"id": "my-hot", "when": "temperature > 85 and not utilization < 10 %", "for": 60}))
    (tmp_path / "rules.yml").write_text(rules_file([rule]).replace("30s", "15s"))
    board = '{gpu="%s",hostname="n1"}'
    series = [
        {"series": f"gpumon_gpu_{name}{board % number}", "values": f"{value}x40"}
        for number, busy in ((0, "0.9"), (1, "0.01"))
        for name, value in (("temperature_celsius", "90"), ("utilization_ratio", busy), ("up", "1"))
    ]
    labels = {"severity": "warning", "gpu": "0", "hostname": "n1"}
    expected = [
        {"exp_labels": labels, "exp_annotations": {"summary": "my-hot (GPU 0 of n1)", "description": rule.description}}
    ]
    asked = {"eval_time": "8m", "alertname": "MyHot", "exp_alerts": expected}
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "15s",
            "tests": [{"interval": "15s", "input_series": series, "alert_rule_test": [asked]}]}  # fmt: skip
    (tmp_path / "test.yml").write_text(json.dumps(test))
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "test.yml"))


def test_the_command_prints_the_file_and_says_what_is_left_out(tmp_path):
    """The shipped groups, then yours."""
    (tmp_path / "rules.toml").write_text(FILE)
    done = CliRunner().invoke(app, ["rules", "--prometheus", "--rules", str(tmp_path / "rules.toml")])
    assert done.exit_code == 1
    assert "- alert: GpuHot" in done.output
    assert "- name: gpumon-yours" in done.output
    assert "- alert: MyHot" in done.output
    assert "The rule uneven cannot be given to Prometheus" in done.output


def test_the_list_has_every_rule(tmp_path):
    """With its condition; and whether it is off."""
    (tmp_path / "rules.toml").write_text(FILE)
    done = CliRunner().invoke(app, ["rules", "--rules", str(tmp_path / "rules.toml")], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    assert "my-hot" in done.output
    assert "above-85 (off)" in done.output
