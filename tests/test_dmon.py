"""``gpumon dmon``: DCGM's fields and ours from the real driver ABI, in DCGM's units and layout, without DCGM."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest

from jupyter_gpumon.cli.dmon.command import DelayError, follow, seconds
from jupyter_gpumon.cli.dmon.fields import FieldError, fields
from jupyter_gpumon.cli.dmon.lines import Csv, Json, Table
from jupyter_gpumon.dcgm import DCGM
from jupyter_gpumon.metrics import SERIES
from jupyter_gpumon.model import Device, Gpu, Hello, Sample

GIB = 2**30


def dmon(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jupyter_gpumon", "dmon", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **variables})


class Told:
    """A source that tells these samples of two GPUs, a second apart."""

    def __init__(self, *samples: dict[str, float], absent: dict[str, str] | None = None) -> None:
        devices = tuple(Device(uuid=f"GPU-{n}", index=n, name="GPU", absent=absent or {}) for n in range(2))
        self.messages = [Hello(devices=devices)]
        for second, values in enumerate(samples):
            gpus = tuple(Gpu(uuid=device.uuid, **values) for device in devices)
            self.messages.append(Sample(time=1000.0 + second, mono=float(second), gpus=gpus))
        self.asked = []

    def stream(self, clock):
        yield from self.messages

    def ask(self, request) -> None:
        self.asked.append(request)

    def close(self) -> None:
        pass


def printed(capsys, source, names, way=Table, which=(), every=1.0, count=None, **options) -> str:
    chosen = fields(names)
    follow(source, chosen, way(chosen, **options), which=which, every=every, count=count)
    return capsys.readouterr().out


def test_the_fields_of_dcgm_are_read_from_the_driver(fake_nvml):
    """Ids, short names and our names side by side, in DCGM's units; the header and its widths are DCGM's."""
    driver = fake_nvml(gpus=2, power="250", utilization=73, memory_used=3 * GIB, memory_reserved=GIB)
    done = dmon("-e", "203,252,POWER,power,54", "-i", "1", "-c", "2", "-d", "100", **driver.variables)
    assert done.returncode == 0, done.stderr
    head, units, *rows = done.stdout.splitlines()
    assert head.split() == ["#Entity", "GPUTL", "FBUSD", "POWER", "power", "UUID#"]
    assert head.index("GPUTL") == 10
    assert head.index("FBUSD") == 28
    assert units.split() == ["ID", "%", "MiB", "W", "W"]
    assert len(rows) == 2
    values = rows[0].split()
    assert values[:4] == ["GPU", "1", "73", "3072"]
    assert float(values[4]) == pytest.approx(250, abs=1)
    assert re.fullmatch(r"\d+\.\d{3}", values[4])
    assert re.fullmatch(r"\d+\.\d", values[5])
    assert values[6].startswith("GPU-")


def test_every_metric_and_every_field_of_dcgm_can_be_asked_for():
    """By id, by short name, by DCGM's long and by our own name; a metric that is added is here at once."""
    assert {field.metric for field in fields(SERIES)} == set(SERIES)
    for field in DCGM:
        assert fields([str(field.id)]) == [field]
        assert not field.short or fields([field.short]) == [field]
    assert [field.id for field in fields(["POWER", "power", "gputl"])] == [155, None, 203]
    issue = [100, 101, 140, 150, 155, 156, 203, 204, *range(250, 255), *range(1001, 1013)]
    assert [field.id for field in fields(map(str, issue))] == issue
    assert fields(["power_watts"])[0].name == "power"


@pytest.mark.parametrize(
    ("name", "says"),
    [("9999", "Field 9999 is not here"), ("230", "gpumon watch"), ("gpu_utilisation", "gpu_utilization")],
)
def test_a_field_that_is_not_there_is_answered_by_a_sentence(name, says):
    """Which one, why or what was meant, and where all of them are listed."""
    with pytest.raises(FieldError, match=says):
        fields([name])


def test_counters_become_rates_and_the_first_round_has_them(capsys):
    """B/s of 1009 as DCGM has it, MB/s of our own; nobody has to look at a round of N/A first."""
    told = Told({"pcie_tx": 5e6}, {"pcie_tx": 7e6}, {"pcie_tx": 1e6}, {"pcie_tx": 2e6})
    rows = printed(capsys, told, ["1009", "pcie_tx"], way=Json).splitlines()
    found = [json.loads(row)["gpus"][0]["values"] for row in rows]
    assert found[0] == {"PCITX": 2_000_000, "pcie_tx": pytest.approx(1.9, abs=0.01)}
    assert found[1] == {"PCITX": None, "pcie_tx": None}  # it began anew
    assert found[2]["PCITX"] == 1_000_000


def test_what_is_not_known_is_na_with_its_reason(capsys):
    """N/A as DCGM prints it, once with why; empty in CSV, null in JSON; never 0."""
    told = Told({"power": 100.0}, {"power": 100.0}, absent={"fan": "unsupported"})
    said = printed(capsys, told, ["155", "191"], explain=True)
    assert said.count("N/A") == 4
    assert said.count("# GPU 0 FANSP: this GPU does not report it") == 1
    rows = list(csv.reader(io.StringIO(printed(capsys, told, ["155", "191"], way=Csv))))
    assert rows[0] == ["time", "entity", "uuid", "POWER[W]", "FANSP[%]"]
    assert rows[1] == ["1000.000", "gpu0", "GPU-0", "100.000", ""]
    assert json.loads(printed(capsys, told, ["191"], way=Json, count=1))["gpus"][1]["values"] == {"FANSP": None}


def test_a_metric_that_is_read_rarely_keeps_its_value(capsys):
    """Between two reads of the slow tier its last value stands."""
    told = Told({"power": 1.0, "power_limit": 700.0}, {"power": 2.0}, {"power": 3.0})
    rows = printed(capsys, told, ["155", "160"], which=["0"], explain=False).splitlines()[2:]
    assert [row.split()[2:] for row in rows] == [[f"{n}.000", "700.000"] for n in (1, 2, 3)]


def test_the_header_comes_again_after_fourteen_rounds(capsys):
    """As DCGM repeats it; a recording of another rate is thinned to the delay."""
    told = Told(*[{"utilization": 0.5}] * 30)
    assert printed(capsys, told, ["203"], explain=False).count("#Entity") == 3
    assert printed(capsys, told, ["203"], explain=False, every=2.0).count("GPU 0") == 15
    assert told.asked[-1].interval == 2.0


def test_a_delay_is_in_milliseconds_as_dcgms_or_has_its_unit():
    """2000, 2s and 2000ms are the same; what cannot be is said."""
    assert [seconds(text) for text in ("2000", "2s", "2000ms", "0.5 s", "1")] == [2, 2, 2, 0.5, 0.05]
    for nonsense in ("", "soon", "0", "-1", "5 h", "61s"):
        with pytest.raises(DelayError, match="1000, 500ms"):
            seconds(nonsense)


def test_the_list_names_every_field():
    """`-l` needs no driver."""
    lines = dmon("-l").stdout.splitlines()
    assert {line.split()[0] for line in lines} >= {"203", "1012", "utilization", "ecc_corrected"}


def test_without_a_gpu_it_says_so(fake_nvml):
    """Exit code 1 and what to do."""
    done = dmon("-c", "1", **fake_nvml(library=False).variables, GPUMON_SOURCE="agent")
    assert done.returncode == 1
    assert "Install the NVIDIA driver" in done.stderr


def test_whoever_reads_it_may_stop_reading():
    """`gpumon dmon | head -3` ends without a traceback."""
    command = f"{sys.executable} -m jupyter_gpumon dmon --source sim:gpus=1 -d 100 | head -3"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == ""
