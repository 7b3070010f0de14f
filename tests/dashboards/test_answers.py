"""Every expression of every dashboard and rule, answered with data by a real Prometheus from a real exporter."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from jupyter_gpumon.dashboards.rules import GROUPS

from ..services import PATIENCE
from ..services.prometheus import Prometheus, job
from .reading import asked, boards, families, filled

OF_NOTEBOOKS = ("gpumon_cell", "gpumon_run_", "gpumon_bench_")
"""Families that only a Jupyter server has, from its kernels."""


def needs_notebooks(expression: str) -> bool:
    """Whether it asks for what a node without Jupyter does not have."""
    return any(name.startswith(OF_NOTEBOOKS) for name in families(expression))


def answered(prometheus: Prometheus, expressions: Iterable[str]) -> dict[str, int]:
    """Expression → number of series; waits until all have some, or for as long as a busy machine may need."""
    end, found = time.monotonic() + PATIENCE, dict.fromkeys(expressions, 0)
    while (missing := [one for one, count in found.items() if not count]) and time.monotonic() < end:
        found |= {one: len(prometheus.query(one)) for one in missing}
        time.sleep(0.2)
    for expression, count in found.items():
        print(f"{count:4} series  {expression}")
    return found


def test_every_expression_of_the_dashboards_has_data(exporter, prometheus, rules):
    """Including zeros that stand for "none"; the list is printed (pytest -rP)."""
    found = prometheus(job(exporter), rules=rules)
    wanted = [filled(query.expression) for query in asked() if not needs_notebooks(query.expression)]
    assert len(wanted) >= 75
    counts = answered(found, wanted)
    assert not [expression for expression, count in counts.items() if not count]
    _choices_have_values(found)


def _choices_have_values(found: Prometheus) -> None:
    """What stands in the menus at the top: nodes, GPUs, hosts."""
    for board in boards().values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query" and variable["datasource"]["type"] == "prometheus":
                query = variable["query"]["query"].removeprefix("label_values(").removesuffix(")")
                family, _, label = query.rpartition(", ")
                if not needs_notebooks(family):
                    values = {series["metric"].get(label) for series in found.query(filled(family))}
                    assert values - {None}, variable["name"]


def test_every_series_that_the_alerts_ask_for_is_there(exporter, prometheus, rules):
    """An alert over a name that does not exist would never fire; one fires here, since GPU 1 is idle and held."""
    quick = {"groups": [group | {"rules": [_at_once(rule) for rule in group["rules"]]} for group in rules["groups"]]}
    found = prometheus(job(exporter), rules=quick)
    names = {name for group in GROUPS.values() for rule in group for name in families(rule.expression)}
    counts = answered(found, sorted(names - UNCOMMON))
    assert not [name for name, count in counts.items() if not count]
    found.until('ALERTS{alertname="GpuHeldIdle",alertstate="firing"}', lambda series: _gpus(series) == {"1"})
    broken = [rule for group in found.api("rules")["groups"] for rule in group["rules"] if rule["health"] == "err"]
    assert not broken


UNCOMMON = {"gpumon_gpu_xid_last_timestamp_seconds"}
"""Only there once it has happened; the tests of the rules have it."""


def _at_once(rule: dict[str, Any]) -> dict[str, Any]:
    return rule | {"for": "0s"} if "alert" in rule else rule


def _gpus(series: list[dict[str, Any]]) -> set[str]:
    return {one["metric"]["gpu"] for one in series}
