"""Recording rules: sums over each machine's GPUs, kept by Prometheus, so that curves of a large fleet draw quickly."""

from __future__ import annotations

import json

from .expressions import gpu, narrowed, rate

INTERVAL = 30
"""Seconds between two evaluations."""
TAKEN = 0.05
"""Share of a GPU's memory from which it counts as taken: below, it is the driver's own."""


def _rules() -> dict[str, str]:
    """Series → expression, one series per machine each."""
    plain = (
        *(("memory_total", "count"), ("memory_total", "sum"), ("memory_used", "sum")),
        *(("utilization", "sum"), ("utilization", "avg"), ("power", "sum"), ("temperature", "max")),
    )
    rules = {_series(gpu(name), how): f"{how} by (hostname) ({gpu(name)})" for name, how in plain}
    taken = f"{gpu('memory_used')} / {gpu('memory_total')} > bool {TAKEN}"
    counted = gpu("energy").removesuffix("_total")
    rules[_series("gpumon_gpu_taken", "sum")] = f"sum by (hostname) ({taken})"
    rules[_series(counted, "rate2m")] = f"sum by (hostname) ({rate(gpu('energy'), '2m')})"
    heat = f"{rate(gpu('held_thermal'), '2m')} + {rate(gpu('held_hw_thermal'), '2m')}"
    rules[_series("gpumon_gpu_held_by_heat", "max")] = f"max by (hostname) ({heat})"
    return rules


def _series(family: str, how: str) -> str:
    return f"hostname:{family}:{how}"


RECORDED = _rules()


def recorded(family: str, how: str, where: str = "") -> str:
    """The series of a rule: ``hostname:gpumon_gpu_power_watts:sum``.

    Raises:
        KeyError: it is not recorded.
    """
    name = _series(family, how)
    if name not in RECORDED:
        raise KeyError(name)
    return narrowed(name, where)


def recording_file() -> str:
    """The rules as Prometheus reads them."""
    head = "# Recording rules of jupyter-gpumon: the curves of the fleet dashboard are drawn from these."
    lines = [head, "groups:", "  - name: gpumon-fleet", f"    interval: {INTERVAL}s", "    rules:"]
    for name, expression in RECORDED.items():
        lines += [f"      - record: {name}", f"        expr: {json.dumps(expression)}"]
    return "\n".join(lines) + "\n"
