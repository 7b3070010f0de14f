"""What has fired outlives the server: taken over by the next one, under the same ids; and what goes wrong with it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_gpumon.errors import RuleError
from jupyter_gpumon.findings import Alert, Finding
from jupyter_gpumon.model import Cell, Energy, Hello
from jupyter_gpumon.monitor import Monitor, Unavailable
from jupyter_gpumon.rules.window import Spent
from jupyter_gpumon.server import alert_history
from jupyter_gpumon.server.alert_history import AlertHistory
from jupyter_gpumon.server.alerting import Alerting, Known, Wishes
from jupyter_gpumon.server.app import GpuMon

from ..rules.feed import START, hello, sample

HOT = {"id": "hot", "when": "temperature > 85", "clear": "temperature < 80", "title": "Hot"}

SERVER = f"""
import sys
from pathlib import Path
from jupyter_gpumon.monitor import Monitor, Unavailable
from jupyter_gpumon.server.alerting import Alerting, Wishes
from tests.rules.feed import hello, sample
wishes = Wishes(rules=({HOT!r},), history=Path(sys.argv[1]))
alerting = Alerting(Monitor(Unavailable("", "")), wishes)
alerting.write(hello())
alerting.write(sample(0.0, {{"temperature": 90.0}}))
(alert,) = alerting.alerts.current
alerting.close()
print(alert.id)
"""


def alerting(**wishes: object) -> Alerting:
    """The part of a server that judges, without one."""
    known = wishes.pop("known", None)
    return Alerting(Monitor(Unavailable("", "")), Wishes(rules=(HOT,), **wishes), known)


def rules(alerts) -> list[str]:
    """Their rules."""
    return [alert.finding.rule for alert in alerts]


@pytest.fixture
def ended(tmp_path) -> tuple[Path, str]:
    """A server has ended while an alert fired: its file, and the alert's id."""
    path = tmp_path / "alerts.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", SERVER, str(path)],
        capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return path, done.stdout.strip()


def test_what_fired_when_a_server_ended_goes_on_in_the_next(ended):
    """Under its id, without firing again; and is resolved once."""
    path, name = ended
    server, said = alerting(history=path), []
    server.alerts.listeners.append(said.append)
    assert [alert.id for alert in server.alerts.current] == [name]
    server.write(hello())
    server.write(sample(100.0, {"temperature": 90.0}))
    assert said == []
    server.write(sample(101.0, {"temperature": 70.0}))
    assert [(alert.id, alert.state) for alert in said] == [(name, "resolved")]
    server.close()
    again = AlertHistory(path)
    assert [(alert.id, alert.resolved) for alert in again.resolved()] == [(name, START + 101)]
    assert again.firing() == []
    again.close()


def test_a_server_that_lives_keeps_what_it_fired(ended, monkeypatch):
    """Another one of the same user leaves it alone."""
    path, _ = ended
    monkeypatch.setattr(alert_history, "_ended", lambda server: False)
    server = alerting(history=path)
    assert server.alerts.current == []
    server.close()


def test_an_acknowledged_alert_stays_so_over_a_restart(ended):
    """It has been seen."""
    path, name = ended
    server = alerting(history=path)
    server.mark(name, acknowledged=7.0)
    server.close()
    with sqlite3.connect(path) as database:
        (alert,) = database.execute("SELECT alert FROM alerts").fetchone()
    assert json.loads(alert)["acknowledged"] == 7.0


def fired(number: int, at: float) -> Alert:
    """An alert that is over."""
    return Alert(
        id=f"{number:032x}", finding=Finding(rule="hot", title="Hot"), state="resolved", since=at, fired=at,
        resolved=at + 5,
    )  # fmt: skip


def test_history_is_asked_for_by_time_and_is_bounded(tmp_path, monkeypatch):
    """The latest first; what is old goes."""
    monkeypatch.setattr(alert_history, "KEPT", 5)
    history = AlertHistory(tmp_path / "alerts.sqlite")
    for number in range(9):
        history.put(fired(number, 100.0 * number))
    history.close()
    history = AlertHistory(tmp_path / "alerts.sqlite")
    assert [alert.fired for alert in history.resolved()] == [800.0, 700.0, 600.0, 500.0, 400.0]
    assert [alert.fired for alert in history.resolved(610, 710)] == [700.0]
    history.close()


def test_a_file_that_cannot_be_had_is_said_and_alerts_go_on_in_memory(tmp_path, caplog):
    """A folder stands in its place."""
    (tmp_path / "alerts.sqlite").mkdir()
    server = alerting(history=tmp_path / "alerts.sqlite")
    server.write(hello())
    server.write(sample(0.0, {"temperature": 90.0}))
    server.write(sample(1.0, {"temperature": 70.0}))
    end = time.monotonic() + 60
    while not server.history.resolved() and time.monotonic() < end:
        time.sleep(0.01)
    assert rules(server.history.resolved()) == ["hot"]
    assert any("does not take alerts" in problem for problem in server.problems), "it stays so"
    assert "does not take alerts" in caplog.text
    server.close()


def test_switched_off_nothing_is_judged():
    """Nor is anything of what was before."""
    server = alerting(enabled=False)
    server.write(hello())
    server.write(sample(0.0, {"temperature": 99.0}))
    assert server.alerts.current == []
    server.close()


def test_the_rules_file_counts_before_the_traits_and_a_wrong_one_is_said(tmp_path, caplog):
    """The others judge."""
    path = tmp_path / "rules.toml"
    path.write_text('[[rule]]\nid = "warm"\nwhen = "temperature > 50"\n[[rule]]\nid = "bad"\nwhen = "tmp > 5"\n')
    server = alerting(file=str(path))
    server.write(hello())
    server.write(sample(0.0, {"temperature": 90.0}))
    assert {"warm", "hot"} <= set(rules(server.alerts.current))
    assert any('rule bad, "when", column 1' in problem for problem in server.problems)
    assert 'rule bad, "when", column 1' in caplog.text
    server.close()
    server = alerting(file=str(tmp_path / "none.toml"))
    assert any("none.toml cannot be read" in problem for problem in server.problems)
    server.close()


def test_rules_of_the_editor_are_kept_and_a_damaged_file_is_not_overwritten(tmp_path):
    """Somebody may want to mend it."""
    server = alerting(folder=tmp_path)
    server.change("hot", {"when": "temperature > 95"})
    server.close()
    server = alerting(folder=tmp_path)
    assert server.book.item("hot").rule["when"] == "temperature > 95"
    assert server.reset("hot")
    assert server.book.item("hot").rule["when"] == "temperature > 85"
    server.close()
    (tmp_path / "rules.json").write_text("{oops")
    server = alerting(folder=tmp_path)
    assert any("cannot be read" in problem for problem in server.problems)
    with pytest.raises(RuleError, match="mended"):
        server.change("hot", {"when": "temperature > 95"})
    assert (tmp_path / "rules.json").read_text() == "{oops"
    server.close()


def test_a_notebook_and_a_cell_beyond_their_budgets_are_alerts():
    """By what the server knows of them; a cell also when its record comes."""
    known = Known(notebooks=lambda: (Spent(2e6, notebook="train.ipynb", kernel="k1"),))
    server = alerting(notebook_budget=1e6, cell_budget=1e3, known=known)
    server.write(Hello())
    server.post(Cell(id="c1", title="train()", start=1.0, end=2.0, energy={"gpu0": Energy(joules=5e3)}))
    server.write(sample(0.0, {"temperature": 60.0}))
    assert set(rules(server.alerts.current)) == {"notebook-budget", "cell-budget"}
    by_rule = {alert.finding.rule: alert.finding for alert in server.alerts.current}
    assert by_rule["notebook-budget"].notebook == "train.ipynb"
    assert by_rule["cell-budget"].detail == "train(): 5.00 kJ of 1.00 kJ"
    server.close()


@pytest.mark.parametrize(
    ("source", "history", "file"),
    [
        ("auto", "sqlite", "alerts.sqlite"),
        ("sim:gpus=2", "sqlite", "alerts-sim.sqlite"),
        ("replay:run.jsonl", "sqlite", "alerts-replay.sqlite"),
        ("sim:gpus=2", "mine.db", "mine.db"),
        ("auto", "", None),
    ],
)
def test_simulated_troubles_do_not_stand_among_real_ones(tmp_path, source, history, file):
    """Nor are they taken over by a server with real GPUs."""
    path = GpuMon(source=source, alert_history=history).alert_file(tmp_path)
    assert (path and path.name) == file
