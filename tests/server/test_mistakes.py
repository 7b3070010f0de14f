"""Slips in the configuration, and files that were damaged: each is said, and the server monitors."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from jupyter_gpumon.errors import PolicyError
from jupyter_gpumon.findings import Alert, Finding
from jupyter_gpumon.server.alert_history import AlertHistory
from jupyter_gpumon.server.policies.policy import read_policies, read_policy
from jupyter_gpumon.sinks import urls
from jupyter_gpumon.sinks.urls import open_sink

from ..rules.feed import hello, sample
from .test_alert_history import alerting, rules

NOBODY = "~nobody-of-this-name/gpu"
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


@pytest.fixture
def gpumon_config():
    """A name with a slip for each thing that has one."""
    command = RUN | {"command": "logger it's hot"}
    return {
        "source": "sim:gpus=2",
        "interval": 0.2,
        "sinks": [f"{NOBODY}.csv", "torn:x"],
        "store": f"sqlite:///{NOBODY}.db",
        "notify": [f"log:{NOBODY}.log"],
        "alert_history": f"{NOBODY}.sqlite",
        "rules_file": f"{NOBODY}.toml",
        "policies": [command],
    }


class Torn:
    """The entry point of a plug-in with a mistake in it."""

    name = "torn"

    @staticmethod
    def load():
        """Its opener."""

        def open_sink(url: str) -> object:
            raise KeyError(url)

        return open_sink


@pytest.fixture
def torn(monkeypatch):
    """One more sink beside ours."""
    before = urls.entry_points
    monkeypatch.setattr(urls, "entry_points", lambda group: [*before(group=group), Torn])


@pytest.fixture
def lines():
    """What is logged from before the server starts."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())
    logging.getLogger("jupyter_gpumon").addHandler(handler)
    yield found
    logging.getLogger("jupyter_gpumon").removeHandler(handler)


async def test_a_server_monitors_whatever_is_mistyped_in_its_configuration(lines, torn, gpumon, listen):
    """A line in the log for each, with its kind where it is an error of a plug-in."""
    client = await listen()
    await client.live()
    await client.sample()
    said = "\n".join(lines)
    assert f"the sink {NOBODY}.csv cannot be opened: {NOBODY}.csv: there is no folder" in said
    assert "the sink torn:x cannot be opened: KeyError: 'torn:x'" in said
    assert f"the store sqlite:///{NOBODY}.db cannot be opened: {NOBODY}.db: there is no folder" in said
    assert "alerts are not sent to c.GpuMon.notify[0]" in said
    assert f"alerts are kept in memory until this server ends: c.GpuMon.alert_history: {NOBODY}" in said
    assert f"{NOBODY}.toml: there is no folder" in said
    assert '"command" cannot be split into words' in said
    assert not gpumon.service.channel.recording


async def test_a_store_whose_driver_fails_is_said_and_the_server_monitors(monkeypatch, gpumon, caplog):
    """By the kind of the error, and without the password."""

    def store(url: str, *_: object) -> object:
        raise ValueError(f"bad {url}")

    monkeypatch.setattr("jupyter_gpumon.server.store.Store", store)
    gpumon.store = "mysql://me:s3cret@host/x"
    gpumon._open_store()
    assert "ValueError: bad mysql://me:***@host/x" in caplog.text
    assert "s3cret" not in caplog.text


async def test_a_sink_that_another_server_writes_is_said_and_the_server_monitors(gpumon, listen, caplog, tmp_path):
    """With what to do."""
    other = open_sink(str(tmp_path / "gpu.jsonl"))
    gpumon._record(str(tmp_path / "gpu.jsonl"))
    assert "gpu.jsonl is being written by another process or sink. Name another file." in caplog.text
    other.close()
    client = await listen()
    await client.live()
    await client.sample()
