"""Alerts among a report's findings: in the words in which they fired, and nothing said twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_gpumon.alerts import event, replayed
from jupyter_gpumon.model import Sample
from jupyter_gpumon.report.recording import evidence
from jupyter_gpumon.rules.pack import shipped
from jupyter_gpumon.wire import Stream

from ..rules.faults import SCRIPTS


def messages(name: str) -> Iterator[Stream]:
    """The recording of a shipped alert."""
    return (message for _, message in SCRIPTS[name].messages())


def findings(name: str) -> list[tuple[str, str, str]]:
    """Level, device and title of what its report finds."""
    found = evidence(Path(name), messages=lambda: messages(name)).findings
    return [(finding.level, finding.device, finding.title) for finding in found]


@pytest.mark.parametrize(
    ("name", "about", "told"),
    [
        ("memory-full", "memory", ("critical", "gpu0", "GPU memory is full")),
        ("slowed-by-heat", "heat", ("warning", "gpu0", "Heat slows the GPU down")),
        ("power-capped", "power", ("info", "gpu0", "The power limit holds the GPU back")),
        ("health-ecc", "uncorrect", ("critical", "gpu0", "Memory had uncorrectable errors")),
        ("health-remap-pending", "remap", ("warning", "gpu0", "A memory row waits to be remapped")),
        ("xid", "xid", ("warning", "gpu0", "XID 31: Illegal memory access (GPU page fault)")),
        ("gpu-lost", "off the bus", ("critical", "gpu0", "GPU has fallen off the bus")),
        ("driver-silent", "driver", ("critical", "", "The driver does not respond")),
        ("sampler-late", "sample", ("warning", "", "The sampler cannot keep up")),
    ],
)
def test_an_alert_is_told_once(name, about, told):
    """Neither the event, the counter nor the share of time that it is about is told beside it."""
    assert [found for found in findings(name) if about in found[2].lower()] == [told]


def test_it_says_when_and_how_long_and_what_to_do():
    """With the numbers of the alert."""
    found = evidence(Path("x"), messages=lambda: messages("health-ecc")).findings
    (finding,) = [each for each in found if each.title == "Memory had uncorrectable errors"]
    assert "for 5 min 0 s: 1 since the driver was loaded" in finding.detail
    assert "Repeat what was computed" in finding.detail


def test_alerts_that_were_recorded_are_judged_anew_and_not_told_twice():
    """A server writes its alerts into its recordings."""
    (alert,) = [each for each in replayed(shipped(), messages("health-ecc")) if each.finding.rule == "health-ecc"]

    def recorded() -> Iterator[Stream]:
        for number, message in enumerate(messages("health-ecc")):
            yield message
            if number == 300 and isinstance(message, Sample):
                yield Sample(time=message.time, mono=message.mono, events=(event(alert, message.mono),))

    titles = [finding.title for finding in evidence(Path("x"), messages=recorded).findings]
    assert titles.count("Memory had uncorrectable errors") == 1
