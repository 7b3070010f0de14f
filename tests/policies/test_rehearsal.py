"""``gpumon policy``: what policies would have done over a recording, from the command line too."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from jupyter_gpumon.cli import app
from jupyter_gpumon.cli import policies as command
from jupyter_gpumon.doctor.settings import Setting, Settings
from jupyter_gpumon.model import Process
from jupyter_gpumon.server.policies.policy import read_policies
from jupyter_gpumon.server.policies.rehearsal import Rehearsal
from jupyter_gpumon.sinks import lines
from tests.rules.feed import START, hello, sample

FULL = {"id": "full", "when": "memory_used > 70 GB", "for": 5, "do": "interrupt", "grace": 3}
KERNEL = Process(uuid="GPU-0", pid=7, own=True, kernel="k1", notebook="train.ipynb", memory=80e9)


def stream(*full: bool, processes=(KERNEL,)):
    """A second each: whether the memory is full."""
    yield hello()
    for at, each in enumerate(full):
        yield replace(sample(float(at), {"memory_used": 80e9 if each else 1e9}), processes=processes)


def played(policies, messages):
    """(second, state, policy) of each action."""
    found, wrong = read_policies(policies)
    assert not wrong
    actions = Rehearsal(found, ()).play(messages)
    return [(round((action.ended or 0) - START), action.state, action.what) for action in actions]


def test_it_says_when_what_would_have_been_done():
    """After the hold and the countdown, once."""
    assert played([FULL], stream(*[True] * 20)) == [(8, "dry-run", "interrupt the kernel of train.ipynb")]


def test_what_is_over_within_the_countdown_is_not_done():
    """And what is over before the hold is nothing."""
    assert played([FULL], stream(*[True] * 7, False, False)) == [(7, "over", "interrupt the kernel of train.ipynb")]
    assert played([FULL], stream(*[True] * 4, False, *[True] * 4)) == []


def test_who_is_somebody_else_is_refused():
    """As the server would."""
    others = (Process(uuid="GPU-0", memory=80e9),)
    assert played([FULL], stream(*[True] * 9, processes=others))[0][:2] == (5, "refused")


@pytest.fixture
def configured(monkeypatch):
    """``configured([…])``: Jupyter's configuration has these policies."""

    def set_(*policies):
        settings = Settings(settings=(Setting(name="policies", value=list(policies), origin="test"),))
        monkeypatch.setattr(command, "effective", lambda: settings)

    return set_


def run(*words: str):
    return CliRunner().invoke(app, ["policy", *words])


def test_the_list_says_what_each_waits_for(configured):
    """And what is wrong with others."""
    configured(FULL, {"id": "hot", "rule": "hot", "do": "notify", "dry_run": True}, {"id": "x", "do": "y"})
    done = run("list")
    assert "full: memory_used > 70 GB for 5.00 s → interrupt after 3 s" in done.output
    assert "hot: rule hot → notify (dry run)" in done.output
    assert 'The policy x: "do" is one of' in done.output


def test_check_tells_a_rule_that_there_is_not(configured):
    """By its exit code too."""
    configured(FULL, {"id": "hot", "rule": "hot", "do": "notify"})
    assert run("check").exit_code == 0
    configured({"id": "hot", "rule": "no-such", "do": "notify"})
    done = run("check")
    assert done.exit_code == 1
    assert "waits for the rule no-such, which there is not" in done.output


def test_a_recording_can_be_tried(configured, tmp_path):
    """The second, what, and why."""
    configured(FULL)
    sink = lines.open_sink(str(tmp_path / "run.jsonl"))
    for message in stream(*[True] * 12):
        sink.write(message)
    sink.close()
    done = run("dry-run", str(tmp_path / "run.jsonl"))
    assert done.exit_code == 0, done.output
    assert "8.0 s  Policy full: interrupt the kernel of train.ipynb (would be done now; a dry run)" in done.output
    assert "1 actions by 1 policies." in done.output
