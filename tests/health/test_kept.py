"""XIDs outlive a restart of the server."""

from __future__ import annotations

from pathlib import Path

from jupyter_gpumon.health import Checkup
from jupyter_gpumon.model import Device, Event, Hello, Sample, Status
from jupyter_gpumon.server.kept_xids import KeptXids

HELLO = Hello(devices=(Device(uuid="GPU-0", index=0, name="Test"),), status=Status(state="live"), boot_id="this boot")

FELL_OFF = Sample(time=1e9, mono=5.0, events=(Event(kind="xid", time=1e9, mono=5.0, title="", uuid="GPU-0", code=79),))


def opened(file: Path, hello: Hello = HELLO) -> Checkup:
    """A checkup as a server has it that begins now."""
    checkup, kept = Checkup(), KeptXids(file)
    checkup.adopt(kept.load(), kept.save)
    checkup.write(hello)
    return checkup


def test_what_was_told_and_acknowledged_is_known_to_the_next_server(tmp_path):
    """Of this boot of the machine; a restart of the machine ends it."""
    file = tmp_path / "gpumon" / "xids.json"
    checkup = opened(file)
    checkup.write(FELL_OFF)
    assert [seen.acknowledged for seen in opened(file).health().devices[0].xids] == [None]
    checkup.acknowledge("GPU-0", 79, 1e9 + 1)
    (seen,) = opened(file).health().devices[0].xids
    assert (seen.code, seen.acknowledged) == (79, 1e9 + 1)
    after = Hello(devices=HELLO.devices, status=HELLO.status, boot_id="the next boot")
    assert opened(file, after).health().devices[0].xids == ()


def test_a_file_that_is_broken_or_cannot_be_written_is_said_and_nothing_else_fails(tmp_path, caplog):
    """Monitoring goes on without it."""
    file = tmp_path / "xids.json"
    file.write_text("{")
    assert opened(file).health().devices[0].xids == ()
    assert "cannot be read" in caplog.text
    (tmp_path / "place").write_text("a file where a folder has to be")
    checkup = opened(tmp_path / "place" / "xids.json")
    checkup.write(FELL_OFF)
    assert checkup.health().devices[0].xids[0].code == 79
    assert "cannot be kept" in caplog.text
