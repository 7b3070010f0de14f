"""The command line: one look, a recording and its replay, the demo, and errors that are sentences."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from rich.console import Console

from jupyter_gpumon.cli.overview import overview
from jupyter_gpumon.model import Gpu, Hello, Sample
from jupyter_gpumon.sources.recording import Recording
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


def test_status_as_json_has_every_metric():
    """For scripts: the devices, and the values by their names."""
    told = json.loads(gpumon("status", "--json", "--source", "sim:gpus=2").stdout)
    assert [device["index"] for device in told["hello"]["devices"]] == [0, 1]
    assert {"power", "clock_sm", "memory_used"} <= set(told["sample"]["gpus"][1])


def test_status_says_how_the_sinks_of_a_server_are_doing(tmp_path):
    """Those of a server that runs, with what waits and what is the matter; of no server, no line."""
    servers = [
        {"port": 8888, "sinks": [{"url": "sqlite:///a.db"}, {"url": "otlp:", "problem": "Refused.", "waiting": 12}]},
        {"port": 8889, "sinks": [{"url": "csv:b/", "dropped": 1}]},
    ]
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(overview(Hello(), None, servers))
    assert [line.strip() for line in console.export_text().splitlines() if line.startswith("sink")] == [
        "sink   │ :8888 sqlite:///a.db: well",
        "sink   │ :8888 otlp:: Refused, 12 samples waiting",
        "sink   │ :8889 csv:b/: well, 1 sample lost",
    ]
    assert "sink" not in gpumon("status", "--source", "sim:gpus=1", JUPYTER_RUNTIME_DIR=str(tmp_path)).stdout


def test_status_takes_its_source_from_the_environment():
    """GPUMON_SOURCE is the default everywhere."""
    assert "gpu0" in gpumon("status", GPUMON_SOURCE="sim:gpus=1").stdout


def test_status_on_the_real_driver_abi(fake_nvml):
    """The unmodified nvidia-ml-py reads the fake driver in an agent process."""
    driver = fake_nvml(gpus=2)
    done = gpumon("status", "--source", "agent", **driver.variables)
    assert "driver 580.95.05" in done.stdout
    assert done.stdout.count("NVIDIA H200") == 2


def test_a_trial_says_how_well_each_board_measures_and_is_remembered(fake_nvml):
    """A good counter, one that shows 57 % of power, and a board without; what was found is there for the next look."""
    driver = fake_nvml(gpus=3, power_noise=1, each={1: {"energy_gain": 0.57}, 2: {"energy": "-"}})
    said = gpumon("trial", **driver.variables)
    assert said.returncode == 0, said.stderr
    rows = {line.split()[0]: line.split() for line in said.stdout.splitlines() if re.match(r"gpu\d ", line)}
    assert [rows[f"gpu{n}"][1] for n in range(3)] == ["counter", "instant", "instant"]
    assert "gpu0: counter, 100 ms, agrees with power within" in said.stdout
    assert "the counter reads 57 % of the power's integral" in said.stdout.replace("\n", " ")
    assert "this board has no energy counter" in said.stdout
    assert "gpu0: counter, 100 ms, agrees with power within" in gpumon("status", **driver.variables).stdout


def test_a_trial_needs_the_driver_itself():
    """A recording cannot be tried; of simulated boards everything is known."""
    assert "reads the driver itself" in gpumon("trial", "--source", "replay:run.jsonl").stderr
    assert "counter, 100 ms, simulated" in gpumon("trial", "--source", "sim:gpus=1").stdout


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


def test_a_recording_takes_several_places_and_some_devices(tmp_path):
    """One look, written twice; the column run holds the name; what names the machine is left out where asked."""
    words = ["--interval", "0.5", "--duration", "2", "--devices", "gpu1", "--scrub", "-n", "my run"]
    words += ["--metrics", "power,host_load"]
    outputs = ["-o", str(tmp_path / "run.csv"), "-o", str(tmp_path / "run.jsonl")]
    outputs += ["-o", f"sqlite:///{tmp_path / 'run.db'}"]
    done = gpumon("record", *outputs, *words, "--source", "sim:gpus=3")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "run.csv").read_text().splitlines()
    assert len(rows) >= 3
    assert all(",my run,," in row and ",gpu1," in row for row in rows[1:])
    sample = _samples(tmp_path / "run.jsonl")[-1]
    hello = next(m for m in Recording(tmp_path / "run.jsonl").messages() if isinstance(m, Hello) and m.devices)
    assert [device.label for device in hello.devices] == ["gpu1"]
    assert [gpu.uuid for gpu in sample.gpus] == [hello.devices[0].uuid]
    assert hello.hostname == ""
    assert rows[0].endswith(",name,power_watts,host_load")
    assert sample.gpus[0] == Gpu(uuid=sample.gpus[0].uuid, power=sample.gpus[0].power)
    with contextlib.closing(sqlite3.connect(tmp_path / "run.db")) as database:
        (columns,) = zip(*database.execute("SELECT name FROM pragma_table_info('gpumon_samples')"), strict=True)
        assert set(columns) == {"time", "device", "run", "power_watts"}
        assert database.execute("SELECT count(*) FROM gpumon_samples").fetchone() == (len(rows) - 1,)


def test_a_device_that_is_not_there_is_named(tmp_path):
    """With those that are."""
    done = gpumon("record", "-o", str(tmp_path / "run.csv"), "--source", "sim:gpus=2", "--devices", "7")
    assert done.returncode == 2
    assert "There are: gpu0, gpu1" in done.stderr


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_recording_is_whole(tmp_path, number):
    """Every line of the file can be read, however the recorder was told to stop."""
    path = tmp_path / "run.jsonl"
    with _recorder("-o", str(path)) as recording:
        _until(lambda: path.exists() and path.read_text().count("\n") >= 2)
        recording.send_signal(number)
        assert recording.wait(120) == 0
    messages = [decode(line) for line in path.read_text().splitlines()]
    assert isinstance(messages[0], Hello)
    assert any(isinstance(message, Sample) and message.gpus for message in messages)


def test_a_killed_recording_is_readable_in_every_format(tmp_path):
    """What was on disk when it was killed -9 is there, also for programs that are not ours; no file is broken."""
    names = ["run.jsonl", "run.jsonl.gz", "run.csv", "run.csv.gz", "run.parquet"]
    with _recorder(*(word for name in names for word in ("-o", str(tmp_path / name)))) as recording:
        _until(lambda: all(_samples(tmp_path / name) for name in names))
        before = {name: _samples(tmp_path / name) for name in names}
        recording.kill()
        assert recording.wait(120) == -signal.SIGKILL
    for name in names:
        assert _samples(tmp_path / name)[: len(before[name])] == before[name]
    assert gzip.decompress((tmp_path / "run.csv.gz").read_bytes()).startswith(b"time,mono,")
    assert len({tuple(s.mono for s in samples[:1]) for samples in before.values()}) == 1


def _samples(path: Path) -> list[Sample]:
    if not path.exists():
        return []
    return [message for message in Recording(path).messages() if isinstance(message, Sample) and message.gpus]


@contextlib.contextmanager
def _recorder(*words: str):
    """A recorder of a simulated GPU, with signals as a terminal leaves them also where tests run in the background."""
    command = [*GPUMON, "record", "--source", "sim:gpus=1", *words]

    def restore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    recording = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=restore)
    try:
        yield recording
    finally:
        recording.kill()
        recording.communicate(timeout=120)


def test_the_demo_opens_a_notebook_on_simulated_gpus_and_says_so(tmp_path, fake_nvml):
    """`gpumon demo` ends in a JupyterLab with the panel's server side running and the quickstart beside it."""
    log = tmp_path / "log"
    words = ["demo", "--no-browser", "--folder", str(tmp_path / "demo")]
    with log.open("w") as out:
        demo = subprocess.Popen([*GPUMON, *words], env=_without_driver(fake_nvml), stdout=out, stderr=out)
    try:
        _until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*token=(\w+)", log.read_text()))
        port, token = re.search(r"http://127\.0\.0\.1:(\d+)/lab\S*token=(\w+)", log.read_text()).groups()
        hello = _asked_once_it_listens(f"http://127.0.0.1:{port}/gpumon/api/hello?token={token}")
        assert "SIMULATED GPUs" in log.read_text()
        assert hello["source"].startswith("sim:")
        examples = Path(__file__).parent.parent / "examples" / "notebooks"
        copied = {path.name for path in (tmp_path / "demo").glob("*.ipynb")}
        assert "quickstart.ipynb" in copied
        assert copied == {path.name for path in examples.glob("*.ipynb")}
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(60)


def _asked_once_it_listens(url: str) -> dict[str, object]:
    """The answer; Jupyter says its address a moment before it listens there."""
    end = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            assert time.monotonic() < end
            time.sleep(0.2)


def _without_driver(fake_nvml) -> dict[str, str]:
    """The environment of a machine without NVIDIA's library, wherever the test runs."""
    environment = fake_nvml(library=False).env
    return {name: value for name, value in environment.items() if name != "GPUMON_SOURCE"}


def _until(condition, seconds: float = 120.0) -> None:
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
