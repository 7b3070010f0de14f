"""Alert rules for Prometheus. Each says for how long it must hold, and what to do; none names a number that a board
could contradict where the board itself tells the number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from .. import xids
from .expressions import gpu, rate

GPU = "GPU {{ $labels.gpu }} of {{ $labels.hostname }}"


class Rule(NamedTuple):
    """One alert: it fires once ``expression`` has answered for as long as ``hold``."""

    name: str
    expression: str
    hold: str
    severity: str
    summary: str
    description: str


MEMORY = f"{gpu('memory_used')} / {gpu('memory_total')}"
"""Share of a GPU's memory in use."""


def growth(name: str, over: str) -> str:
    """By how much a counter grew."""
    return f"increase({gpu(name)}[{over}])"


def best(name: str) -> str:
    """The most a metric was within a day: what the board can do where it is put."""
    return f"max_over_time({gpu(name)}[1d])"


LOAD = (
    Rule("GpuBusy", f"avg_over_time({gpu('utilization')}[5m]) > 0.9", "5m", "warning",
         f"{GPU} has been busy", "Above 90 % for ten minutes. New work waits: another GPU may be free."),
    Rule("GpuIdle", f"avg_over_time({gpu('utilization')}[5m]) < 0.1", "30m", "info",
         f"{GPU} is idle", "Below 10 % for half an hour."),
    Rule("GpuHeldIdle", f"avg_over_time({gpu('utilization')}[5m]) < 0.1 and {MEMORY} > 0.05", "30m", "warning",
         f"{GPU} is idle and its memory is held", "Somebody's kernel holds memory and computes nothing. Shut it down."),
    Rule("GpuMemoryHigh", f"{MEMORY} > 0.9", "5m", "warning",
         f"Memory of {GPU} is nearly full", "Above 90 % for five minutes."),
    Rule("GpuMemoryFull", f"{MEMORY} > 0.95", "2m", "critical",
         f"Memory of {GPU} is full", "Above 95 %: the next allocation may fail."),
)  # fmt: skip

HEAT = (
    Rule("GpuWarm", f"{gpu('temperature')} > 80", "5m", "warning",
         f"{GPU} is warm", "Above 80 °C for five minutes."),
    Rule("GpuHot", f"{gpu('temperature')} > 85", "5m", "critical",
         f"{GPU} is hot", "Above 85 °C for five minutes. Look at fans, dust and the inlet air."),
    Rule("GpuVeryHot", f"{gpu('temperature')} > 90", "1m", "critical",
         f"{GPU} is very hot", "Above 90 °C for a minute."),
    Rule("GpuNearSlowdown", f"{gpu('temperature_margin')} < 5", "5m", "warning",
         f"{GPU} is about to slow down", "Less than 5 degrees are left, by the board's own limit."),
    Rule("GpuSlowedByHeat", f"{rate(gpu('held_thermal'), '5m')} + {rate(gpu('held_hw_thermal'), '5m')} > 0.1", "5m",
         "warning", f"{GPU} is slowed by heat", "For more than a tenth of the time the clock is lowered."),
    Rule("GpuFanStopped", f"{gpu('fan')} < 0.05 and {gpu('temperature')} > 60", "2m", "critical",
         f"The fan of {GPU} stands still", "The core is above 60 °C and its fan is told less than 5 %."),
)  # fmt: skip

POWER = (
    Rule("GpuAtPowerLimit", f"{gpu('power')} / {gpu('power_limit')} > 0.98", "5m", "info",
         f"{GPU} is at its power limit", "The clock is lowered to stay below it. This is usual under full load."),
    Rule("GpuPowerBrake", f"{rate(gpu('held_power_brake'), '5m')} > 0", "1m", "critical",
         f"The power supply slows {GPU}", "The external power brake is on: look at the power supply."),
)  # fmt: skip

FAULTS = (
    Rule("GpuMemoryErrors", f"{growth('ecc_uncorrected', '10m')} > 0", "0m", "critical",
         f"{GPU} had uncorrected memory errors", "Results since may be wrong. Drain it and reset it."),
    Rule("GpuRemapPending", f"{gpu('remap_pending')} > 0", "1m", "warning",
         f"{GPU} waits for a reset", "A memory row is to be remapped; that needs a reset of the GPU."),
    Rule("GpuRemapFailed", f"{gpu('remap_failure')} > 0", "1m", "critical",
         f"{GPU} is due for exchange", "A memory row could not be remapped."),
    Rule("GpuAsksForRecovery", f"{gpu('recovery_action')} > 0", "1m", "critical",
         f"The driver asks for a recovery of {GPU}",
         "1: reset the GPU. 2: reboot the node. 3: drain peer-to-peer. 4: drain and reset. Now: {{ $value }}."),
    Rule("GpuPcieSlow", f"{gpu('pcie_gen')} < {best('pcie_gen')} and {gpu('utilization')} > 0.5", "5m", "warning",
         f"{GPU} is busy on a slow PCIe link", "The link runs at a lower generation than it did within the last day."),
    Rule("GpuPcieNarrow", f"{gpu('pcie_width')} < {best('pcie_width')}", "5m", "warning",
         f"{GPU} has lost PCIe lanes", "Fewer lanes than within the last day: look at riser and slot."),
    Rule("GpuPcieReplays", f"{growth('pcie_replay', '10m')} > 10", "5m", "warning",
         f"PCIe of {GPU} repeats packets", "Bad contact, riser or cable."),
    Rule("GpuNvlinkDown", f"{gpu('nvlink_active')} < {best('nvlink_active')}", "2m", "critical",
         f"{GPU} has lost NVLinks", "Fewer links are up than within the last day."),
)  # fmt: skip

XID = "gpumon_gpu_xid_last_timestamp_seconds"
"""When each XID was last told of; it is there once there was one."""


def recent(codes: Iterable[int]) -> str:
    """Of these XIDs, those of the last ten minutes."""
    return f'time() - {XID}{{xid=~"{"|".join(map(str, sorted(codes)))}"}} < 600'


XIDS = (
    Rule("GpuXidCritical", recent(xids.of_level("critical")), "0m", "critical",
         f"{GPU} reported XID {{{{ $labels.xid }}}}", "It cannot be used until it is reset, or worse: see dmesg."),
    Rule("GpuXid", recent(xids.of_level("warning")), "0m", "warning",
         f"{GPU} reported XID {{{{ $labels.xid }}}}", "Often a program's own error; if it comes back, the board's."),
)  # fmt: skip

MONITOR = (
    Rule("GpumonDown", 'up{job=~"gpumon.*"} == 0', "2m", "critical",
         "gpumon on {{ $labels.instance }} does not answer", "The exporter or its machine is down."),
    Rule("GpumonSamplerStalled", "gpumon_sampler_age_seconds > 30", "1m", "critical",
         "Nothing new from {{ $labels.instance }}", "The exporter answers, its sampler does not: the driver may hang. "
         "See: gpumon doctor"),
    Rule("GpuLost", "gpumon_gpu_up == 0", "1m", "critical",
         f"{GPU} does not answer", "The driver knows it, and its readings fail: it may have fallen off the bus."),
    Rule("GpuGone", f"{gpu('memory_total')} offset 10m unless {gpu('memory_total')} "
         "and on (instance) gpumon_sampler_age_seconds < 30", "1m", "critical",
         f"{GPU} is gone", "It was there ten minutes ago, and the driver no longer knows it."),
)  # fmt: skip

GROUPS = {"gpumon-load": LOAD, "gpumon-heat": HEAT, "gpumon-power": POWER, "gpumon-faults": FAULTS, "gpumon-xids": XIDS,
          "gpumon-monitor": MONITOR}  # fmt: skip


def rules_file(more: Iterable[Rule] = ()) -> str:
    """The rules as Prometheus reads them: YAML, every text as JSON writes it.

    Args:
        more: of one's own, in a group ``gpumon-yours``.
    """
    head = "# Alert rules of jupyter-gpumon, evaluated by Prometheus every 30 s. Copy and change: thresholds are yours."
    lines = [head, "groups:"]
    own = tuple(more)
    groups = {**GROUPS, "gpumon-yours": own} if own else GROUPS
    for name, rules in groups.items():
        lines += [f"  - name: {name}", "    interval: 30s", "    rules:"]
        for rule in rules:
            lines += _rule(rule)
    return "\n".join(lines) + "\n"


def _rule(rule: Rule) -> list[str]:
    return [
        f"      - alert: {rule.name}",
        f"        expr: {_text(rule.expression)}",
        f"        for: {rule.hold}",
        "        labels:",
        f"          severity: {rule.severity}",
        "        annotations:",
        f"          summary: {_text(rule.summary)}",
        f"          description: {_text(rule.description)}",
    ]


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
