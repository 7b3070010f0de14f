"""The command line: one look, a recording and its replay, the demo, and errors that are sentences."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.wire import decode

GPUMON = [sys.executable, "-m", "jupyter_gpumon"]


def gpumon(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **variables}
    return subprocess.run([*GPUMON, *words], capture_output=True, text=True, timeout=60, env=environment)


def test_status_is_one_look_at_every_gpu():
    """A line per GPU; simulated ones are called so."""
    done = gpumon("status", "--source", "sim:gpus=3&script=training")
    assert done.returncode == 0, done.stderr
    assert "simulated" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("gpu")] == ["gpu0", "gpu1", "gpu2"]


def test_status_takes_its_source_from_the_environment():
    """GPUMON_SOURCE is the default everywhere."""
    assert "gpu0" in gpumon("status", GPUMON_SOURCE="sim:gpus=1").stdout


def test_status_on_the_real_driver_abi(fake_nvml):
    """The unmodified nvidia-ml-py reads the fake driver in an agent process."""
    driver = fake_nvml(gpus=2)
    done = gpumon("status", "--source", "agent", **driver.variables)
    assert "driver 580.95.05" in done.stdout
    assert done.stdout.count("NVIDIA H200") == 2


def test_status_without_a_driver_says_what_to_do(fake_nvml):
    """No table of nothing: what is the matter, what to do, and a status that scripts can test."""
    done = gpumon("status", "--source", "agent", **fake_nvml(library=False).variables)
    assert done.returncode == 1
    assert "gpumon demo --source sim" in done.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "--source", "nonsense:"], "nonsense"),
        (["status", "--source", "sim:gpus=many"], "gpus"),
        (["status", "--source", "sim:colour=red"], "colour"),
        (["status", "--source", "replay:/not/there.jsonl"], "/not/there.jsonl"),
        (["demo", "--no-browser", "--source", "sim:colour=red"], "colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_bad_source_is_one_sentence(words, says):
    """It names what was wrong, and there is no traceback."""
    done = gpumon(*words)
    assert done.returncode != 0
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_a_recording_plays_again(tmp_path, name):
    """What was recorded is what the replay shows: hello first, then samples."""
    done = gpumon("record", "-o", str(tmp_path / name), "--duration", "3", "--source", "sim:gpus=2&script=training")
    assert done.returncode == 0, done.stderr
    assert int(re.search(r"(\d+) samples", done.stderr)[1]) >= 2
    played = gpumon("status", "--source", f"replay:{tmp_path / name}?speed=0")
    assert "gpu1" in played.stdout, played.stderr


def test_a_recording_is_not_overwritten_unasked(tmp_path):
    """Data of an earlier run is not lost to a repeated command."""
    path = tmp_path / "run.jsonl"
    path.write_text("precious")
    words = ["record", "-o", str(path), "--duration", "2", "--source", "sim:gpus=1"]
    done = gpumon(*words)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert path.read_text() == "precious"
    assert gpumon(*words, "--overwrite").returncode == 0


def test_a_recording_of_no_gpu_says_so(tmp_path, fake_nvml):
    """It is not called a success."""
    words = ["record", "-o", str(tmp_path / "run.jsonl"), "--duration", "3", "--source", "agent"]
    done = gpumon(*words, **fake_nvml(library=False).variables)
    assert done.returncode == 1
    assert "No GPU was seen" in done.stderr


def test_a_folder_that_cannot_be_made_is_one_sentence():
    """The demo names the folder and what to do."""
    done = gpumon("demo", "--no-browser", "--source", "sim", "--folder", "/proc/nowhere")
    assert done.returncode == 2
    assert "--folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_a_whole_recording(tmp_path):
    """Every line of the file can be read."""
    path = tmp_path / "run.jsonl"
    recording = subprocess.Popen([*GPUMON, "record", "-o", str(path), "--source", "sim:gpus=1"], stderr=subprocess.PIPE)
    _until(lambda: path.exists() and path.read_text().count("\n") >= 2)
    recording.send_signal(signal.SIGINT)
    assert recording.wait(20) == 0
    recording.stderr.close()
    messages = [decode(line) for line in path.read_text().splitlines()]
    assert isinstance(messages[0], Hello)
    assert any(isinstance(message, Sample) and message.gpus for message in messages)


def test_the_demo_opens_a_notebook_on_simulated_gpus_and_says_so(tmp_path, fake_nvml):
    """`gpumon demo` ends in a JupyterLab with the panel's server side running and the quickstart beside it."""
    log = tmp_path / "log"
    words = ["demo", "--no-browser", "--folder", str(tmp_path / "demo")]
    with log.open("w") as out:
        demo = subprocess.Popen([*GPUMON, *words], env=_without_driver(fake_nvml), stdout=out, stderr=out)
    try:
        _until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*token=(\w+)", log.read_text()))
        port, token = re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*token=(\w+)", log.read_text()).groups()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/gpumon/api/hello?token={token}", timeout=20) as answer:
            hello = json.load(answer)
        assert "SIMULATED GPUs" in log.read_text()
        assert hello["source"].startswith("sim:")
        assert (tmp_path / "demo" / "quickstart.ipynb").exists()
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(20)


def _without_driver(fake_nvml) -> dict[str, str]:
    """The environment of a machine without NVIDIA's library, wherever the test runs."""
    environment = fake_nvml(library=False).env
    return {name: value for name, value in environment.items() if name != "GPUMON_SOURCE"}


def _until(condition, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def test_the_version_is_said():
    """One line, for bug reports."""
    assert re.fullmatch(r"jupyter-gpumon \d+\.\d+\.\d+\S*\n", gpumon("--version").stdout)


def test_the_wheel_names_both_commands():
    """`gpumon` and `jupyter gpumon` are the same."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert 'gpumon = "jupyter_gpumon.cli:main"' in text
    assert 'jupyter-gpumon = "jupyter_gpumon.cli:main"' in text
