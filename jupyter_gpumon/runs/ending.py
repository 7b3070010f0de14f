"""What is made of a run when it is over: how the monitoring went, and what follows from energy and counts."""

from __future__ import annotations

from collections.abc import Mapping

from ..experiments import Logged
from ..model import Cell, Hello
from ..report.amounts import charge, resolved
from .log import single, value_of
from .usage import Usage

_GAP = 5.0
"""Intervals without a sample that make a gap."""


def status_of(hello: Hello | None, usage: Usage, outcome: str, cell: Cell | None) -> str:
    """One of ``experiments.STATUSES``."""
    if hello is None or (not hello.devices and hello.status.state == "disconnected"):
        return "failed"
    if not hello.devices:
        return "no_gpus_available"
    if not usage.samples:
        return "no_samples_collected"
    lost = cell is not None and any("lost" in energy.warning for energy in cell.energy.values())
    gap = usage.widest > _GAP * max(hello.interval, 1.0)
    return "partial" if lost or gap or outcome == "interrupted" else "success"


def trouble_of(hello: Hello | None) -> tuple[str, ...]:
    """What the source says is the matter; nothing where all is well."""
    if hello is None or hello.status.state in ("live", "starting"):
        return ()
    return (f"{hello.status.message} {hello.status.hint}".strip() or hello.status.state,)


def derived(cell: Cell | None, logged: Mapping[str, Logged]) -> dict[str, Logged]:
    """Energy for each thing that was counted, and tokens per second and watt; none where the energy is not known."""
    energy = None if cell is None else charge(cell).whole
    if cell is None or energy is None or energy.joules is None or not resolved(energy) or energy.joules <= 0:
        return {}
    found = {
        f"joules_per_{unit}": single(energy.joules / number, "joules") for unit, number in cell.counts.items() if number
    }
    rate = value_of(logged["tokens_per_s"]) if "tokens_per_s" in logged else None
    if rate is not None and cell.duration > 0:
        found["tokens_per_s_per_watt"] = single(rate * cell.duration / energy.joules)
    return found
