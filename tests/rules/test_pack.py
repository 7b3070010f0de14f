"""The shipped rules: each fires once on a recording of its trouble and is over once; healthy recordings are silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as changed
from pathlib import Path

import pytest
from msgspec.structs import replace

from jupyter_gpumon.alerts import Alerts
from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.findings import LEVELS
from jupyter_gpumon.model import Hello, Process, Sample, Status
from jupyter_gpumon.rules.book import Book
from jupyter_gpumon.rules.pack import OFF, shipped
from jupyter_gpumon.sources.sampler import Sampler
from jupyter_gpumon.sources.sim import open_backend
from jupyter_gpumon.wire import Stream

from .faults import AT_WORK, BOARD, BUDGET, SCRIPTS, TIMES, TRAINS, judged, rules_of, said_on, seconds, table, xid
from .feed import hello, sample

DOCS = Path(__file__).parents[2] / "jupyter_gpumon" / "docs"


@pytest.mark.parametrize("name", [rule.id for rule in shipped(BUDGET, BUDGET)])
def test_it_fires_once_on_its_recording_and_is_over_once(name):
    """At the stated seconds, by the whole pack; a lesser alert of the same cause may have gone before it."""
    said = said_on(name)
    own = [alert for alert in said if alert.finding.rule == name]
    assert seconds(own) == [(name, "firing", TIMES[name][0]), (name, "resolved", TIMES[name][1])]
    others = {alert.finding for alert in said if alert.finding.rule != name}
    assert all(each.cause == own[0].finding.cause != "" for each in others)
    assert all(LEVELS.index(each.level) > LEVELS.index(own[0].finding.level) for each in others)


@pytest.mark.parametrize("name", [rule.id for rule in shipped(BUDGET, BUDGET)])
def test_it_says_what_is_the_case_and_what_to_do(name):
    """A title without numbers, a detail with them, steps; whose it is, where that is one program's."""
    fired = next(alert for alert in said_on(name) if alert.finding.rule == name)
    finding = fired.finding
    assert finding.title
    assert finding.steps
    assert finding.detail
    assert len(finding.title) < 70
    if finding.uuid is not None and name not in ("zombie", "idle-process"):
        assert finding.notebook == "train.ipynb"
        assert "train.ipynb" in finding.detail


def test_memory_that_grows_says_when_it_will_be_full():
    """By the pace of the last minute."""
    fired, _ = said_on("memory-fills")
    assert fired.finding.detail.startswith("full in 10 min ")
    assert "growing by 50.0 MB/s; on it: train.ipynb" in fired.finding.detail
    assert fired.finding.unit == "seconds"


@pytest.mark.parametrize("script", ["idle", "training", "inference", "mig"])
def test_a_healthy_recording_is_silent(script):
    """Twelve minutes of each, from the first sample on."""
    rules = [rule for rule in shipped(BUDGET, BUDGET) if rule.id not in OFF]
    clock, alerts, said = FakeClock(), Alerts(rules), []
    alerts.listeners.append(said.append)
    for message in simulated(script, clock, 720.0):
        alerts.write(message)
    assert said == []
    assert alerts.window.gpus


@pytest.mark.parametrize(
    ("script", "rules"),
    [
        ("throttle", {"slowed-by-heat", "hot", "power-capped"}),
        ("ecc", {"health-ecc", "health-recovery"}),
        ("lost", {"gpu-lost"}),
        ("leak", {"memory-full"}),
        ("input-bound", {"input-bound"}),
    ],
)
def test_a_sick_recording_is_not(script, rules):
    """Each simulated trouble is found, and nothing else."""
    clock, alerts, said = FakeClock(), Alerts(Book(shipped()).judging), []
    alerts.listeners.append(said.append)
    for message in simulated(script, clock, 720.0):
        alerts.write(message)
    assert {alert.finding.rule for alert in said} == rules


def simulated(script: str, clock: FakeClock, lasts: float) -> Iterator[Stream]:
    """What the simulated GPUs say for so many seconds, in no time."""
    end = clock.mono() + lasts
    backend = open_backend({"script": script, "gpus": "2", "period": "1"}, clock)
    for message in Sampler(backend, interval=1.0).stream(clock):
        if clock.mono() > end:
            return
        yield message


def healthy(*changes: tuple[float, dict[str, object]], lasts: float = 900.0, **more: object) -> list[str]:
    """Rules that said anything while a GPU went from one state to the next, each from a second on."""

    def messages() -> Iterator[tuple[dict[str, object], Hello | Sample]]:
        yield {}, hello(**BOARD)
        for at in range(int(lasts)):
            values = dict(AT_WORK)
            for begin, change in changes:
                values |= change if at >= begin else {}
            yield {}, sample(float(at), values, **{"processes": (TRAINS,), **more})

    return [alert.finding.rule for alert in judged(rules_of(""), messages())]


IDLE = {"utilization": 0.0, "memory_used": 0.5e9, "power": 70.0, "clock_events": ("idle",)}


def test_nothing_is_said_at_a_start_or_an_end():
    """A model is loaded within a minute; at its end the GPU rests, its link sleeps and its memory is free."""
    assert healthy((0, IDLE), (60, AT_WORK), (800, IDLE)) == []
    assert healthy((300, IDLE | {"pcie_gen": 1.0, "memory_used": 0.4e9, "clock_events": ("idle",)})) == []


def test_counters_that_begin_anew_are_no_trouble():
    """A driver that was loaded again: all counters are back at 0, and go on."""
    counters = {"held_thermal": 50.0, "held_power_cap": 900.0, "held_hw_thermal": 3.0, "ecc_corrected": 70.0}
    assert healthy((0, counters), (400, dict.fromkeys(counters, 0.0))) == []


def test_a_suspended_laptop_is_no_trouble():
    """Wall time runs on for a night, monotonic time does not; then it goes on."""

    def messages() -> Iterator[tuple[dict[str, object], Hello | Sample]]:
        yield {}, hello(**BOARD)
        for at in range(600):
            made = sample(float(at), AT_WORK, processes=(TRAINS,))
            yield {}, made if at < 300 else replace(made, time=made.time + 30_000)

    assert judged(rules_of(""), messages()) == []


def test_a_machine_without_a_driver_is_no_trouble():
    """A laptop without a GPU: there never was one."""
    status = Status(state="no-library", message="No driver.", since=5.0)
    assert judged(rules_of(""), [({}, Hello(status=status)), ({}, sample(0.0)), ({}, sample(1.0))]) == []


def test_a_gpu_that_falls_off_the_bus_is_one_alert():
    """XID 79 and the loss are one trouble."""
    script = changed(SCRIPTS["gpu-lost"], sample=lambda since: xid(79)(since) | {"gone": ("GPU-0",)})
    said = judged(rules_of("gpu-lost"), script.messages())
    assert len({alert.id for alert in said}) == 1


@pytest.mark.parametrize("code", [43, 45, 63])
def test_an_xid_that_only_follows_alarms_nobody(code):
    """It stands in the journal; the one before it is the alert."""
    script = changed(SCRIPTS["xid"], sample=xid(code))
    assert judged(rules_of("xid"), script.messages()) == []


def test_what_a_kernel_left_behind_is_said_with_its_pid():
    """Its kernel is gone; the worker holds memory on."""
    worker = Process(uuid="GPU-0", pid=12, memory=9e9, kernel="k0", name="python", own=True)
    script = changed(SCRIPTS["zombie"], sample=lambda _: {"processes": (TRAINS, worker)})
    fired, _ = judged(rules_of("zombie"), script.messages())
    assert (fired.finding.pid, fired.finding.subject) == (12, "12")
    assert "its kernel is gone" in fired.finding.detail


def test_others_are_not_named():
    """A sum of their processes has no pid: nobody is named, and nobody can be interrupted."""
    others = Process(uuid="GPU-0", count=2, memory=78e9)
    script = changed(SCRIPTS["memory-full"], sample=lambda _: {"processes": (others,)})
    fired, _ = judged(rules_of("memory-full"), script.messages())
    assert (fired.finding.notebook, fired.finding.kernel, fired.finding.pid) == (None, None, None)
    assert "on it" not in fired.finding.detail


def test_in_a_container_memory_without_a_process_is_no_trouble():
    """The driver's pids are not told there."""
    messages = SCRIPTS["zombie"].messages()
    foreign = ((told, replace(m, pid_namespace="foreign") if isinstance(m, Hello) else m) for told, m in messages)
    assert judged(rules_of("zombie"), foreign) == []


def test_where_no_process_was_ever_seen_memory_is_nobodys_business():
    """Drivers on WSL and of virtual GPUs answer an empty list, whoever runs."""
    assert healthy(processes=()) == []


def test_every_shipped_rule_can_be_listed_and_those_that_are_data_changed():
    """With help where there is no condition; off ones do not judge."""
    book = Book(
        shipped(), [{"id": "hot", "for": 5}, {"id": "busy", "enabled": True}], {"memory-full": {"enabled": False}}
    )
    assert book.told.problems == ()
    assert all(item.help or item.editable for item in book.told.rules)
    judging = {rule.id: rule for rule in book.judging}
    assert judging["hot"].hold == 5.0
    assert "busy" in judging
    assert not {"memory-full", "little-used", "notebook-budget"} & set(judging)
    assert not Book(shipped(), [{"id": "gpu-lost", "when": "power > 1"}]).item("gpu-lost").editable


def test_the_table_in_the_docs_is_current():
    """`python -m tests.rules.faults` prints it."""
    assert table() in (DOCS / "alerts.md").read_text()
