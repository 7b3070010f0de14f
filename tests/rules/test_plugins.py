"""Rules of other packages: installed for real, as far as a folder with metadata is an installed package."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from jupyter_gpumon.model import Process
from jupyter_gpumon.monitor import Monitor, Unavailable
from jupyter_gpumon.rules import Window, read_rule
from jupyter_gpumon.rules.book import Book
from jupyter_gpumon.rules.pack import shipped
from jupyter_gpumon.rules.plugins import plugged
from jupyter_gpumon.server.alerting import Alerting, Wishes
from tests.docs import DOCS

from .feed import hello, sample

EXAMPLE = re.search(r"```python\n(# my_rules.py\n.*?)```", (DOCS / "alerts.md").read_text(), re.S)[1]
MODULE = """
from jupyter_gpumon.rules import read_rule

def rules():
    yield read_rule({"id": "any-power", "when": "power > 1", "level": "critical", "title": "It is on"})

def broken():
    raise RuntimeError("out of order")

def words():
    return ["temperature > 85"]

def takes_a_name():
    return [read_rule({"id": "hot", "when": "power > 1"})]
"""


@pytest.fixture
def install(tmp_path):
    """Installs a package with these entry points into a folder, and gives the folder."""

    def installed(**points: str):
        (tmp_path / "outside_rules.py").write_text(MODULE)
        (tmp_path / "my_rules.py").write_text(EXAMPLE)
        folder = tmp_path / "outside_rules-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-rules\nVersion: 1\n")
        lines = [f"{name} = {value if ':' in value else f'outside_rules:{value}'}" for name, value in points.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[jupyter_gpumon.rules]", *lines, ""]))
        return tmp_path

    return installed


def ran(folder, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that sees what is installed in the folder."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "jupyter_gpumon", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, env=environment, check=False)


def test_a_plugins_rules_judge_and_what_fails_is_named(install, monkeypatch):
    """The others go on: those of other plug-ins and the shipped ones, whose names are theirs."""
    monkeypatch.syspath_prepend(
        install(mine="rules", bad="broken", missing="nowhere", wrong="words", taken="takes_a_name")
    )
    book = Book(shipped(), plugged=plugged())
    assert {"any-power", "hot", "xid"} <= {rule.id for rule in book.judging}
    assert book.item("any-power").origin == "plugin"
    assert book.item("hot").origin == "shipped"
    said = {problem.id: problem.message for problem in book.told.problems}
    assert "bad (outside_rules:broken) brings no rules: RuntimeError: out of order" in said["bad"]
    assert "AttributeError" in said["missing"]
    assert "'temperature > 85' has no id" in said["wrong"]
    assert "does not judge" in said["hot"]


def test_the_example_in_the_docs_finds_what_it_says(install, monkeypatch):
    """Two kernels on one GPU, and a warm one."""
    monkeypatch.syspath_prepend(install(mine="my_rules:rules"))
    shared, warm = Book((), plugged=plugged()).judging
    window = Window()
    window.push(hello(2))
    who = [Process(pid=n, uuid="GPU-0", kernel=kernel) for n, kernel in enumerate(("a", "b", "b"))]
    window.push(sample(0.0, {"temperature": 60.0}, {"temperature": 80.0}, processes=tuple(who)))
    assert [(found.uuid, found.detail) for found in shared.check(window)] == [("GPU-0", "2 kernels")]
    assert [found.uuid for found in warm.check(window)] == ["GPU-1"]


def test_a_plugins_rule_is_switched_off_and_changed_as_any_other(install, monkeypatch):
    """By its id."""
    monkeypatch.syspath_prepend(install(mine="rules"))
    assert "any-power" not in {r.id for r in Book((), [{"id": "any-power", "enabled": False}], {}, plugged()).judging}
    (changed,) = Book((), [{"id": "any-power", "for": 60}], {}, plugged()).judging
    assert changed == read_rule(
        {"id": "any-power", "when": "power > 1", "level": "critical", "title": "It is on", "for": 60}
    )


def test_a_server_judges_by_them_and_says_which_failed(install, monkeypatch):
    """In `problems`, as of rules that cannot be read."""
    monkeypatch.syspath_prepend(install(mine="rules", bad="broken"))
    alerting = Alerting(Monitor(Unavailable("", "")), Wishes())
    assert "any-power" in {rule.id for rule in alerting.alerts.rules}
    assert any("The plug-in bad" in problem for problem in alerting.problems)
    alerting.close()


def test_check_and_rules_know_them(install):
    """A broken one is named on standard error, and refuses nobody."""
    folder = install(mine="rules", bad="broken")
    checked = ran(folder, "check", "--source", "sim:gpus=1&script=idle", "--seconds", "1")
    assert (checked.returncode, "[any-power]" in checked.stdout) == (2, True), checked.stdout
    assert "The plug-in bad" in checked.stderr
    listed = ran(folder, "rules")
    assert listed.returncode == 0
    assert "any-power" in listed.stdout
    assert listed.stderr.count("The plug-in bad") == 1
