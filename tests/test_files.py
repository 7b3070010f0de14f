"""Samples in files: CSV, JSON Lines and Parquet; and what becomes of them on a full disk, or in a killed process."""

from __future__ import annotations

import csv
import gzip
import shutil
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from jupyter_gpumon.cli.outputs import open_new
from jupyter_gpumon.cli.recording import losses, record_stream
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.metrics import HOST_METRICS, METRICS
from jupyter_gpumon.model import Gpu, Hello, Host, Sample
from jupyter_gpumon.sinks.columns import chosen
from jupyter_gpumon.sinks.parquet import write_parquet
from jupyter_gpumon.sinks.table import Table, choose
from jupyter_gpumon.sinks.urls import open_sink
from jupyter_gpumon.sources.recording import Recording
from jupyter_gpumon.sources.urls import open_source
from jupyter_gpumon.wire import encode_line

from .contracts.sink import HELLO, PROMISES, Place, sample, write

SEED_15 = (
    "timestamp,task_name,cpu_usage,gpu_name,gpu_index,power_draw,utilization_gpu,utilization_memory,"
    "pcie_link_gen_current,pcie_link_width_current,temperature_gpu,temperature_memory,sm,clocks_gr,clocks_mem"
)
SEED_18 = (
    "timestamp,task_name,cpu_usage,cpu_power_draw,dram_usage,dram_power_draw,gpu_name,gpu_index,gpu_power_draw,"
    "utilization_gpu,utilization_memory,pcie_link_gen_current,pcie_link_width_current,temperature_gpu,"
    "temperature_memory,clocks_gr,clocks_mem,clocks_sm"
)


def place(path: Path, params: str = "") -> Place:
    scheme = path.name.removesuffix(".gz").rpartition(".")[2]
    url = f"{scheme}:{path}{params}"
    return Place(lambda run: open_sink(url, run), lambda: samples(path))


def samples(path: Path) -> list[Sample]:
    return [message for message in Recording(path).messages() if isinstance(message, Sample)]


def table(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz", "run.csv", "run.csv.gz", "run.parquet"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_every_file_keeps_the_promises_of_a_sink(tmp_path, name, promise):
    """One body of tests for all formats."""
    promise(place(tmp_path / name))


def test_a_csv_has_a_row_per_gpu_and_a_number_per_column(tmp_path):
    """Unknown is empty, never 0 or N/A; the columns say the unit; the time is UTC."""
    write(place(tmp_path / "run.csv"), HELLO, sample(1), sample(2))
    board, instance, *rest = table(tmp_path / "run.csv")
    assert len(rest) == 2
    assert (board["gpu"], board["name"], board["hostname"]) == ("gpu0", "Tiny", "n1")
    assert (instance["gpu"], instance["power_watts"], instance["memory_used_bytes"]) == ("gpu0:1", "", "4096")
    assert float(board["power_watts"]) == 101.5
    assert (board["clock_events"], rest[0]["clock_events"]) == ("none", "power_cap,idle")
    assert datetime.fromisoformat(board["time"].replace("Z", "+00:00")).timestamp() == sample(1).time
    assert board["host_cpu_ratio"] == instance["host_cpu_ratio"] == "0.25"


def test_the_columns_are_the_catalogues_and_the_same_in_every_table(tmp_path):
    """One place says what they are called: CSV, Parquet and SQL cannot drift apart."""
    write(place(tmp_path / "run.csv"), HELLO, sample(1))
    header = tuple(table(tmp_path / "run.csv")[0])
    import pyarrow.parquet

    write_parquet(tmp_path / "one.parquet", [HELLO, sample(1)], Table())
    assert tuple(pyarrow.parquet.read_schema(tmp_path / "one.parquet").names) == header == choose().names
    assert [metric.column for metric in chosen()] == [name for name in header[7:] if not name.startswith("host_")]


def test_columns_are_chosen_by_the_names_of_metrics(tmp_path):
    """Of the GPU and of the host; ``all`` is the catalogue; a wrong name is told."""
    write(place(tmp_path / "run.csv", "?columns=power,host_cpu"), HELLO, sample(1))
    assert list(table(tmp_path / "run.csv")[0])[7:] == ["power_watts", "host_cpu_ratio"]
    numbers = [metric for metric in HOST_METRICS.values() if metric.kind != "list"]
    assert len(choose("all").names) == 7 + len(METRICS) + len(numbers)
    for wrong in ("powr", "host_powr"):
        with pytest.raises(SourceError, match=wrong):
            open_sink(f"csv:{tmp_path / 'x.csv'}?columns={wrong}")
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize("url", ["csv:{}", "csv:{}/"])
def test_in_a_folder_a_csv_is_named_by_its_run_and_the_time(tmp_path, url):
    """A name cannot leave the folder; in the column it stands as it is."""
    name = "../../etc/pass wd; rm ü"
    sink = open_sink(url.format(tmp_path), name)
    sink.write(HELLO)
    sink.write(sample(1))
    sink.close()
    (path,) = tmp_path.iterdir()
    stem, _, stamp = path.stem.partition("ü_")
    assert stem == "_.._etc_pass_wd__rm_"
    assert datetime.strptime(stamp, "%Y%m%d_%H%M%S").replace(tzinfo=timezone.utc)
    assert {row["run"] for row in table(path)} == {name}


@pytest.mark.parametrize(("seed", "header"), [("15", SEED_15), ("18", SEED_18)])
def test_the_seed_formats_have_exactly_their_columns(tmp_path, seed, header):
    """Numbers in that tool's units, so that they add up; a row per board; power of the host from its counters."""
    gpu = Gpu(
        uuid="GPU-aa", power=54.171, utilization=0.5, memory_activity=0.25, temperature=60.0, clock_graphics=1.38e9,
        clock_memory=3.2e9, clock_sm=1.4e9, pcie_gen=4.0, pcie_width=16.0,
    )  # fmt: skip
    host = {"cpu": 0.125, "memory_used": 1e9, "memory_total": 4e9}
    path = tmp_path / "run.csv"
    sink = open_sink(f"csv:{path}?seed={seed}", "my task")
    sink.write(HELLO)
    for n in range(3):
        slow = {} if n == 0 else {"pcie_gen": None, "pcie_width": None}
        sink.write(
            Sample(
                time=1_795_302_000.05 * 1 + 0.05 * n,
                mono=10.0 + 2 * n,
                gpus=(Gpu(**{name: getattr(gpu, name) for name in gpu.__struct_fields__} | slow), Gpu(uuid="MIG-bb")),
                host=Host(**host, cpu_energy=100.0 + 60 * n, dram_energy=None),
            )
        )
    sink.close()
    assert path.read_text().splitlines()[0] == header
    rows = table(path)
    assert len(rows) == 3
    last = rows[-1]
    assert len({row["timestamp"] for row in rows}) == 3
    assert (last["task_name"], last["gpu_name"], last["gpu_index"], last["cpu_usage"]) == (
        "my task",
        "Tiny",
        "0",
        "12.5",
    )
    assert (last["utilization_gpu"], last["utilization_memory"], last["clocks_gr"]) == ("50", "25", "1380")
    assert (last["pcie_link_gen_current"], last["pcie_link_width_current"], last["temperature_memory"]) == (
        "4",
        "16",
        "",
    )
    if seed == "15":
        assert (last["power_draw"], last["sm"]) == ("54.17", "50")
    else:
        assert (last["gpu_power_draw"], last["clocks_sm"], last["dram_usage"]) == ("54.17", "1400", "25")
        assert (rows[0]["cpu_power_draw"], last["cpu_power_draw"], last["dram_power_draw"]) == ("", "30", "")


def test_parquet_is_read_by_others(tmp_path):
    """A folder of parts under way, and one whole file: the same table, with times, numbers and words."""
    import pyarrow.parquet

    written = [HELLO, *(sample(n) for n in range(20))]
    write(place(tmp_path / "run.parquet", "?part=5"), *written)
    write_parquet(tmp_path / "one.parquet", written, Table())
    assert sorted(path.name[:5] for path in (tmp_path / "run.parquet").iterdir()) == ["part-"]
    parts, one = (pyarrow.parquet.read_table(tmp_path / name) for name in ("run.parquet", "one.parquet"))
    assert parts.replace_schema_metadata() == one.replace_schema_metadata()
    assert str(one.schema.field("time").type) == "timestamp[us, tz=UTC]"
    assert one["power_watts"].to_pylist()[:3] == [100.5, None, 101.5]
    assert samples(tmp_path / "one.parquet") == samples(tmp_path / "run.parquet")


def test_a_parquet_recording_that_goes_on_for_long_is_cut_into_parts(tmp_path, monkeypatch):
    """Each is whole as soon as it is there; the devices are known in each."""
    monkeypatch.setattr("jupyter_gpumon.sinks.files.MOST", 4)
    write(place(tmp_path / "run.parquet", "?part=10"), HELLO, *(sample(n) for n in range(40)))
    assert len(list((tmp_path / "run.parquet").glob("part-*.parquet"))) >= 3
    messages = list(Recording(tmp_path / "run.parquet").messages())
    assert [m.mono for m in messages if isinstance(m, Sample)] == [sample(n).mono for n in range(40)]
    assert all(m.devices == HELLO.devices for m in messages if isinstance(m, Hello))


def test_what_a_killed_process_had_not_put_into_a_part_is_found(tmp_path):
    """It is in the journal: read as it is, and made a part where the recording goes on."""
    folder = tmp_path / "run.parquet"
    folder.mkdir()
    lines = b"".join(encode_line(message) for message in (HELLO, sample(1), sample(2)))
    (folder / "_open.jsonl").write_bytes(lines + encode_line(sample(3))[:-30])
    assert [s.mono for s in samples(folder)] == [sample(1).mono, sample(2).mono]
    write(place(folder), HELLO, sample(4))
    assert [s.mono for s in samples(folder)] == [sample(n).mono for n in (1, 2, 4)]
    assert not (folder / "_open.jsonl").exists()


@pytest.mark.parametrize("name", ["run.jsonl", "run.csv", "run.jsonl.gz", "run.csv.gz"])
def test_a_file_that_was_cut_off_is_continued_behind_its_last_whole_piece(tmp_path, name):
    """Nothing is written into the middle of half a line."""
    path = tmp_path / name
    write(place(path), HELLO, sample(1))
    whole = path.read_bytes()
    write(place(path), HELLO, sample(2))
    path.write_bytes(path.read_bytes()[:-9])
    assert len(path.read_bytes()) > len(whole)
    write(place(path), HELLO, sample(3))
    first, *_, last = samples(path)
    assert (first.gpus, last.gpus) == (sample(1).gpus, sample(3).gpus)
    assert len(samples(path)) == (3 if path.suffix == ".csv" else 2)  # a CSV has kept the first row of the second


@pytest.mark.parametrize("name", ["run.jsonl", "run.csv", "run.csv.gz", "run.parquet"])
def test_a_file_of_another_kind_is_left_alone(tmp_path, name):
    """Nothing of a user's is lost to a wrong name."""
    path = tmp_path / name
    path.write_text("precious")
    with pytest.raises(SourceError, match="Name another"):
        open_sink(str(path))
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["run.jsonl", "run.csv", "run.parquet"])
def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path, name):
    """Before anything is sampled."""
    with pytest.raises(SourceError, match="cannot be written"):
        open_sink(str(tmp_path / "no" / "folder" / name))


@pytest.mark.parametrize("url", ["/dev/null", "jsonl:/dev/full", "csv:/dev/full"])
def test_a_device_is_no_file(url):
    """It is neither read, which may never end, nor replaced."""
    with pytest.raises(SourceError, match="is no file"):
        open_new(url, overwrite=True)
    assert Path("/dev/null").is_char_device()


def test_what_pyarrow_is_for_is_said_where_it_is_missing(tmp_path, monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SourceError, match=r"jupyter-gpumon\[parquet\]"):
        open_sink(str(tmp_path / "run.parquet"))


FULL_DISK = """
import logging, resource, sys, time
sys.path.insert(0, {root!r})
from jupyter_gpumon.sinks import files, urls
from tests.contracts.sink import HELLO, sample
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
files.FLUSH = files.AGAIN = 0.05

def until(condition):
    end = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)

sink = urls.open_sink(sys.argv[1])
sink.write(HELLO)
until(lambda: not sink.waiting)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
for n in range(200):
    sink.write(sample(n))
until(lambda: sink.problem)
for n in range(200, 2200):
    sink.write(sample(n))
assert sink.dropped > 500
print("problem", sink.problem)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
until(lambda: not sink.problem and not sink.waiting)
sink.write(sample(3000))
sink.close()
print("lost", sink.dropped)
"""


@pytest.mark.parametrize("name", ["run.jsonl", "run.csv", "run.parquet"])
def test_a_full_disk_is_said_once_and_costs_only_what_does_not_fit_in_memory(tmp_path, name):
    """A real limit on the size of files: pieces are cut short, taken back, and written when there is room again."""
    script = textwrap.dedent(FULL_DISK).format(root=str(Path(__file__).parent.parent))
    command = [sys.executable, "-c", script, str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("cannot be written") == 2, done.stdout  # once in the log, once as the sink's problem
    lost = int(done.stdout.split()[-1])
    kept = samples(tmp_path / name)
    assert len(kept) == 2201 - lost
    monos = [s.mono for s in kept]
    assert monos[:200] == [sample(n).mono for n in range(200)]
    assert monos[-1] == sample(3000).mono


def test_a_sink_that_fails_costs_the_others_nothing_and_is_told(tmp_path, monkeypatch, caplog):
    """Somebody removes the place of one recording: it is said once, counted at the end, and the other is whole."""
    monkeypatch.setattr("jupyter_gpumon.sinks.files.AGAIN", 0.01)
    written = [HELLO, *(sample(n) for n in range(40))]
    (tmp_path / "source.jsonl").write_bytes(b"".join(map(encode_line, written)))
    (tmp_path / "gone").mkdir()
    broken, whole = open_sink(str(tmp_path / "gone" / "run.jsonl")), open_sink(str(tmp_path / "whole.csv"))
    shutil.rmtree(tmp_path / "gone")
    source = open_source(f"replay:{tmp_path / 'source.jsonl'}?speed=0&rebase=0")
    assert record_stream(source, [broken, whole]) == 40
    assert samples(tmp_path / "whole.csv") == written[1:]
    (told,) = losses([broken, whole])
    assert "run.jsonl cannot be written" in told
    assert broken.dropped == 41
    assert caplog.text.count("cannot be written") == 1


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz", "run.csv", "run.parquet"])
def test_a_recording_that_somebody_removes_is_begun_anew(tmp_path, monkeypatch, name):
    """Whoever tidies up, or rotates logs, does not end it: the new file knows the devices, and can be read."""
    monkeypatch.setattr("jupyter_gpumon.sinks.files.FLUSH", 0.01)
    path = tmp_path / name
    sink = open_sink(str(path))
    sink.write(HELLO)
    sink.write(sample(1))
    end = time.monotonic() + 40
    while not samples(path):
        assert time.monotonic() < end
        time.sleep(0.01)
    path.rename(tmp_path / f"old-{name}")
    sink.write(sample(2))
    sink.close()
    hello, *kept = list(Recording(path).messages())
    assert [s.mono for s in kept if isinstance(s, Sample)] == [sample(2).mono]
    assert samples(tmp_path / f"old-{name}")[0].mono == sample(1).mono
    assert sink.dropped == 0
    if name != "run.csv":
        assert [device.label for device in hello.devices] == ["gpu0", "gpu0:1"]
