"""The grammar that names sources and backends on every surface."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.sources import urls
from jupyter_gpumon.sources.agent import AgentSource
from jupyter_gpumon.sources.remote import RemoteSource
from jupyter_gpumon.sources.replay import ReplaySource


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("auto", ("auto", "", {})),
        ("sim:gpus=8&script=training", ("sim", "", {"gpus": "8", "script": "training"})),
        ("replay:run.jsonl?speed=10", ("replay", "run.jsonl", {"speed": "10"})),
        ("replay:a=b/run.jsonl", ("replay", "a=b/run.jsonl", {})),
        ("unix:/run/a.sock", ("unix", "/run/a.sock", {})),
        ("ws://h:1/s?token=%61", ("ws", "//h:1/s", {"token": "a"})),
    ],
)
def test_a_url_has_a_scheme_a_path_and_parameters(url, parts):
    """Each form of the grammar."""
    assert urls.parse(url) == parts


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not a source"),
        ("/tmp/run.jsonl", "is not a source"),
        ("C:/run.jsonl", "is not a source"),
        ("nonsense", "There are: agent, auto"),
        ("sim:?gpus", "form name=value"),
        ("sim:gpus=1&gpus=2", "given twice"),
        ("replay:?speed=1", "no recording"),
        ("replay:none.jsonl", "gpumon record"),
        ("ws:", "write ws://"),
        ("unix:relative.sock", "unix:/path"),
    ],
)
def test_a_wrong_url_says_what_is_right(url, words):
    """Every mistake is told with the way to write it."""
    with pytest.raises(SourceError, match=words):
        urls.open_source(url)


def test_an_unknown_parameter_names_those_there_are(tmp_path):
    """A misspelt parameter is not ignored."""
    recording = tmp_path / "run.jsonl"
    recording.touch()
    with pytest.raises(SourceError, match=r"no parameter 'sped'.*loop, rebase, speed"):
        urls.open_source(f"replay:{recording}?sped=2")
    with pytest.raises(SourceError, match="not a number"):
        urls.open_source(f"replay:{recording}?speed=fast")


def test_each_scheme_leads_to_its_source(tmp_path):
    """Nothing is started or connected by opening."""
    recording = tmp_path / "run.jsonl"
    recording.touch()
    found = {url: type(urls.open_source(url)) for url in ("auto", "agent", "sim:gpus=2", f"replay:{recording}")}
    assert list(found.values()) == [AgentSource, AgentSource, AgentSource, ReplaySource]
    assert {type(urls.open_source(url)) for url in ("ws://h/", "wss://h/", "unix:/s")} == {RemoteSource}


def test_the_default_is_from_the_environment(monkeypatch):
    """$GPUMON_SOURCE, else auto."""
    monkeypatch.delenv("GPUMON_SOURCE", raising=False)
    assert urls.default_source() == "auto"
    monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=3")
    assert urls.default_source() == "sim:gpus=3"


def test_ours_are_listed_like_any_plugin():
    """The table that saves reading the metadata says what pyproject.toml says."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    for group, ours in (("backends", urls._BACKENDS), ("sources", urls._SOURCES)):
        section = re.search(rf'entry-points."jupyter_gpumon.{group}"\]\n(.*?)\n\n', text, re.S)[1]
        assert dict(re.findall(r'(\w+) = "(.*)"', section)) == ours
