"""What happened: once in the log, however often it happens, and kept for pages opened later."""

from __future__ import annotations

import logging

import pytest

from jupyter_gpumon.model import Event, Gpu, Hello, Sample, Status
from jupyter_gpumon.server.journal import KEPT, Journal

GPUS = (Gpu(uuid="G"),)


@pytest.fixture
def journal(caplog):
    """A journal, with what it logs in ``caplog``."""
    caplog.set_level(logging.INFO, "jupyter_gpumon")
    return Journal()


def event(kind="xid", title="XID 31: Illegal memory access", level="warning", **more):
    return Event(kind=kind, time=100.0, mono=10.0, title=title, level=level, **more)


def sample(*events, gpus=GPUS):
    return Sample(time=100.0, mono=10.0, gpus=gpus, events=events)


def test_a_flood_is_one_line_and_one_entry(journal, caplog):
    """The same XID of the same GPU two thousand times; of another GPU it is another thing."""
    for _ in range(2000):
        journal.write(sample(event(uuid="A", code=31)))
    journal.write(sample(event(uuid="B", code=31)))
    assert len(caplog.records) == 2
    assert [each.uuid for each in journal.recent] == ["A", "B"]


def test_what_needs_no_attention_is_kept_but_not_logged(journal, caplog):
    """Cells are not even kept: they have a list of their own."""
    journal.write(sample(event("back", "gpu0 is back", "info"), event("cell", "train", "info")))
    assert caplog.records == []
    assert [each.kind for each in journal.recent] == ["back"]


def test_what_follows_from_a_hanging_driver_is_not_said_twice(journal, caplog):
    """The log has said that the driver hangs; the gap that this leaves is no news, an XID and a later gap are."""
    gap = event("gap", "No samples for 12.0 s")
    journal.write(Hello(status=Status(state="stalled", message="…")))
    journal.write(sample(event(code=119), gpus=()))
    journal.write(Hello())
    journal.write(sample())
    journal.write(sample(gap))
    assert [record.getMessage() for record in caplog.records] == ["XID 31: Illegal memory access"]
    journal.write(sample(event("gap", "The clock was set back by 1 h 0 min")))
    assert len(caplog.records) == 2


def test_only_the_last_are_kept(journal):
    """Memory is bounded."""
    for number in range(3 * KEPT):
        journal.write(sample(event(code=number, title=f"XID {number}")))
    assert len(journal.recent) == KEPT
