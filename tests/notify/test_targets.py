"""The targets themselves, each against a real one: Alertmanager, Apprise, the log, a file, the desktop."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter

import pytest
from msgspec.structs import replace

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.sinks.notify import Notifier, open_notifier, read
from jupyter_gpumon.sinks.notify.alertmanager import Alertmanager
from tests.services import free_port

from .conftest import HELLO, QUICK, alert
from .receiver import until


def quick_alertmanager(url: str, every: float) -> Notifier:
    """One that is told again and again, quickly."""
    address = read(f"alertmanager:{url}")
    found = Notifier(address, Alertmanager(address, every), QUICK)
    found.write(HELLO)
    return found


def test_alertmanager_holds_what_fires_until_it_is_over(alertmanager, receiver):
    """Away at first: once it is up the alert is there and goes on; its receivers hear of it once, and of its end."""
    port = free_port()
    target = quick_alertmanager(f"http://127.0.0.1:{port}", every=3)
    target.tell(alert())
    until(lambda: target.problem, "that it is away")
    server = alertmanager(port, receiver.begin().url)
    labels = until(server.alerts, "the alert")[0]["labels"]
    assert labels == {
        "alertname": "GpuHot", "rule": "gpu-hot", "severity": "warning", "hostname": "n1", "gpu": "0", "UUID": "GPU-0",
        "modelName": "Test A100",
    }  # fmt: skip
    until(lambda: receiver.taken, "that it sends it on")
    ends = server.alerts()[0]["endsAt"]
    until(lambda: any(each["endsAt"] > ends for each in server.alerts()), "that it is told again, with a later end")
    target.tell(alert(state="resolved"))
    until(lambda: len(receiver.taken) == 2, "its end")
    assert server.alerts() == []
    assert [body["status"] for body in receiver.taken] == ["firing", "resolved"]
    until(lambda: target.state.sent == 2, "that both count")
    target.close()


def test_alertmanager_is_told_of_another_level_as_of_another_alert(alertmanager, receiver):
    """The level is a label, by which it is sent to other people."""
    server = alertmanager(free_port(), receiver.begin().url)
    target = quick_alertmanager(server.url, every=60)
    target.tell(alert())
    until(lambda: [a["labels"]["severity"] for a in server.alerts()] == ["warning"], "the warning")
    target.tell(alert(level="critical"))
    until(lambda: [a["labels"]["severity"] for a in server.alerts()] == ["critical"], "the critical one alone")
    target.tell(alert(level="critical", state="resolved"))
    until(lambda: server.alerts() == [], "nothing")
    until(lambda: len(receiver.taken) == 4, "four words")
    told = Counter((body["alerts"][0]["labels"]["severity"], body["status"]) for body in receiver.taken)
    assert set(told.values()) == {1}
    target.close()


def test_an_alert_whose_sender_died_is_over_by_itself(alertmanager, receiver):
    """Nobody has to tell it: it lives four times the pause between two words."""
    server = alertmanager(free_port(), receiver.begin().url)
    target = quick_alertmanager(server.url, every=0.3)
    target.tell(alert())
    until(server.alerts, "the alert")
    target.close()
    until(lambda: server.alerts() == [], "nothing")


def test_after_a_restart_alertmanager_is_told_of_what_still_fires(alertmanager, receiver):
    """A new process knows it from the history of alerts."""
    server = alertmanager(free_port(), receiver.begin().url)
    target = quick_alertmanager(server.url, every=60)
    target.adopt([alert()])
    until(server.alerts, "the alert")
    target.close()


def test_through_apprise_alerts_that_come_together_are_one_message(receiver, opened):
    """While it is away they wait; then one message tells all, none twice."""
    target = opened(f"apprise:json://127.0.0.1:{receiver.port}/s3cret-path")
    for n in range(4):
        target.tell(alert(n, title=f"Trouble {n}"))
    target.tell(alert(0, "resolved"))
    problem = until(lambda: target.problem, "that it is away")
    receiver.begin()
    until(lambda: target.state.sent == 5, "all of them")
    assert len(receiver.taken) == 1
    message = receiver.taken[0]
    assert message["title"] == "5 GPU alerts: 4 firing, 1 over (n1)"
    assert all(message["message"].count(f"Warning: Trouble {n} ") == 1 for n in range(4))
    assert message["type"] == "warning"
    assert target.url == "apprise:json"
    assert "s3cret" not in problem


def test_apprise_says_what_it_cannot_use():
    """And shows none of it."""
    with pytest.raises(SourceError, match="Apprise cannot use this URL of 'nosuch'") as refused:
        open_notifier("apprise:nosuch://s3cret-token/x")
    assert "s3cret" not in str(refused.value)


def test_without_apprise_it_says_what_to_install(monkeypatch):
    """The command, ready to be copied."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SourceError, match=r"pip install 'jupyter-gpumon\[notify\]'"):
        open_notifier("apprise:json://127.0.0.1:1")


def test_the_log_has_a_line_of_the_alerts_level(opened, caplog):
    """An error for what is critical; its end is no trouble."""
    with caplog.at_level(logging.INFO):
        target = opened("log:")
        target.tell(alert(level="critical"))
        target.tell(alert(state="resolved"))
        until(lambda: target.state.sent == 2, "both")
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if "Too hot" in record.getMessage()]
    assert lines[0][0] == "ERROR"
    assert lines[0][1].startswith("gpumon: Critical: Too hot (GPU 0 of n1): Temperature 91 °C Since ")
    assert lines[1][0] == "INFO"


def test_a_file_gets_a_line_each(opened, tmp_path):
    """Of what fired, and of its end."""
    target = opened(f"log:{tmp_path / 'alerts.log'}")
    target.tell(alert())
    target.tell(replace(alert(), state="resolved", resolved=alert().fired + 90))
    until(lambda: target.state.sent == 2, "both")
    lines = (tmp_path / "alerts.log").read_text().splitlines()
    assert "Warning: Too hot (GPU 0 of n1)" in lines[0]
    assert "Over: Too hot (GPU 0 of n1): It held for 2 min 0 s" in lines[1]


def test_the_desktop_shows_it_by_notify_send(opened, tmp_path, monkeypatch):
    """With its urgency; texts are arguments, never options."""
    program, said = tmp_path / "notify-send", tmp_path / "said"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    target = opened("desktop:")
    target.tell(alert(level="critical", title="--icon=x"))
    until(lambda: target.state.sent == 1, "it")
    assert said.read_text().splitlines()[:4] == [
        "--app-name=gpumon", "--urgency=critical", "--", "Critical: --icon=x (GPU 0 of n1)",
    ]  # fmt: skip


def test_a_machine_without_a_desktop_says_what_to_install(monkeypatch):
    """By the packages' names."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SourceError, match="libnotify-bin"):
        open_notifier("desktop:")
