"""Slips in the configuration, and files that were damaged: each is said, and the server monitors."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jupyter_gpumon.errors import PolicyError
from jupyter_gpumon.findings import Alert, Finding
from jupyter_gpumon.server.alert_history import AlertHistory
from jupyter_gpumon.server.policies.policy import read_policies, read_policy

from ..rules.feed import hello, sample
from .test_alert_history import alerting, rules

RUN = {"id": "hot", "when": "temperature > 85", "do": "run"}


@pytest.mark.parametrize("command", ["logger it's hot", 'logger "hot', "logger hot\\"])
def test_a_command_that_cannot_be_split_is_refused_with_what_to_write(command):
    """And takes no other policy with it."""
    with pytest.raises(PolicyError, match=r'The policy hot: "command" cannot be split .* or write a list of words'):
        read_policy(RUN | {"command": command})
    found, wrong = read_policies([RUN | {"command": command}, RUN | {"id": "cold", "command": "logger 'it is'"}])
    assert [policy.command for policy in found] == [("logger", "it is")]
    assert len(wrong) == 1


def alert(number: int, state: str) -> Alert:
    """One that is long, so that few of them are on a page of the file."""
    finding = Finding(rule="hot", title="Hot", detail="x" * 2000)
    return Alert(id=f"{number:032x}", finding=finding, state=state, since=1.0, fired=1.0, resolved=2.0)


@pytest.fixture(params=["pages", "alerts"])
def damaged(request, tmp_path) -> Path:
    """A file of alerts that begins well and cannot be read: its pages, or what is in them."""
    path = tmp_path / "alerts.sqlite"
    history = AlertHistory(path)
    for number in range(40):
        history.put(alert(number, "resolved" if number % 2 else "firing"))
    history.close()
    if request.param == "pages":
        content = path.read_bytes()
        path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    else:
        with sqlite3.connect(path) as database:
            database.execute("UPDATE alerts SET alert = '{oops', server = replace(server, '.', '.9')")
        database.close()
    return path


def test_a_damaged_history_is_said_and_alerts_go_on_in_memory(damaged, caplog):
    """A server starts with it, and what fires from now on can be looked up; the file is left as it is."""
    before = damaged.read_bytes()
    server = alerting(history=damaged)
    server.write(hello())
    server.write(sample(0.0, {"temperature": 90.0}))
    server.write(sample(1.0, {"temperature": 70.0}))
    server.history._queue.put(None)
    server.history._thread.join()
    assert rules(server.history.resolved()) == ["hot"]
    assert any("alerts.sqlite cannot be read" in problem for problem in server.problems)
    assert caplog.text.count("move the file away and restart Jupyter") == 1
    server.close()
    assert damaged.read_bytes() == before


def test_a_history_that_is_damaged_under_a_server_is_said_when_it_is_asked_for(tmp_path):
    """It answers with nothing rather than with an error."""
    path = tmp_path / "alerts.sqlite"
    history = AlertHistory(path)
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO alerts VALUES ('a', 'hot', 'info', NULL, 'resolved', 1, 2, 'h 1 1', '{oops')")
    database.close()
    assert history.resolved() == []
    assert "cannot be read" in history.problem
    assert history.resolved() == []
    history.close()
