"""What fires, in the notebook: by the server's word kept current by the stream, or by the kernel's own judgement."""

from __future__ import annotations

import time
from types import SimpleNamespace

import msgspec
import pytest

from jupyter_gpumon.alerts import event
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.findings import Alert, Finding
from jupyter_gpumon.kernel import alerts
from jupyter_gpumon.report import alerts as words
from jupyter_gpumon.rulebook import AlertBook

from ..rules.feed import hello, sample
from .conftest import displays

LABELS = {"GPU-0": "gpu0", "GPU-1": "gpu1"}


def alert(title: str, level: str = "warning", id: str = "", **more: object) -> Alert:
    """One that fires on GPU 0."""
    finding = Finding(rule="r", title=title, level=level, uuid="GPU-0", detail="91 °C", steps=("Cool it.",))
    return Alert(id=id or title, finding=finding, since=time.time() - 60, fired=time.time() - 50, **more)


def test_a_line_names_the_gravest_and_counts_those_that_nobody_has_seen():
    """Seen, snoozed and mere remarks are quiet."""
    fire = [alert("Warm"), alert("Hot", "critical"), alert("Seen", acknowledged=1.0), alert("Note", "info")]
    assert words.line(fire, LABELS) == "2 alerts: gpu0: Hot; gpu0: Warm"
    assert words.line([alert("Warm", snoozed=time.time() + 60)], LABELS) == ""
    assert words.line([alert("Warm", snoozed=time.time() - 60)], LABELS) == "1 alert: gpu0: Warm"
    assert words.line([alert(str(n)) for n in range(3)], LABELS).endswith("; …")


def test_all_that_fire_are_told_with_what_to_do():
    """The seen ones too; the page is the same, and shows no markup of a title."""
    text = words.text([alert("Seen <b>", acknowledged=1.0), alert("Hot", "critical")], LABELS, "By whom.")
    assert text.splitlines() == [
        "CRITICAL  gpu0: Hot, for 1 min 0 s", "  91 °C", "  - Cool it.",
        "WARNING  gpu0: Seen <b>, for 1 min 0 s", "  91 °C", "  acknowledged", "  - Cool it.", "By whom.",
    ]  # fmt: skip
    assert "Seen &lt;b&gt;" in words.html([alert("Seen <b>")], LABELS)
    assert words.text([], LABELS) == "No alert fires."


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A kernel's view of a server on which ``hot`` fires, and how often it has asked."""
    questions: list[str] = []

    def asked(_path, question):
        questions.append(question)
        book = AlertBook(enabled=True, alerts=(alert("Hot", id="hot"),), history=(), deliveries=(), problems=())
        return msgspec.json.encode(book)

    monkeypatch.setattr(alerts, "asked", asked)
    return alerts.Servers(tmp_path / "socket"), questions


def test_a_server_is_asked_once_and_then_the_stream_is_heard(servers):
    """What comes with samples is taken in; a new greeting makes it ask again."""
    known, questions = servers
    known.write(sample(0, events=(event(alert("Old"), 0.0),)))  # before the first question: the answer has it
    assert [each.id for each in known.current] == ["hot"]
    known.write(sample(1, events=(event(alert("New", id="new"), 1.0),)))
    assert [each.id for each in known.current] == ["hot", "new"]
    over = msgspec.structs.replace(alert("Hot", id="hot"), state="resolved", resolved=time.time())
    known.write(sample(2, events=(event(over, 2.0),)))
    assert [each.id for each in known.current] == ["new"]
    assert questions == ["alerts"]
    known.write(hello())
    assert [each.id for each in known.current] == ["hot"]
    assert questions == ["alerts", "alerts"]


def test_without_a_server_the_shipped_rules_judge_here():
    """From what is known at the first question on; a GPU that is lost is said at once."""
    lost = hello(2, state="lost")
    link = SimpleNamespace(hello=lost, latest=sample(0, {}, {}))
    known = alerts.Own(link)
    for at in range(1, 30):
        known.write(lost)
        known.write(sample(at, {}, {}))
    assert {(each.finding.rule, each.finding.uuid) for each in known.current} >= {
        ("gpu-lost", "GPU-0"),
        ("gpu-lost", "GPU-1"),
    }


def test_a_server_that_does_not_tell_leaves_the_line_empty(monkeypatch, tmp_path):
    """And ``%gpumon alerts`` says why."""
    link = SimpleNamespace(url=f"unix:{tmp_path / 'gone'}", hello=hello(), monitor=SimpleNamespace(add=lambda _: None))
    assert alerts.line(link) == ""
    with pytest.raises(SourceError, match="does not answer"):
        _ = alerts.firing(link).current


def test_the_magic_tells_what_fires(notebook):
    """In a kernel without a server: nothing on a healthy GPU, and who judges; the widget's line stays as it was."""
    (shown,) = displays(notebook.run("%gpumon alerts")).values()
    assert shown["text/plain"].startswith("No alert fires.\nJudged by this kernel")
    assert "No alert fires." in shown["text/html"]
    (status,) = displays(notebook.run("%gpumon status")).values()
    assert "alert" not in status["text/plain"]
