"""What a run cost, for people (on standard error, so that the task's own output stays its own) and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from ...absence import of_devices, of_host
from ...distribution import Spread
from ...metrics import HOST_METRICS, METRICS
from ...model import Cell, Energy
from ...report.amounts import Charge, between, charge_of, energy, used
from ...report.method import METHODS, capital, warnings
from ...report.preference import said
from ...report.record import saved
from ...report.tables import as_text
from ...report.words import headline, small_print
from ...units import duration, quantity
from .measured import Outcome
from .tally import HOST, POWERS, Pace

SHOWN = (
    "power", "utilization", "memory_activity", "memory_used", "temperature", "temperature_memory", "sm_activity",
    "clock_graphics", "clock_memory", "pcie_gen", "pcie_width",
)  # fmt: skip
"""The metrics of the table; the JSON has all."""
HOST_SHOWN = ("cpu", "cpu_power", "memory_used", "dram_power")
_TITLES = {"cpu_power": "CPU power", "dram_power": "DRAM power"}
_SENSORS = ("energy", "power", "temperature", "temperature_memory", "sm_activity")
_PARTS = {"cpu": "CPU", "memory": "DRAM"}
_HEAD = ("", "mean", "max", "min", "mode", "p50", "p95")


def lines(outcome: Outcome) -> Iterator[str]:
    """The summary, a line each; what belongs together is set off by what stands before the bar."""
    cell = outcome.cell
    cpu = "" if outcome.ending.cpu is None else f", {duration(outcome.ending.cpu)} of CPU time"
    yield from _said("gpumon", [f"{outcome.name}: {outcome.ending.words} after {duration(cell.duration)}{cpu}"])
    yield from _said("", filter(None, (headline(cell), small_print(cell))))
    yield from _said("energy", as_text(("", "energy", "95 % within", "by"), list(_energies(cell))).splitlines())
    yield from _said("samples", _samples(outcome))
    for title, rows in _tables(outcome):
        yield from _said(title, as_text(_HEAD, rows).splitlines())
    yield from _said("missing", missing(outcome))


def _said(title: str, parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        yield f"{title:7} │ {part}"
        title = ""


def _energies(cell: Cell) -> Iterator[tuple[str, str, str, str]]:
    """A row per GPU, CPU and memory, then their sum: of what was measured, and apart from it what is an estimate."""
    counted = used(cell)
    for device in cell.devices:
        if device.name in cell.energy:
            mark = "" if device.name in counted else " (not used)"
            yield _energy_row(f"{device.name}{mark}", cell.energy[device.name])
    for name, title in _PARTS.items():
        if name in cell.host_energy:
            yield _energy_row(title, cell.host_energy[name])
    together = _together(cell)
    for title, sum_of in (("total", together.measured), ("total, estimates", together.estimated)):
        if sum_of is not None:
            yield (title, energy(sum_of), between(sum_of.low, sum_of.high), "")


def _together(cell: Cell) -> Charge:
    parts = [cell.energy[name] for name in used(cell) if name in cell.energy]
    return charge_of([*parts, *cell.host_energy.values()])


def _energy_row(title: str, value: Energy) -> tuple[str, str, str, str]:
    beyond = (value.others or 0.0) + (value.unattributed or 0.0)
    whole = f"; the whole of it {said((value.joules or 0.0) + beyond)}" if beyond and value.joules else ""
    by = METHODS.get(value.method, value.method)
    return title, energy(value), between(value.low, value.high), by + whole


def _samples(outcome: Outcome) -> Iterator[str]:
    pace = outcome.tally.pace
    if not pace.samples:
        yield f"none within it: it was shorter than the {duration(pace.asked)} between two (a smaller -t: down to 0.05)"
    else:
        yield ", ".join(_pace(pace))
    for sink in outcome.sinks:
        yield _kept(sink)


def _pace(pace: Pace) -> Iterator[str]:
    yield f"{pace.samples} samples"
    if pace.achieved is not None:
        yield f"one each {duration(pace.achieved)} ({duration(pace.asked)} asked)"
        yield f"the longest gap {duration(pace.longest)}"
    if pace.missed:
        yield f"{pace.missed} left out because the machine was too slow"


def _kept(sink: Any) -> str:
    url = getattr(sink, "url", "") or "a sink"
    dropped, problem = getattr(sink, "dropped", 0), getattr(sink, "problem", "")
    lost = f"; {dropped} messages lost" if dropped else ""
    return f"in {url}{lost}" + (f"; {problem}" if problem else "")


def _spreads(outcome: Outcome) -> dict[str, dict[str, Spread]]:
    """The statistics; the mean power is the energy over the time, which is finer than samples."""
    spreads = outcome.tally.spreads()
    for device in outcome.hello.devices:
        mean, power = outcome.cell.mean.get(device.label, {}).get("power"), spreads.get(device.uuid, {}).get("power")
        if mean is not None and power is not None:
            spreads[device.uuid]["power"] = replace(power, mean=mean)
    return spreads


def _tables(outcome: Outcome) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """The statistics: of each GPU that was used, and of the host."""
    spreads = _spreads(outcome)
    labels = {device.uuid: device.label for device in outcome.hello.devices}
    for uuid, label in labels.items():
        if label in used(outcome.cell) and uuid in spreads:
            yield label, [_row(METRICS[name].title, METRICS[name].unit, spreads[uuid].get(name)) for name in SHOWN]
    host = spreads.get(HOST, {})
    if host:
        yield "host", [_row(_title(name), _unit(name), host.get(name)) for name in HOST_SHOWN]


def _title(name: str) -> str:
    return _TITLES.get(name) or HOST_METRICS[name].title


def _unit(name: str) -> str:
    return "watts" if name in POWERS.values() else HOST_METRICS[name].unit


def _row(title: str, unit: str, spread: Spread | None) -> tuple[str, ...]:
    if spread is None:
        return title, *("—",) * 6
    return title, *(quantity(getattr(spread, name), unit) for name in _HEAD[1:])


def missing(outcome: Outcome) -> list[str]:
    """What could not be read and what to do about it, and what widens the intervals."""
    here = [device for device in outcome.hello.devices if device.label in used(outcome.cell)]
    sensors = of_devices(here, _SENSORS) + of_host(outcome.hello, ("cpu_energy", "dram_energy"))
    return [*sensors, *(capital(words) for words in warnings([outcome.cell]))]


def as_json(outcome: Outcome) -> bytes:
    """Everything, with units in the names; no UUIDs, as in a saved record."""
    cell, pace = outcome.cell, outcome.tally.pace
    labels = {device.uuid: device.label for device in outcome.hello.devices} | {HOST: "host"}
    spreads = {labels.get(key, key): _columns(key, found) for key, found in _spreads(outcome).items()}
    together = _together(cell)
    told = {
        "name": outcome.name,
        "command": outcome.command,
        "exit_code": outcome.ending.code,
        "signal": outcome.ending.signal or None,
        "start": cell.start,
        "end": cell.end,
        "duration_seconds": cell.duration,
        "cpu_seconds": outcome.ending.cpu,
        "mono": outcome.window,
        "interval_seconds": {"asked": pace.asked, "achieved": pace.achieved, "longest": pace.longest},
        "samples": pace.samples,
        "missed": pace.missed,
        "energy_joules": {
            "gpu": _plain(charge_of(cell.energy[name] for name in used(cell) if name in cell.energy).whole),
            "total": _plain(together.measured),
            "estimates": _plain(together.estimated),
        },
        "statistics": spreads,
        "missing": missing(outcome),
        "sinks": [getattr(sink, "url", "") for sink in outcome.sinks],
        "record": saved(cell),
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _plain(value: Energy | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"joules": value.joules, "low": value.low, "high": value.high, "method": value.method}


def _columns(device: str, spreads: dict[str, Spread]) -> dict[str, Spread]:
    """Metrics by their names that say the unit."""
    catalogue = METRICS if device != HOST else HOST_METRICS
    return {
        f"{name}_watts" if name in POWERS.values() else catalogue[name].column: spread
        for name, spread in spreads.items()
    }
