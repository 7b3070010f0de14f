"""``gpumon check`` as a prolog calls it: exit codes on simulated GPUs, the fake driver, recordings and nothing."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_gpumon.wire import encode_line

from .rules.faults import SCRIPTS

GPUMON = [sys.executable, "-m", "jupyter_gpumon"]


def check(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    environment = {**os.environ, "NO_COLOR": "1", **variables}
    return subprocess.run(
        [*GPUMON, "check", *words], capture_output=True, text=True, timeout=90, env=environment, check=False
    )


def recording(folder: Path, name: str) -> str:
    """The recording of a shipped alert, as a source."""
    path = folder / f"{name}.jsonl.gz"
    with gzip.open(path, "wb") as file:
        file.writelines(encode_line(message) for _, message in SCRIPTS[name].messages())
    return f"replay:{path}"


def test_well_gpus_are_0():
    """One line that says so."""
    done = check("--source", "sim:gpus=2&script=idle", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("GPUMON OK: nothing is the matter with 2 GPUs, looked at for ")
    assert done.stderr == ""


@pytest.mark.parametrize(("name", "code"), [("corrected-errors", 0), ("pcie-narrow", 1), ("health-ecc", 2), ("xid", 1)])
def test_a_recording_is_as_bad_as_the_gravest_alert_in_it(tmp_path, name, code):
    """Information is no reason to refuse; a warning is 1, what is critical 2. A line per finding, with what to do."""
    done = check("--source", recording(tmp_path, name))
    assert done.returncode == code, done.stdout
    assert f"[{name}] -> " in done.stdout
    assert "gpu0: " in done.stdout


def test_json_has_all_of_it(tmp_path):
    """For programs."""
    told = json.loads(check("--json", "--source", recording(tmp_path, "health-ecc")).stdout)
    assert (told["state"], told["code"], told["devices"]) == ("critical", 2, ["gpu0"])
    (finding,) = told["findings"]
    assert (finding["rule"], finding["level"], finding["uuid"]) == ("health-ecc", "critical", "GPU-0")
    assert finding["steps"]


def test_only_the_gpus_of_the_job_count(tmp_path):
    """A sick neighbour is no reason to refuse."""
    source = recording(tmp_path, "gpu-lost")
    assert check("--gpu", "0", "--source", source).returncode == 2
    assert check("--gpu", "1", "--source", source).returncode == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--gpu", "7", "--source", "sim:gpus=1&script=idle"], "There is no GPU called 7"),
        (["--source", "nope:"], "there is no source called 'nope'"),
        (["--rules", "/nowhere.toml", "--source", "sim:gpus=1"], "cannot be read"),
        (["--colour", "blue"], "No such option"),
        (["--seconds", "soon"], "--seconds"),
    ],
)
def test_what_cannot_be_judged_is_3(words, says):
    """With why: a scheduler is not to take a mistake of ours for a sick GPU, nor for a well one."""
    done = check(*words)
    assert done.returncode == 3, done.stdout + done.stderr
    assert says in done.stdout + done.stderr


def test_no_driver_is_3(tmp_path):
    """A machine without NVIDIA's library, with what to do."""
    done = check("--source", "agent", LD_LIBRARY_PATH=str(tmp_path), PATH=os.environ["PATH"])
    assert done.returncode == 3, done.stdout
    assert done.stdout.startswith("GPUMON UNKNOWN: ")


def test_rules_of_ones_own_judge_beside_the_shipped_ones(tmp_path):
    """And a wrong one is refused with its column."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nid = "any-power"\nwhen = "power > 1"\nlevel = "critical"\ntitle = "It is on"\n')
    words = ["--source", "sim:gpus=1&script=idle", "--seconds", "1", "--rules", str(rules)]
    done = check(*words)
    assert (done.returncode, done.stdout.splitlines()[0]) == (2, "GPUMON CRITICAL: gpu0: It is on")
    rules.write_text('[[rule]]\nid = "any-power"\nwhen = "power >"\n')
    done = check(*words)
    assert done.returncode == 3
    assert "column 8" in done.stdout


def test_on_the_driver_a_well_gpu_is_0_a_sick_one_2_and_none_3(fake_nvml):
    """A real agent process on the fake driver: memory errors and a lost GPU; a driver without a GPU."""
    well = fake_nvml(gpus=2)
    assert check("--seconds", "1", "--source", "agent", **well.env).returncode == 0
    sick = fake_nvml(gpus=2, each={1: {"lost_at": 0}})
    done = check("--seconds", "1", "--source", "agent", **sick.env)
    assert done.returncode == 2, done.stdout
    assert "gpu1: GPU has fallen off the bus" in done.stdout
    assert check("--seconds", "1", "--gpu", "0", "--source", "agent", **sick.env).returncode == 0
    assert check("--seconds", "1", "--source", "agent", **fake_nvml(gpus=0).env).returncode == 3


def test_a_recovery_the_driver_asks_for_is_2(fake_nvml):
    """A standing fault is seen in a look of a second."""
    done = check("--seconds", "1", "--source", "agent", **fake_nvml(gpus=1, recovery_action=1).env)
    assert done.returncode == 2, done.stdout
    assert "[health-recovery]" in done.stdout


def block(language: str) -> str:
    """The docs' prolog in this language."""
    page = (Path(__file__).parents[1] / "jupyter_gpumon" / "docs" / "alerts.md").read_text()
    after = page[page.index("## `gpumon check`") :]
    return after.partition(f"```{language}\n")[2].partition("```")[0]


@pytest.fixture
def program(tmp_path) -> str:
    """A PATH on which ``gpumon`` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gpumon").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m jupyter_gpumon "$@"\n')
    (folder / "gpumon").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("source", "gpus", "refused"),
    [("gpu-lost", "", 1), ("gpu-lost", "1", 0), ("pcie-narrow", "0", 0), ("nope:", "", 0)],
)
def test_the_docs_prolog_for_slurm_refuses_a_sick_gpu_alone(tmp_path, program, source, gpus, refused):
    """Not a warning, not a neighbour's trouble, and not where nothing can be said."""
    url = source if ":" in source else recording(tmp_path, source)
    environment = {**os.environ, "PATH": program, "GPUMON_SOURCE": url, "SLURM_JOB_GPUS": gpus}
    script = ["bash", "-c", block("bash")]
    done = subprocess.run(script, capture_output=True, text=True, timeout=90, env=environment, check=False)
    assert done.returncode == refused, done.stdout + done.stderr


def test_the_docs_hook_for_jupyterhub_refuses_a_sick_gpu(tmp_path, program, monkeypatch):
    """And tells the user why."""

    config = SimpleNamespace(Spawner=SimpleNamespace())
    monkeypatch.setenv("PATH", program)
    exec(block("python"), {"c": config})
    monkeypatch.setenv("GPUMON_SOURCE", "sim:gpus=1&script=idle")
    config.Spawner.pre_spawn_hook(None)
    monkeypatch.setenv("GPUMON_SOURCE", recording(tmp_path, "health-ecc"))
    with pytest.raises(RuntimeError, match="GPUMON CRITICAL: gpu0: Memory had uncorrectable errors"):
        config.Spawner.pre_spawn_hook(None)
