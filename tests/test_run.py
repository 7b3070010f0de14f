"""``gpumon run``: the task is as the shell would run it, and what it cost is the exact integral within the interval."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pexpect
import pytest

from jupyter_gpumon.cli.run.measured import measure
from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.runs.store import shared
from jupyter_gpumon.store.stream import Store
from jupyter_gpumon.wire import Stream, decode

ROOT = Path(__file__).parent.parent
GPUMON = [sys.executable, "-m", "jupyter_gpumon"]
PYTHON = [sys.executable, "-u", "-c"]

LOAD = """
import sys, time
from tests.fakenvml.workload import appear, compute
appear(100)
compute(1.5, watts=300, idle=60)
appear(None)
sys.exit(3)
"""
ECHO = """
import os, signal, sys, time
def heard(number, frame):
    print("heard", signal.Signals(number).name)
for name in "INT TERM HUP QUIT USR1 USR2".split():
    signal.signal(getattr(signal, "SIG" + name), heard)
print("ready", os.isatty(0), os.isatty(1), sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
while sys.stdin.readline().strip() != "end":
    pass
print("ended", os.get_terminal_size().columns if os.isatty(1) else "")
"""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "GPUMON_SOURCE": "sim:gpus=1", **more}


def run(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """``gpumon run`` to its end."""
    command = [*GPUMON, "run", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, env=environment(**more))


def test_a_task_costs_what_the_gpu_drew_and_its_exit_code_is_ours(fake_nvml, tmp_path):
    """A grandchild at work on one of two GPUs: that one counts, within the interval; the samples are in the file."""
    driver = fake_nvml(gpus=2, power="60", energy_period=0.1)
    told, kept, database = tmp_path / "told.json", tmp_path / "run.jsonl", f"sqlite:///{tmp_path}/x.db"
    task = ["sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, LOAD]
    done = run(
        "-n",
        "train",
        "-t",
        "0.2",
        "-o",
        kept,
        "-o",
        tmp_path / "run.csv",
        "-o",
        database,
        "--json",
        told,
        "--",
        *task,
        GPUMON_SOURCE="agent",
        **driver.variables,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout == ""
    summary = json.loads(told.read_text())
    truth, energy = driver.energy(*summary["mono"]), summary["energy_joules"]["gpu"]
    assert truth > 300  # the load itself is 450 J
    assert energy["low"] - 0.5 <= truth <= energy["high"] + 0.5
    assert energy["joules"] == pytest.approx(truth, abs=max(0.15 * truth, (energy["high"] - energy["low"]) / 2))
    assert energy["method"] == "counter"
    assert [device["used"] for device in summary["record"]["devices"]] == [True, False]
    power = summary["statistics"]["gpu0"]["power_watts"]
    assert power["max"] == pytest.approx(300, abs=5)
    assert power["mean"] == pytest.approx(truth / summary["duration_seconds"], rel=0.3)
    assert "train: exit code 3" in done.stderr
    assert "gpu1 (not used)" in done.stderr
    messages = [decode(line) for line in kept.read_text().splitlines()]
    assert isinstance(messages[0], Hello)
    assert messages[0].interval == 0.2
    stamps = [message.mono for message in messages if isinstance(message, Sample) and message.gpus]
    assert stamps[0] <= summary["mono"][0] < stamps[-1]  # counters grow from a sample before the start
    _in_table_and_database_alike(tmp_path / "run.csv", database, len(stamps))


def _in_table_and_database_alike(table: Path, database: str, samples: int) -> None:
    """Both have a row per GPU and sample, under the same names, and know the run."""
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * samples
    assert {row["run"] for row in rows} == {"train"}
    kept = [message for message in Store(database, "train").messages(0, 1e12) if isinstance(message, Sample)]
    powers = [[gpu.power for gpu in message.gpus] for message in kept if message.gpus]
    assert [power for both in powers for power in both] == [float(row["power_watts"]) for row in rows]


class Kept:
    """A sink that takes its time to close."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.samples, self._seconds = [], seconds

    def write(self, message: Stream) -> None:
        """Keep it."""
        if isinstance(message, Sample) and message.gpus:
            self.samples.append(message.mono)

    def close(self) -> None:
        """As a disk would that is busy."""
        time.sleep(self._seconds)


def test_every_sink_has_the_same_samples():
    """Also where one takes long to close, while samples still come."""
    slow, quick = Kept(1.0), Kept()
    measure("x", ["sleep", "0.5"], "sim:gpus=1", 0.1, [slow, quick])
    assert slow.samples == quick.samples
    assert len(slow.samples) >= 2


@pytest.mark.parametrize(("task", "code", "words"), [("kill -KILL $$", 137, "SIGKILL"), ("exit 7", 7, "exit code 7")])
def test_an_end_is_said_as_a_shell_says_it(task, code, words):
    """128 and the signal's number, or the exit code."""
    done = run("--", "sh", "-c", task)
    assert done.returncode == code
    assert words in done.stderr


def test_a_program_that_is_not_there_leaves_nothing_behind(tmp_path):
    """127 or 126 as from a shell, one sentence, and no empty recording."""
    kept = tmp_path / "run.jsonl"
    missing, plain = run("-o", kept, "--", "no-such-program"), run("-o", kept, "--", __file__)
    assert (missing.returncode, plain.returncode) == (127, 126)
    assert "no program 'no-such-program'" in missing.stderr
    assert not kept.exists()


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    """The task is not even started then."""
    kept = tmp_path / "run.jsonl"
    kept.write_text("precious")
    done = run("-o", kept, "--", "echo", "started")
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert (done.stdout, kept.read_text()) == ("", "precious")


def test_the_task_runs_also_where_nothing_can_be_measured(fake_nvml):
    """No driver: why is said, with what to do, and the exit code is the task's."""
    driver = fake_nvml(library=False)
    done = run("--", "sh", "-c", "echo out; exit 4", GPUMON_SOURCE="agent", **driver.variables)
    assert (done.returncode, done.stdout) == (4, "out\n")
    assert "not measured" in done.stderr


def test_signals_that_were_sent_to_us_reach_the_task():
    """Each once, also those that a background job ignores at first; nothing is held back from the task itself."""
    task = subprocess.Popen(
        [*GPUMON, "run", "-q", "--", *PYTHON, ECHO], env=environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    with task:
        assert task.stdout.readline() == "ready False False []\n"
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
            task.send_signal(signal.Signals[name])
            assert task.stdout.readline() == f"heard {name}\n"
        task.communicate("end\n", timeout=60)
        assert task.returncode == 0


def test_the_terminal_is_the_tasks_own(tmp_path):
    """In a shell: it reads keys, learns a new size, hears Ctrl-C once, and stops and goes on together with us."""
    script = tmp_path / "task.py"
    script.write_text(ECHO)
    task = shlex.join([*GPUMON, "run", "-q", "--", sys.executable, "-u", str(script)])
    shell = environment(PS1="$ ", BASH_SILENCE_DEPRECATION_WARNING="1")
    with pexpect.spawn("bash", ["--norc", "--noprofile", "-i"], env=shell, timeout=60, encoding="utf-8") as tty:
        tty.sendline(task)
        tty.expect("ready True True")
        tty.sendintr()
        tty.expect("heard SIGINT")
        tty.sendcontrol("z")
        tty.expect("Stopped")
        tty.setwinsize(30, 99)
        tty.sendline("fg")
        tty.expect_exact(str(script))
        tty.sendline("end")
        tty.expect("ended 99")
        assert "heard" not in tty.before
        tty.sendline("echo code=$?")
        tty.expect("code=0")


def test_cpu_time_is_the_tasks_and_not_ours(tmp_path):
    """A task that sleeps beside a sampler at 50 ms takes no CPU energy to speak of; one that computes does. Both are
    kept as runs."""
    store, busy = f"sqlite:///{tmp_path}/runs.db", "import time\nwhile time.process_time() < 0.6: pass"
    found = {}
    for name, task in {"idle": ["sleep", "0.6"], "busy": [sys.executable, "-c", busy]}.items():
        told = tmp_path / f"{name}.json"
        done = run("-n", name, "-t", "0.05", "--json", told, "--keep", "--store", store, "--", *task)
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(told.read_text())
    assert found["idle"]["cpu_seconds"] < 0.1 < 0.6 <= found["busy"]["cpu_seconds"]
    energy = {name: told["record"]["host_energy"].get("cpu", {}).get("joules", 0.0) for name, told in found.items()}
    assert energy["busy"] > 5 * energy["idle"]
    runs = {run.name: run for key in found for run in shared(store).find(key)}
    assert {name: kept.outcome for name, kept in runs.items()} == {"idle": "ok", "busy": "ok"}
    assert runs["busy"].usage.gpus["gpu0"]["power"]
    assert runs["busy"].cell.energy["gpu0"].joules > 0


class Meter:
    """RAPL counters that grow by so many watts while this lasts; what the kernel would show."""

    def __init__(self, host, package: float, dram: float) -> None:
        host.rapl(1000.0, dram=1000.0)
        folder = host.root / "sys/class/powercap"
        zones = {"intel-rapl:0": package, "intel-rapl:0:0": dram}
        self._files = {os.open(folder / zone / "energy_uj", os.O_WRONLY): watts for zone, watts in zones.items()}
        self.gap = 0.0
        """The longest time in which they did not move, in seconds."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        start = last = time.monotonic()
        while not self._over.wait(0.005):
            now = time.monotonic()
            for file, watts in self._files.items():
                os.pwrite(file, b"%016d\n" % int(1e9 + watts * 1e6 * (now - start)), 0)
            self.gap, last = max(self.gap, now - last), now

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def test_cpu_and_memory_are_read_off_the_host_s_counters(fake_nvml, fake_sysfs, tmp_path):
    """80 W and 10 W: the task's share, and what else the machine took; together it is what the counters grew by."""
    driver, told = fake_nvml(gpus=1), tmp_path / "told.json"
    with Meter(fake_sysfs, package=80.0, dram=10.0) as meter:
        done = run(
            "-t", "0.2", "--json", told, "--", "sleep", "2.5",
            GPUMON_SOURCE="agent", GPUMON_ROOT=str(fake_sysfs.root), **driver.variables,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(told.read_text())
    for name, watts in (("cpu", 80.0), ("memory", 10.0)):
        energy = summary["record"]["host_energy"][name]
        whole = energy["joules"] + energy.get("others", 0.0) + energy.get("unattributed", 0.0)
        assert energy["method"] == "rapl"
        assert whole == pytest.approx(watts * summary["duration_seconds"], rel=0.1, abs=2 * watts * meter.gap)
    assert energy["joules"] < 0.2 * whole  # it only slept
    assert summary["statistics"]["host"]["cpu_power_watts"]["mean"] == pytest.approx(80, rel=0.1)
    assert "of nobody" not in done.stderr
    assert re.search(r"CPU .* RAPL; the whole of it ", done.stderr)
