"""``gpumon convert``, ``export`` and ``replay``: recordings and databases written anew, and used."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jupyter_gpumon.cli import app
from jupyter_gpumon.cli.copy import command, writing
from jupyter_gpumon.cli.copy.fold import folded
from jupyter_gpumon.cli.copy.inputs import open_input
from jupyter_gpumon.cli.play import url_of
from jupyter_gpumon.errors import GpuMonError, SourceError
from jupyter_gpumon.metrics import METRICS
from jupyter_gpumon.model import Event, Gpu, Hello, Process, Sample
from jupyter_gpumon.sources.recording import Recording
from jupyter_gpumon.wire import encode_line

from .contracts.sink import HELLO, sample

MESSAGES = [HELLO, *(sample(n) for n in range(60))]


@pytest.fixture
def recording(tmp_path) -> Path:
    """A minute of a board and an instance."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(encode_line(message) for message in MESSAGES))
    return path


def run(*words: object) -> str:
    """A command's standard output; it has to go well."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def samples(path: Path) -> list[Sample]:
    return [message for message in Recording(path).messages() if isinstance(message, Sample)]


@pytest.mark.parametrize("name", ["b.jsonl", "b.jsonl.gz", "b.csv", "b.csv.gz", "b.parquet"])
def test_a_recording_goes_through_every_format_and_back(tmp_path, recording, name):
    """Values of every column of the catalogue are what they were; devices keep their places."""
    run("convert", recording, tmp_path / name, "--name", "my run")
    run("convert", tmp_path / name, tmp_path / "again.jsonl")
    if "jsonl" not in name:
        run("convert", tmp_path / name, tmp_path / "again.csv")
        assert {row["run"] for row in rows((tmp_path / "again.csv").read_text())} == {"my run"}
    before, after = samples(recording), samples(tmp_path / "again.jsonl")
    assert after == before
    hello = next(message for message in Recording(tmp_path / "again.jsonl").messages() if isinstance(message, Hello))
    assert [device.label for device in hello.devices] == ["gpu0", "gpu0:1"]
    assert hello.hostname == "n1"


@pytest.mark.parametrize("name", ["out.unknown", "out.txt.gz", "out"])
def test_an_ending_that_nobody_knows_is_refused(tmp_path, recording, name):
    """With those there are, and how to say it; nothing is written."""
    with pytest.raises(SourceError, match=r"\.jsonl, \.jsonl\.gz, \.csv, \.csv\.gz, \.parquet; or say it: jsonl:"):
        command.convert(str(recording), str(tmp_path / name), **WHOLE)
    assert not (tmp_path / name).exists()


def test_the_format_can_be_said_before_the_name(tmp_path, recording):
    """Whatever the file is called."""
    run("convert", recording, f"csv:{tmp_path / 'out.txt'}")
    assert len(rows((tmp_path / "out.txt").read_text())) == 2 * 60
    run("convert", recording, f"jsonl:{tmp_path / 'out.log'}")
    assert samples(tmp_path / "out.log") == samples(recording)


def test_a_recording_goes_into_a_database_and_back(tmp_path, recording):
    """At full speed, without a loss; also part of it, and in steps."""
    url = f"sqlite:///{tmp_path / 's.db'}"
    run("convert", recording, url, "--name", "mine")
    run("convert", url, tmp_path / "again.jsonl")
    after = samples(tmp_path / "again.jsonl")
    assert [(s.time, s.gpus) for s in after] == [(s.time, s.gpus) for s in samples(recording)]
    assert after[3].host == samples(recording)[3].host
    assert len(list(open_input(url, "10", "20").messages)) == 1 + 11
    assert {row["run"] for row in rows(run("export", url, "--to", "5"))} == {"mine"}
    with pytest.raises(SourceError, match="no samples"):
        command.convert(url, str(tmp_path / "x.csv"), **WHOLE | {"window": ("2h", "")})


WHOLE = {"window": ("", ""), "devices": "", "scrub": False, "name": "", "overwrite": False}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    """Neither half of a file, nor the loss of the one that was there."""
    target = tmp_path / "there.csv"
    target.write_text("precious")

    def interrupted(text, *window, **more):
        def messages():
            yield from MESSAGES[:20]
            raise KeyboardInterrupt

        return command.Input(messages(), lambda: 0.5)

    monkeypatch.setattr(command, "open_input", interrupted)
    for name in ("x.csv", "x.csv.gz", "x.jsonl", "x.parquet"):
        with pytest.raises(KeyboardInterrupt):
            command.convert("in", str(tmp_path / name), **WHOLE)
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]
    with pytest.raises(SourceError, match="--overwrite"):
        command.convert("in", str(target), **WHOLE)
    with pytest.raises(KeyboardInterrupt):
        command.convert("in", str(target), **WHOLE | {"overwrite": True})
    assert target.read_text() == "precious"


def test_what_cannot_be_written_or_read_is_one_sentence(tmp_path, recording):
    """No folder, no recording, nothing in it, no such device, a database that does not take it."""
    for source, target, more, said in (
        (recording, tmp_path / "no" / "x.csv", {}, "cannot be written"),
        (tmp_path / "not.jsonl", tmp_path / "x.csv", {}, "There is no recording"),
        (tmp_path, tmp_path / "x.csv", {}, "is a folder"),
        (recording, tmp_path / "x.csv", {"window": ("5m", "")}, "no samples"),
        (recording, tmp_path / "x.csv", {"devices": "gpu9"}, "There are: gpu0, gpu0:1"),
        (recording, f"sqlite:///{tmp_path}/no/x.db", {}, "cannot be opened"),
        (f"sqlite:///{tmp_path}/empty.db", tmp_path / "x.csv", {}, "There is no database"),
    ):
        with pytest.raises(GpuMonError, match=said):
            command.convert(str(source), str(target), **WHOLE | more)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.jsonl"]


def test_a_sink_that_takes_nothing_is_given_up(tmp_path, recording, monkeypatch):
    """After a while, with its own words; a copy does not hang."""
    monkeypatch.setattr(writing, "PATIENCE", 0.1)
    url = "postgresql+psycopg://nobody:secret@127.0.0.1:9/none?buffer=5&connect_timeout=1"
    with pytest.raises(GpuMonError, match=r"127\.0\.0\.1") as told:
        command.convert(str(recording), url, **WHOLE)
    assert "secret" not in str(told.value)


def test_a_converted_copy_is_scrubbed(tmp_path):
    """The same GPUs under stand-ins, in every format; nobody is named."""
    path = tmp_path / "run.jsonl"
    processes = (Process(uuid="GPU-aa", pid=4242, name="/users/alice/train.py", notebook="secret.ipynb"),)
    event = Event(kind="xid", time=1.0, mono=1.0, title="alice", detail="/users/alice", uuid="GPU-aa", code=79)
    told = Sample(time=2.0, mono=2.0, gpus=(Gpu(uuid="GPU-aa", power=1.0),), processes=processes, events=(event,))
    path.write_bytes(encode_line(HELLO) + encode_line(told))
    for name in ("b.jsonl", "b.csv", "b.parquet"):
        run("convert", path, tmp_path / name, "--scrub")
        text = (tmp_path / name).read_bytes()
        assert not [word for word in (b"GPU-aa", b"n1", b"alice", b"4242", b"secret") if word in text], name
    (again,) = samples(tmp_path / "b.csv")
    assert again.gpus == samples(tmp_path / "b.jsonl")[0].gpus == samples(tmp_path / "b.parquet")[0].gpus


def test_an_export_is_a_window_in_steps_of_chosen_metrics(tmp_path, recording):
    """Means of gauges, the last value of counters; the row says when its step begins."""
    text = run("export", recording, "--from", "9.75", "--to", "29", "--step", "10", "-m", "power,energy", "-i", "gpu0")
    found = rows(text)
    assert list(found[0])[7:] == ["power_watts", "energy_joules"]
    assert [row["time"][-13:-8] for row in found] == ["00:10", "00:20"]
    assert [float(row["power_watts"]) for row in found] == [100.5 + 14.5, 100.5 + 24.5]
    assert [float(row["energy_joules"]) for row in found] == [1000 + 1900, 1000 + 2900]
    assert len(rows(run("export", recording))) == 120


def test_every_kind_of_export_holds_the_same_rows(tmp_path, recording):
    """CSV, JSON Lines, JSON and Parquet; what is not known is missing, not 0."""
    options = ("-m", "power,host_cpu", "--to", "3")
    lines = [json.loads(line) for line in run("export", recording, "-f", "jsonl", *options).splitlines()]
    assert json.loads(run("export", recording, "-f", "json", *options)) == lines
    run("export", recording, "-o", tmp_path / "x.parquet", *options)
    import pyarrow.parquet

    parquet = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert [row["power_watts"] for row in parquet] == [line.get("power_watts") for line in lines]
    assert [row.get("power_watts") for row in lines[:2]] == [100.5, None]
    assert len(rows(run("export", recording, *options))) == len(lines) == 8
    with pytest.raises(SourceError, match="csv, jsonl, json, parquet"):
        run("export", recording, "-f", "xml")
    with pytest.raises(SourceError, match="needs a file"):
        run("export", recording, "-f", "parquet")


def test_an_exported_csv_is_that_of_the_recorder(tmp_path, recording):
    """One table, however it came about; also in the seed formats."""
    run("convert", recording, tmp_path / "a.csv")
    run("export", recording, "-o", tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    run("convert", recording, tmp_path / "a15.csv", "--seed-format", "15", "--name", "task")
    assert (tmp_path / "a15.csv").read_text() == run("export", recording, "--seed-format", "15", "--name", "task")


def test_a_summary_says_what_it_comes_to(recording):
    """Energy by the counter, and how each metric was distributed; for people and for programs."""
    told = json.loads(run("export", recording, "--summary", "-f", "json"))
    assert (told["samples"], told["seconds"]) == (60, 59.0)
    assert told["energy"]["gpu0"]["joules"] == pytest.approx(5900.0, rel=0.02)
    power = told["metrics"]["gpu0"]["power_watts"]
    assert (power["min"], power["max"]) == (100.5, 159.5)
    assert power["mean"] == pytest.approx(130.0, abs=0.5)
    assert told["metrics"]["host"]["cpu_ratio"]["mean"] == 0.25
    text = run("export", recording, "--summary", "-m", "power,host_cpu")
    assert "gpu0 Tiny" in text
    assert "60 samples, 59.0 s" in text
    assert "130 W" in text
    assert "Memory" not in text


def test_folding_keeps_what_is_not_known_unknown():
    """A metric that was never read in a step is not in it, and devices are not mixed."""
    folded_samples = [m for m in folded(iter(MESSAGES), 20.0) if isinstance(m, Sample)]
    assert [s.time % 20 for s in folded_samples] == [0.0] * len(folded_samples)
    board, instance = folded_samples[1].gpus
    assert instance.power is None
    assert board.memory_used is None
    assert {name for name in METRICS if getattr(board, name) is not None} == {"power", "energy", "clock_events"}
    assert list(folded([HELLO], 10.0)) == [HELLO]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_long_copy_can_be_interrupted(tmp_path, number):
    """A real process and a real signal: the file is not there, and neither is a half of it."""
    path, target = tmp_path / "long.jsonl", tmp_path / "out.csv"
    lines = b"".join(encode_line(sample(n)) for n in range(400))
    path.write_bytes(encode_line(HELLO) + lines * 200)

    def restore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    command_line = [sys.executable, "-m", "jupyter_gpumon", "convert", str(path), str(target)]
    copying = subprocess.Popen(command_line, stderr=subprocess.PIPE, preexec_fn=restore)
    end = time.monotonic() + 60
    while not any(each.name.startswith(".out.csv.") and each.stat().st_size for each in tmp_path.iterdir()):
        assert time.monotonic() < end
        assert copying.poll() is None
        time.sleep(0.02)
    copying.send_signal(number)
    _, said = copying.communicate(timeout=60)
    assert copying.returncode == 130
    assert said.decode() == "Interrupted; no file was begun.\n"
    assert os.listdir(tmp_path) == ["long.jsonl"]  # noqa: PTH208 - hidden ones too


def test_a_replay_is_played_where_one_likes(tmp_path, recording):
    """In the terminal, as ``gpumon watch`` shows it; and into any sink, from and up to any moment."""
    text = run("replay", recording, "--speed", "0", "--from", "10")
    assert "gpu0" in text
    assert "41.0 kB" in text  # the instance's memory ten seconds on
    run("replay", recording, "--speed", "0", "--from", "10", "--to", "19", "-o", tmp_path / "part.csv")
    assert [s.gpus for s in samples(tmp_path / "part.csv")] == [sample(n).gpus for n in range(10, 20)]
    url = url_of("a b.jsonl", speed=10, begin="2026-11-28T09:00+01:00", end="", loop=True)
    assert url == "replay:a b.jsonl?speed=10&from=2026-11-28T09%3A00%2B01%3A00&loop=1"
    with pytest.raises(SourceError, match="gpumon convert"):
        url_of("sqlite:///x.db", speed=1, begin="", end="", loop=False)
