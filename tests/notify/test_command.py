"""``gpumon notify``: where there is no Jupyter."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from jupyter_gpumon.cli import app
from jupyter_gpumon.sinks import lines
from tests.rules import feed

BUSY = '[[rule]]\nid = "busy"\nwhen = "utilization > 0.5"\n'


@pytest.fixture
def recording(tmp_path):
    """A GPU that works for a while."""
    path = tmp_path / "run.jsonl"
    sink = lines.open_sink(str(path))
    sink.write(feed.hello())
    for at in range(10):
        sink.write(feed.sample(float(at), {"utilization": 0.9 if 2 <= at < 6 else 0.1}))
    sink.close()
    return path


def run(*words: str):
    return CliRunner().invoke(app, ["notify", *words])


def test_the_alerts_of_a_stream_are_sent(recording, receiver, tmp_path):
    """What fires, and its end; and what waits is sent before it ends."""
    (tmp_path / "rules.toml").write_text(BUSY)
    receiver.begin()
    done = run(
        f"webhook:{receiver.url}", "--source", f"replay:{recording}?speed=0", "--rules", str(tmp_path / "rules.toml")
    )
    assert done.exit_code == 0, done.output
    assert [body["state"] for body in receiver.taken] == ["firing", "resolved"]


def test_what_did_not_arrive_is_said(recording, receiver, tmp_path):
    """And is the exit code."""
    (tmp_path / "rules.toml").write_text(BUSY)
    done = run(
        f"webhook:{receiver.url}", "--source", f"replay:{recording}?speed=0", "--rules", str(tmp_path / "rules.toml")
    )
    assert done.exit_code == 1
    assert "2 alerts did not arrive. it does not answer (Connection refused)" in done.output
    assert "s3cret" not in done.output


def test_a_test_message_says_what_it_is(receiver, monkeypatch):
    """Whatever level the target asks for, by a name from the environment."""
    monkeypatch.setenv("HOOK", f"webhook:{receiver.begin().url}?rules=xid")
    done = run("env:HOOK", "--test")
    assert done.exit_code == 0, done.output
    assert receiver.taken[0]["title"].startswith("Critical: A test of jupyter-gpumon")


def test_a_test_that_fails_says_why(receiver):
    """With the exit code."""
    done = run(f"webhook:{receiver.url}", "--test")
    assert done.exit_code == 1
    assert "not sent: it does not answer (Connection refused)" in done.output
