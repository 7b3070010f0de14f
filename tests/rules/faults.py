"""For each shipped alert a recording, made by code, in which its trouble comes and goes; and the table in the docs.

python -m tests.rules.faults    prints the table of docs/alerts.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from msgspec.structs import replace

from jupyter_gpumon.alerts import Alerts
from jupyter_gpumon.findings import Alert
from jupyter_gpumon.model import Event, Hello, Host, Process, Sample, Status
from jupyter_gpumon.rulebook import RuleItem
from jupyter_gpumon.rules import Rule
from jupyter_gpumon.rules.book import Book
from jupyter_gpumon.rules.pack import OFF, shipped
from jupyter_gpumon.rules.window import Spent

from .feed import START, hello, sample

BUDGET = 1e6
BEGIN = 700.0
"""Seconds of work as usual before, in which all that looks back gets to know it; unwatched until the last minute."""
AT_WORK: dict[str, Any] = {
    "utilization": 0.9, "memory_used": 40e9, "temperature": 65.0, "temperature_memory": 75.0, "power": 400.0,
    "clock_events": (), "fan": 0.4, "held_power_cap": 0.0, "held_thermal": 0.0, "held_hw_thermal": 0.0,
    "held_power_brake": 0.0, "pcie_gen": 5.0, "pcie_width": 16.0, "pcie_rx": 0.0, "ecc_corrected": 0.0,
    "ecc_uncorrected": 0.0, "remap_pending": 0.0, "remap_failure": 0.0, "recovery_action": 0.0,
    "pcie_fatal_errors": 0.0, "pcie_replay": 0.0, "unrepairable_memory": 0.0, "retired_pages": 2.0,
    "retired_double_bit": 2.0, "retired_double_bit_week": 1.0,
    "sram_threshold": 0.0, "retired_pending": 0.0, "remapped_uncorrectable": 1.0, "inforom_valid": 1.0,
    "nvlink_active": 18.0, "nvlink_replays": 0.0, "nvlink_crc_errors": 0.0, "nvlink_recoveries": 0.0,
    "nvlink_errors": 0.0, "nvlink_recovery_failures": 0.0, "nvlink_ber": 0.0, "fabric_state": 3.0,
    "fabric_health": 1.0,
}  # fmt: skip
"""A GPU that trains."""
BOARD = {
    "memory_total": 80e9, "temperature_slowdown": 89.0, "temperature_memory_max": 95.0, "pcie_gen_max": 5,
    "pcie_width_max": 16, "nvlinks": 18,
}  # fmt: skip
TRAINS = Process(uuid="GPU-0", pid=11, memory=40e9, utilization=0.9, kernel="k1", notebook="train.ipynb", own=True)
KERNELS = frozenset({"k1"})

Values = dict[str, Any]


def nothing(_: float) -> Values:
    """It is as it was."""
    return {}


@dataclass
class Script:
    """A GPU at work, and what is the matter with it for a while."""

    lasts: float = 300.0
    """Seconds."""
    values: Callable[[float], Values] = nothing
    """Seconds since it began → what GPU 0 says otherwise."""
    sample: Callable[[float], Values] = nothing
    """… → what the whole sample says otherwise."""
    hello: Callable[[Hello], Hello] | None = None
    """What the hello says then."""
    told: Callable[[float], Values] = nothing
    """… → what only a server knows."""
    before: Values = field(default_factory=dict)
    gpus: int = 1
    after: float = 100.0
    """Seconds of work as usual after it."""
    silent: bool = False
    """No samples while it lasts."""

    def messages(self) -> Iterator[tuple[Values, Hello | Sample]]:
        """Each message, with what the server knows then."""
        usual = hello(self.gpus, **BOARD)
        yield {}, usual
        at = 0.0
        while at < BEGIN + self.lasts + self.after:
            since = at - BEGIN if BEGIN <= at < BEGIN + self.lasts else None
            if self.hello and at in (BEGIN, BEGIN + self.lasts):
                yield {}, self.hello(usual) if since is not None else usual
            if since is None or not self.silent:
                yield self._told(since), self._sample(at, since)
            at += 5.0 if at < BEGIN - 60 else 1.0

    def _told(self, since: float | None) -> Values:
        return {"kernels": KERNELS, **(self.told(since) if since is not None else {})}

    def _sample(self, at: float, since: float | None) -> Sample:
        gpu = AT_WORK | self.before | (self.values(since) if since is not None else {})
        both = tuple(replace(TRAINS, uuid=f"GPU-{n}") for n in range(self.gpus))
        whole = {"host": Host(cpu=0.2), "processes": both} | (self.sample(since) if since is not None else {})
        other, gone = AT_WORK | whole.pop("others", {}), whole.pop("gone", ())
        made = sample(at, gpu, *[other] * (self.gpus - 1), **whole)
        return replace(made, gpus=tuple(each for each in made.gpus if each.uuid not in gone))


def having(**values: Any) -> Callable[[float], Values]:
    """The same all the time."""
    return lambda _: values


def growing(name: str, per_second: float, begin: float = 0.0) -> Callable[[float], Values]:
    """More and more of it."""
    return lambda since: {name: begin + per_second * since}


def lost(usual: Hello) -> Hello:
    """The first device does not answer."""
    first, *others = usual.devices
    return replace(usual, devices=(replace(first, state="lost", detail="It has fallen off the bus."), *others))


def stalled(usual: Hello) -> Hello:
    """The driver hangs."""
    return replace(usual, status=Status(state="stalled", message="The driver does not respond.", since=START + BEGIN))


def xid(code: int) -> Callable[[float], Values]:
    """An XID, once."""

    def at(since: float) -> Values:
        event = Event(kind="xid", time=START + BEGIN, mono=1000.0 + BEGIN, title=f"XID {code}", uuid="GPU-0", code=code)
        return {"events": (event,)} if since == 0 else {}

    return at


def on_both(second: float) -> Values:
    """One program on both GPUs."""
    return {"processes": (TRAINS, replace(TRAINS, uuid="GPU-1", memory=30e9)), "others": {"utilization": second}}


def spent(since: float) -> tuple[Spent, ...]:
    """4 kJ a second."""
    return (Spent(4e3 * since, "c1", "train()", "train.ipynb", "k1"),)


SCRIPTS: dict[str, Script] = {
    "memory-full": Script(values=having(memory_used=78e9)),
    "memory-high": Script(values=having(memory_used=74e9)),
    "memory-fills": Script(values=growing("memory_used", 0.05e9, 40e9), lasts=500.0),
    "idle-holder": Script(values=having(utilization=0.0), lasts=2000.0),
    "idle-process": Script(
        sample=having(processes=(TRAINS, Process(uuid="GPU-0", pid=12, memory=9e9, utilization=0.0, name="python"))),
        lasts=2000.0,
    ),
    "zombie": Script(sample=having(processes=())),
    "imbalance": Script(sample=lambda _: on_both(0.05), gpus=2, lasts=900.0, after=400.0),
    "hot": Script(values=having(temperature=91.0)),
    "nearly-hot": Script(values=having(temperature=87.0)),
    "memory-hot": Script(values=having(temperature_memory=96.0)),
    "slowed-by-heat": Script(values=growing("held_thermal", 0.3)),
    "slowed-by-heat-hardware": Script(values=growing("held_hw_thermal", 0.3)),
    "fan-stopped": Script(values=having(fan=0.0, temperature=80.0)),
    "power-brake": Script(values=growing("held_power_brake", 0.3)),
    "slowed-by-hardware": Script(values=having(clock_events=("hw_slowdown",))),
    "power-capped": Script(values=growing("held_power_cap", 0.8), lasts=900.0, after=300.0),
    "many-corrected-errors": Script(values=growing("ecc_corrected", 5.0), after=400.0),
    "corrected-errors": Script(values=having(ecc_corrected=3.0), after=400.0),
    "health-pcie-fatal": Script(values=growing("pcie_fatal_errors", 1.0)),
    "health-pcie-replays": Script(values=growing("pcie_replay", 1.0)),
    "health-ecc": Script(values=having(ecc_uncorrected=1.0)),
    "health-remap-failure": Script(values=having(remap_failure=1.0)),
    "health-unrepairable": Script(values=having(unrepairable_memory=1.0)),
    "health-pages": Script(values=having(retired_pages=63.0)),
    "health-pages-double-bit": Script(values=having(retired_double_bit=16.0, retired_double_bit_week=2.0)),
    "health-sram": Script(values=having(sram_threshold=1.0)),
    "health-remap-pending": Script(values=having(remap_pending=1.0)),
    "health-pages-pending": Script(values=having(retired_pending=1.0)),
    "health-remapped": Script(values=having(remapped_uncorrectable=512.0)),
    "health-inforom": Script(values=having(inforom_valid=0.0)),
    "health-nvlink-down": Script(values=having(nvlink_active=17.0)),
    "health-nvlink-replays": Script(values=growing("nvlink_replays", 1.0)),
    "health-nvlink-crc-many": Script(values=growing("nvlink_crc_errors", 200.0)),
    "health-nvlink-recoveries": Script(values=growing("nvlink_recoveries", 1.0), before={"nvlink_errors": None}),
    "health-nvlink-errors": Script(values=growing("nvlink_errors", 1.0)),
    "health-nvlink-recovery-failed": Script(values=growing("nvlink_recovery_failures", 1.0)),
    "health-nvlink-ber": Script(values=having(nvlink_ber=1e-9)),
    "health-fabric": Script(values=having(fabric_state=1.0)),
    "health-fabric-unwell": Script(values=having(fabric_health=2.0)),
    "health-nvlink-crc": Script(values=growing("nvlink_crc_errors", 0.1)),
    "health-nvlink-recovered": Script(values=growing("nvlink_recoveries", 1.0)),
    "health-fabric-starting": Script(values=having(fabric_state=2.0)),
    "health-fabric-limited": Script(values=having(fabric_health=3.0)),
    "health-recovery": Script(values=having(recovery_action=1.0)),
    "health-recovery-partly": Script(values=having(recovery_action=3.0)),
    "xid": Script(sample=xid(31), after=400.0),
    "gpu-lost": Script(hello=lost, sample=having(gone=("GPU-0",)), gpus=2),
    "driver-silent": Script(hello=stalled, silent=True, lasts=30.0),
    "pcie-narrow": Script(values=having(pcie_width=8.0), lasts=400.0),
    "pcie-slow": Script(values=having(pcie_gen=3.0), lasts=400.0),
    "input-bound": Script(values=having(utilization=0.12), sample=having(host=Host(cpu=0.98)), lasts=400.0),
    "sampler-late": Script(sample=having(missed=2), lasts=400.0, after=200.0),
    "notebook-budget": Script(told=lambda since: {"notebooks": spent(since)}),
    "cell-budget": Script(told=lambda since: {"running": spent(since)}, after=400.0),
    "busy": Script(values=having(utilization=0.97), before={"utilization": 0.5}, lasts=900.0, after=300.0),
    "little-used": Script(values=having(utilization=0.1), lasts=2000.0, after=400.0),
    "above-85": Script(values=having(temperature=86.0)),
}


def rules_of(name: str) -> list[Rule]:
    """The whole pack as it comes; and one that is off by itself, where it is about that one."""
    return [rule for rule in shipped(BUDGET, BUDGET) if rule.id not in OFF or rule.id == name]


@cache
def said_on(name: str) -> tuple[Alert, ...]:
    """What the whole pack says on the recording of an alert."""
    return tuple(judged(rules_of(name), SCRIPTS[name].messages()))


def judged(rules: Iterable[Rule], messages: Iterable[tuple[Values, Hello | Sample]]) -> list[Alert]:
    """Everything that was said, in turn."""
    alerts, said = Alerts(rules), list[Alert]()
    alerts.listeners.append(said.append)
    for told, message in messages:
        alerts.window.told(**told)
        alerts.write(message)
    return said


def seconds(said: Iterable[Alert]) -> list[tuple[str, str, float]]:
    """Rule, state, and how long after the trouble had begun."""
    return [(a.finding.rule, a.state, (a.fired if a.resolved is None else a.resolved) - START - BEGIN) for a in said]


_STANDING = (
    "health-ecc", "health-remap-failure", "health-unrepairable", "health-pages", "health-pages-double-bit",
    "health-sram", "health-remap-pending", "health-pages-pending", "health-remapped", "health-inforom",
    "health-nvlink-down", "health-nvlink-ber", "health-fabric", "health-fabric-unwell", "health-fabric-starting",
    "health-fabric-limited", "health-recovery",
    "health-recovery-partly",
)  # fmt: skip
_GROWING = (
    "health-pcie-fatal", "health-nvlink-replays", "health-nvlink-recoveries", "health-nvlink-errors",
    "health-nvlink-recovery-failed", "health-nvlink-crc", "health-nvlink-recovered",
)  # fmt: skip

TIMES: dict[str, tuple[float, float]] = {
    "memory-full": (5, 300), "memory-high": (120, 300), "memory-fills": (197, 500), "idle-holder": (1824, 2013),
    "idle-process": (1800, 2000), "zombie": (120, 300), "imbalance": (449, 1061), "hot": (60, 300),
    "nearly-hot": (60, 300), "memory-hot": (60, 300), "slowed-by-heat": (21, 358),
    "slowed-by-heat-hardware": (15, 361), "fan-stopped": (120, 300), "power-brake": (7, 361),
    "slowed-by-hardware": (15, 300), "power-capped": (501, 1119), "many-corrected-errors": (21, 615),
    "corrected-errors": (0, 309), "xid": (0, 600), "gpu-lost": (0, 300), "driver-silent": (0, 30),
    "pcie-narrow": (184, 400), "pcie-slow": (184, 400), "input-bound": (116, 422), "sampler-late": (60, 508),
    "notebook-budget": (251, 300), "cell-budget": (251, 599), "busy": (563, 1013), "little-used": (1748, 2154),
    "above-85": (60, 300), **dict.fromkeys(_STANDING, (0, 300)), **dict.fromkeys(_GROWING, (1, 361)),
    "health-pcie-replays": (32, 331), "health-nvlink-crc-many": (30, 331),
}  # fmt: skip
"""Seconds after the trouble began at which each fires and is resolved on its recording."""


def table() -> str:
    """The table of docs/alerts.md."""
    lines = [
        "| alert | level | when | for | over | after its begin, on a recording of so long: fires, is over |",
        "|---|---|---|---|---|---|",
    ]
    for item in Book(shipped(BUDGET, BUDGET)).told.rules:
        lines.append(_line(item, SCRIPTS[item.rule["id"]], *TIMES[item.rule["id"]]))
    return "\n".join(lines) + "\n"


def _line(item: RuleItem, script: Script, fires: float, over: float) -> str:
    rule = item.rule
    when = f"`{rule['when']}`" if item.editable else item.help.partition(" Over: ")[0]
    clear = f"`{rule['clear']}`" if "clear" in rule else item.help.partition(" Over: ")[2] or "when that is not so"
    hold = _at(rule["for"])
    name = f"`{rule['id']}`: {rule['title']}" + ("" if item.enabled else " (off)")
    cells = name, rule["level"], when, hold, clear, f"{_at(script.lasts)}: {_at(fires)}, {_at(over)}"
    return "| " + " | ".join(cells) + " |"


def _at(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    words = (f"{minutes} min" if minutes else "", f"{rest} s" if rest else "")
    return " ".join(filter(None, words)) or "at once"


if __name__ == "__main__":
    print(table(), end="")
