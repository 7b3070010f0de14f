"""The rules of advice, and what they say together: the surest of a cause, once for all devices it is true of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from ...findings import LEVELS, Finding, gravest
from .besides import cache_misses, cpu_oversubscription, warm_up
from .leak import memory_leak
from .links import nvlink_low
from .memory import fragmentation, headroom
from .speed import below_peak, full_precision, power_capped, thermal
from .stretch import Stretch
from .utilization import input_bound, low_utilization, one_of_many

RULES: Mapping[str, Callable[[Stretch], Iterable[Finding]]] = {
    "input-bound": input_bound,
    "low-utilization": low_utilization,
    "thermal": thermal,
    "power-capped": power_capped,
    "memory-leak": memory_leak,
    "fragmentation": fragmentation,
    "memory-headroom": headroom,
    "full-precision": full_precision,
    "below-peak": below_peak,
    "one-of-many": one_of_many,
    "nvlink-low": nvlink_low,
    "cpu-oversubscription": cpu_oversubscription,
    "cache-misses": cache_misses,
    "warm-up": warm_up,
}
"""By id."""

FACTS = (
    "utilization", "graphics_activity", "sm_activity", "tensor_activity", "fp32_activity",
    "memory_used", "memory_total",
    "temperature", "clock_sm", "power", "power_limit", "held_power_cap", "held_thermal", "held_hw_thermal",
    "pcie_tx", "pcie_rx", "nvlink_tx", "nvlink_rx", "nvlink_active",
)  # fmt: skip
"""The metrics that they look at."""
HOST_FACTS = ("cpu", "cpu_count", "load")


_SILENCES = {"input-bound": "memory-headroom", "memory-leak": "memory-headroom"}
"""Rule → one that it makes pointless: who waits for input gains nothing by a larger batch."""


def advise(stretch: Stretch, rules: Iterable[str] = tuple(RULES)) -> list[Finding]:
    """What could be done better, the gravest first; nothing where nobody is at work.

    Args:
        stretch: what it is about.
        rules: ids of those that are asked.
    """
    found = [finding for name in rules for finding in RULES[name](stretch)]
    return gravest([_shown(finding) for finding in _together(_leading(found), stretch)])


def _leading(found: Iterable[Finding]) -> Iterable[Finding]:
    """Of each cause on each device the gravest and surest."""
    best: dict[tuple[str, str], Finding] = {}
    for finding in found:
        key = (finding.cause or finding.rule, f"{finding.uuid} {finding.subject}")
        best[key] = max(best.get(key, finding), finding, key=_weight)
    silent = {(_SILENCES.get(finding.rule), finding.uuid) for finding in best.values()}
    return [finding for finding in best.values() if (finding.rule, finding.uuid) not in silent]


def _weight(finding: Finding) -> tuple[int, float]:
    return -LEVELS.index(finding.level), finding.confidence


def _together(found: Iterable[Finding], stretch: Stretch) -> Iterable[Finding]:
    """One finding where several devices have the same: the surest, which names the others."""
    names = {device.uuid: device.label for device in stretch.devices}
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        groups.setdefault((finding.rule, finding.subject), []).append(finding)
    for group in groups.values():
        first = max(group, key=_weight)
        others = ", ".join(names.get(one.uuid or "", "") for one in group if one is not first)
        yield replace(first, detail=f"{first.detail} The same on {others}.") if others else first


def _shown(finding: Finding) -> Finding:
    """Without pictures of which nothing is known."""
    return replace(finding, evidence=tuple(e for e in finding.evidence if any(v is not None for v in e.values)))
