"""``gpumon run --each``: every script and notebook is run and measured, whatever becomes of the others."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_gpumon.cli.each import files
from jupyter_gpumon.cli.each.command import run_each
from jupyter_gpumon.cli.each.guest import Recorder, bound
from jupyter_gpumon.cli.run.command import Asked
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.experiments import Origin
from jupyter_gpumon.runs.store import shared

from .test_run import environment

NEW = """
def run_benchmark(logger, repository, branch, commit_id, commit_msg, metrics_recorder=None, num_tokens=100):
    known = metrics_recorder.initialise_benchmark({"model_id": "llama"})
    metrics_recorder.collect_device_measurements(known, 1, 2, 3, 4)
    metrics_recorder.collect_model_measurements(known, {"model_load_time": 1.5, "ttft_s": 0.1})
    metrics_recorder.collect_model_measurements(known, {"ttft_s": 0.3})
"""
OLD = "def run_benchmark(log, b, c, m):\n    log.info('of before')\n"
SCRIPTS = {
    "arguments.py": "import sys; print('arguments', *sys.argv[1:])",
    "broken.py": "import sys; sys.exit(4)",
    "syntax.py": "def run_benchmark(:",
    "new.py": NEW,
    "old.py": OLD,
    "wrong.py": "def run_benchmark():\n    raise TypeError('its own')\n",
}


@pytest.fixture
def benches(tmp_path) -> Path:
    """A folder of scripts, modules and a notebook; two of the names in it are not to be run."""
    folder = tmp_path / "benches"
    folder.mkdir()
    for name, text in SCRIPTS.items() | {("_common.py", "raise SystemExit(9)"), ("notes.txt", "")}:
        (folder / name).write_text(text)
    book = new_notebook(
        cells=[new_code_cell("import os; print('in', os.path.basename(os.getcwd()))"), new_code_cell("40 + 2")]
    )
    nbformat.write(book, folder / "book.ipynb")
    return folder


def test_every_one_is_run_and_the_failures_are_counted(benches, tmp_path):
    """Scripts get the arguments, notebooks run in their folder, modules are called; what they log is kept."""
    store, told = f"sqlite:///{tmp_path}/runs.sqlite", tmp_path / "told.json"
    command = [sys.executable, "-m", "jupyter_gpumon", "run", "--each", "--keep", "--store", store, "--json", told]
    command += ["-n", "all", benches, "--", "--size", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment())
    assert done.returncode == 1, done.stderr
    for said in ("arguments --size 3\n", "of before\n", "in benches\n42\n"):
        assert said in done.stdout
    assert "TypeError: its own" in done.stderr
    assert "gpumon  │ 4 successful, 3 failed: all/broken, all/syntax, all/wrong\n" in done.stderr
    said = json.loads(told.read_text())
    assert (said["successful"], said["failed"], said["not_started"]) == (4, 3, 0)
    assert {task["name"]: task["exit_code"] for task in said["tasks"]} == {
        "all/arguments": 0, "all/book": 0, "all/broken": 4, "all/new": 0, "all/old": 0, "all/syntax": 1, "all/wrong": 1,
    }  # fmt: skip
    assert said["tasks"][0]["command"] == [str(benches / "arguments.py"), "--size", "3"]
    (run,) = shared(store).find("all/new")
    assert run.tags == {"model_id": "llama", "exit_code": "0"}
    assert run.metrics["ttft_s"].values == (0.1, 0.3)
    assert run.metrics["model_load_time"].stats.last == 1.5
    assert (run.origin.notebook, shared(store).find("all/book")[0].origin.notebook) == ("new.py", "book.ipynb")


def test_where_all_went_well_it_ends_well(benches, capfd):
    """Named files only; each is told in a line, with what it cost."""
    names = [str(benches / "old.py"), str(benches / "arguments.py")]
    assert run_each(names, Asked(source="sim:gpus=1")) == 0
    said = capfd.readouterr().err
    assert "1 of 2: " in said
    assert [line.split()[1] for line in said.splitlines() if "exit code 0" in line and "after" not in line] == [
        "old",
        "arguments",
    ]
    assert said.endswith("2 successful, 0 failed\n")


def test_what_a_signal_from_outside_ends_ends_all(tmp_path, capfd):
    """Ctrl-C is for whoever waits, not for one of many."""
    for name, text in {"a.py": "import os; os.kill(os.getpid(), 15)", "b.py": "print('never')"}.items():
        (tmp_path / name).write_text(text)
    assert run_each([str(tmp_path)], Asked(source="sim:gpus=1", quiet=True)) == 1
    out, err = capfd.readouterr()
    assert "never" not in out
    assert err.endswith("0 successful, 1 failed, 1 not started: a\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["gone.py"], "is not there"),
        (["notes.txt"], r"there are \.py and \.ipynb"),
        (["empty"], "no script or notebook in"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is(benches, monkeypatch, words, says):
    """With what can."""
    monkeypatch.chdir(benches)
    (benches / "empty").mkdir()
    with pytest.raises(SourceError, match=says):
        run_each(words, Asked(source="sim:gpus=1"))


def test_a_file_of_samples_is_refused_since_it_is_one_tasks(benches):
    """What takes many is named."""
    with pytest.raises(SourceError, match="csv:folder/"):
        run_each([str(benches)], Asked(source="sim:gpus=1", sinks=["run.jsonl"]))


def test_two_of_one_name_are_told_apart():
    """By their folders."""
    assert files.names([Path("a/llama.py"), Path("b/llama.py"), Path("b/gemma.py")]) == [
        "a/llama.py",
        "b/llama.py",
        "gemma",
    ]


def test_a_module_is_told_its_commit(benches):
    """What it is called with, by the names of Transformers' benchmarks."""
    origin = Origin(repository="r", branch="main", commit="c" * 40, message="Faster")
    told = json.loads(files.command(benches / "new.py", ["--x"], origin, Path("m.json"))[2])
    assert told == {
        "measurements": "m.json", "repository": "r", "branch": "main", "commit_id": "c" * 40, "commit_msg": "Faster",
    }  # fmt: skip


VALUES = {
    "logger": logging.getLogger(), "repository": "r", "branch": "b", "commit_id": "c", "commit_msg": "m",
    "metrics_recorder": Recorder(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (lambda logger, repository, branch, commit_id, commit_msg, metrics_recorder: (branch, commit_id), ("b", "c")),
        (lambda metrics_recorder, *, branch: (type(metrics_recorder), branch), (Recorder, "b")),
        (lambda logger, branch, commit_id, commit_msg: (branch, commit_id, commit_msg), ("b", "c", "m")),
        (lambda log, r, b, c, m, tokens=100: (r, b, c, m, tokens), ("r", "b", "c", "m", 100)),
        (lambda log, b, c, m: (b, c, m), ("b", "c", "m")),
        (lambda **known: known["branch"], "b"),
        (lambda: "nothing", "nothing"),
    ],
    ids=["all", "some, by name", "of before, by name", "of now, in order", "of before, in order", "any", "none"],
)  # fmt: skip
def test_a_benchmark_is_called_with_what_it_takes(function, given):
    """By its names, else in the order of now, else in that of before."""
    assert bound(function, VALUES)() == given


def test_one_that_takes_something_else_is_told_what_there_is():
    """And a TypeError within one is not taken for a signature of before."""
    with pytest.raises(TypeError, match=r"run_benchmark\(x\) cannot be called: it is given logger, repository"):
        bound(lambda x: x, VALUES)
