"""``gpumon watch``: frames that fit and say what is so, and a terminal that is left as it was."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys

import pexpect
import pytest
from msgspec.structs import replace

from jupyter_gpumon.cli.watch.frame import frame
from jupyter_gpumon.cli.watch.meters import meter, spark
from jupyter_gpumon.cli.watch.state import State
from jupyter_gpumon.cli.watch.where import best_source
from jupyter_gpumon.model import Columns, Device, Event, Gpu, Hello, Host, Process, Sample, Status

GPUMON = [sys.executable, "-m", "jupyter_gpumon", "watch", "--source"]
GB = 1e9
DEVICES = tuple(
    Device(uuid=f"GPU-{n}", index=n, name="NVIDIA H200", memory_total=151 * GB, power_limit_default=700.0,
           temperature_slowdown=87.0)
    for n in range(8)
)  # fmt: skip
BUSY = {"utilization": 0.97, "memory_used": 109 * GB, "power": 688.0, "temperature": 60.0, "clock_sm": 1.98e9}


def state(devices=DEVICES, processes=(), seconds=1, events=(), **values) -> State:
    """After so many samples in which all GPUs had these values."""
    made = State()
    made.take(Hello(hostname="node", driver="580.95.05", devices=devices))
    for second in range(seconds):
        gpus = tuple(Gpu(uuid=device.uuid, **(values or BUSY)) for device in devices if device.state == "ok")
        told = events if second == seconds - 1 else ()
        host = Host(cpu=0.5, cpu_count=16, memory_used=31 * GB, memory_total=128 * GB, load=3.2)
        made.take(Sample(time=1e6 + second, mono=second, gpus=gpus, host=host, processes=processes, events=told))
    return made


def shown(made: State, width=80, height=24, order="g") -> list[str]:
    return [line.plain for line in frame(made, width, height, order)]


@pytest.mark.parametrize("gpus", [1, 2, 8])
@pytest.mark.parametrize("width", [40, 80, 100, 200])
@pytest.mark.parametrize("height", [10, 24, 60])
def test_a_frame_fills_the_window_and_no_more(gpus, width, height):
    """Whatever the window: no line too many or too long, the keys at the bottom, every GPU that fits in sight."""
    busy = tuple(Process(uuid=device.uuid, pid=100 + n, memory=GB) for n, device in enumerate(DEVICES[:gpus]))
    lines = shown(state(DEVICES[:gpus], busy, seconds=3), width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith("q quit")
    seen = sum(line.startswith("gpu") and not line.startswith("gpumon") for line in lines)
    assert seen >= min(gpus, 3)
    if seen < gpus and gpus == 8 and height == 10:
        assert any("more" in line for line in lines)


def test_eighty_columns_hold_all_that_matters():
    """Busy, its past, memory, power, temperature and what holds the clock back of eight GPUs on one small screen."""
    line = next(line for line in shown(state(seconds=120, **BUSY, clock_events=("power_cap",))) if line[:4] == "gpu7")
    for words in ("97 %", "██████████ ", "109/151 GB", "688/700 W", "60 °C", "power cap"):
        assert words in line
    assert len(line) <= 80


def test_one_gpu_has_room_for_more():
    """A block: three meters, each with its last two minutes, and the clock."""
    lines = shown(state(DEVICES[:1], seconds=120))
    assert [line.split()[0] for line in lines[2:6]] == ["gpu0", "busy", "memory", "power"]
    assert "109 / 151 GB" in lines[4]
    assert "1980 MHz" in lines[2]
    assert lines[5].count("█") > 40


def test_what_is_not_known_is_not_zero():
    """A GPU that does not tell its utilization has a dash and an empty meter."""
    line = next(line for line in shown(state(power=100.0)) if line.startswith("gpu0"))
    assert " —" in line
    assert "0 %" not in line


def test_a_gpu_that_was_lost_says_so_and_keeps_its_place():
    """Between the others, in words, without old values."""
    lost = replace(DEVICES[1], state="lost", detail="This GPU has fallen off the bus.")
    lines = shown(state((DEVICES[0], lost, *DEVICES[2:])))
    rows = [line for line in lines if line.startswith("gpu") and line[3].isdigit()]
    assert rows[1].startswith("gpu1")
    assert "fallen off the bus" in rows[1]
    assert "97 %" not in rows[1]


def test_processes_are_named_by_their_notebooks_and_sorted_by_a_key():
    """The notebook goes before the program's name; m sorts by memory, p by pid; what is hidden is said to be there."""
    processes = (
        Process(uuid="GPU-0", pid=30, memory=1 * GB, name="python"),
        Process(uuid="GPU-1", pid=20, memory=9 * GB, name="python", notebook="train.ipynb", own=True),
        Process(uuid="GPU-1", pid=10, memory=5 * GB, name="vllm"),
        Process(uuid="GPU-2", count=3, memory=2 * GB),
    )
    made = state(DEVICES[:3], processes)

    def order(key: str) -> list[str]:
        lines = shown(made, height=30, order=key)
        start = next(n for n, line in enumerate(lines) if line.startswith("GPU") and "pid" in line)
        return [line.split()[1] for line in lines[start + 1 : start + 5]]

    assert order("g") == ["30", "20", "10", "—"]
    assert order("m") == ["20", "10", "—", "30"]
    assert order("p") == ["—", "10", "20", "30"]
    text = "\n".join(shown(made, height=30))
    assert "train.ipynb (python)" in text
    assert "3 processes of others" in text


def test_what_happened_and_what_is_the_matter_are_in_sight():
    """The last events, and of a driver that hangs what to do."""
    event = Event(kind="xid", time=1e6, mono=0, title="gpu0: XID 79, fallen off the bus", level="critical")
    made = state(events=(event,))
    assert any("XID 79" in line for line in shown(made))
    made.take(replace(made.hello, status=Status(state="stalled", message="The driver does not answer.", hint="Wait.")))
    assert any("does not answer. Wait." in line for line in shown(made))


def test_the_past_of_a_server_is_drawn_at_once():
    """A hello with history fills the sparklines before the second sample comes."""
    made = state(DEVICES[:1])
    times = [1e6 - 100 + n for n in range(100)]
    history = Columns(time=times, step=1.0, gpus={"GPU-0": {"utilization": [0.5] * 100}})
    made.take(replace(made.hello, history=history))
    known = [value for value in made.past("GPU-0", "utilization", 60) if value is not None]
    assert len(known) >= 49
    assert set(known) == {0.5}


def test_meters_and_sparklines_are_exact_to_an_eighth():
    """Empty, half, full and beyond; a gap is blank."""
    assert [meter(share, 4, "red").plain for share in (None, 0.0, 0.5, 0.53, 1.0, 1.7)] == [
        "░░░░", "░░░░", "██░░", "██▏░", "████", "████",
    ]  # fmt: skip
    assert spark([0.0, None, 0.5, 1.0], 1.0, "red").plain == "▁ ▅█"


def test_without_a_terminal_it_is_one_frame():
    """For a pipe or a log: a line per GPU, no keys, no control characters, and it ends."""
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run([*GPUMON, "sim:gpus=3"], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    assert sum(line.startswith(("gpu0", "gpu1", "gpu2")) for line in done.stdout.splitlines()) >= 3
    assert "\x1b" not in done.stdout
    assert "q quit" not in done.stdout


@pytest.mark.parametrize("end", ["q", "interrupt", "terminate"])
def test_the_terminal_is_left_as_it_was(end):
    """However it ends: the screen of before is back, the cursor shows, and keys are echoed again."""
    environment = {**os.environ, "TERM": "xterm-256color"}

    def restore() -> None:  # a test run that was started in the background has told its children to ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with pexpect.spawn(
        GPUMON[0], [*GPUMON[1:], "sim:gpus=2&script=training"], env=environment, timeout=60, dimensions=(24, 80),
        encoding="utf-8", preexec_fn=restore,
    ) as tty:  # fmt: skip
        tty.expect_exact("\x1b[?1049h")
        tty.expect("gpu1")
        tty.send("m")
        tty.expect_exact("memory")
        before = tty.getecho()
        {"q": lambda: tty.send("q"), "interrupt": tty.sendintr, "terminate": lambda: tty.kill(signal.SIGTERM)}[end]()
        tty.expect(pexpect.EOF)
        assert "\x1b[?1049l" in tty.before
        assert "\x1b[?25h" in tty.before
        assert not before
    assert tty.exitstatus == (143 if end == "terminate" else 0)
    assert "Traceback" not in tty.before


def test_ctrl_z_gives_the_terminal_back_and_fg_goes_on():
    """The shell has its own screen meanwhile, and the watch draws anew afterwards."""
    environment = {**os.environ, "TERM": "xterm-256color", "PS1": "$ "}
    with pexpect.spawn("bash", ["--norc", "--noprofile", "-i"], env=environment, timeout=60, encoding="utf-8") as tty:
        tty.sendline(shlex.join([*GPUMON, "sim:gpus=1"]))
        tty.expect("gpu0.*busy")
        tty.sendcontrol("z")
        tty.expect_exact("\x1b[?1049l")
        tty.expect("Stopped")
        tty.sendline("echo in the shell")
        tty.expect("in the shell\r\n.*in the shell")
        tty.sendline("fg")
        tty.expect_exact("\x1b[?1049h")
        tty.expect("gpu0.*busy")
        tty.send("q")
        tty.expect_exact("\x1b[?1049l")
        tty.sendline("echo code=$?")
        tty.expect("code=0")


def test_a_jupyter_server_is_asked_first_since_it_knows_the_notebooks(tmp_path, monkeypatch):
    """The one that listens, not what one that ended left behind; $GPUMON_SOURCE goes before it."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("GPUMON_SOURCE", raising=False)
    assert best_source() == "auto"
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX) as dead:
        live.bind(str(tmp_path / "gpumon-1.sock"))
        live.listen()
        dead.bind(str(tmp_path / "gpumon-2.sock"))
        assert best_source() == f"unix:{tmp_path}/gpumon-1.sock"
        monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=1")
        assert best_source() == "sim:gpus=1"
