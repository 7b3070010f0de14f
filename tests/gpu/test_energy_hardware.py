"""The energy experiments: that they find on a fake board what it was made to do, and, on a real one, that they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..fakenvml.driver import FakeDriver
from ..fakenvml.scenario import Scenario
from .energy_hardware import EXPERIMENTS

ROOT = Path(__file__).parent.parent.parent


def started(driver: FakeDriver, into: Path, *names: str) -> subprocess.Popen[bytes]:
    """The experiments of these names on a fake board, shortened."""
    command = [sys.executable, "-m", "tests.gpu.energy_hardware", "--share", "0.02", "--json", str(into)]
    return subprocess.Popen([*command, "--only", *names], env=driver.env, cwd=ROOT)


@pytest.fixture(scope="module")
def found(fakenvml_library, tmp_path_factory):
    """What is found on four boards at once: a late one, a good one, one that minds reads, one that looks in between."""
    folder = tmp_path_factory.mktemp("boards")
    made = {
        "late": ({"energy_delay": 0.03, "energy_jitter": 0.005}, ("probe", "step", "polling", "waiting")),
        "whole": ({"energy_period": 0.1}, ("square", "decay", "shared")),
        "touchy": ({"energy_polling": 0.013}, ("polling",)),
        "part": ({"energy_duty": 0.25, "errors": {"field:186": 3}}, ("square",)),
    }
    running = {}
    for name, (keys, names) in made.items():
        driver = FakeDriver(folder / name, Scenario(1, power="60", **keys))
        running[name] = started(driver, folder / f"{name}.json", *names)
    assert [process.wait(150) for process in running.values()] == [0] * len(made)
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in made}


def test_the_probe_finds_period_jitter_and_buffer(found):
    """100 ms, ±5 ms evenly spread (a deviation of 2.9 ms); the record of power that the driver keeps."""
    probe = found["late"]["probe"]
    assert probe["counter"]["period"] == pytest.approx(0.1, rel=0.03)
    assert 0.001 < probe["counter"]["jitter"] < 0.006
    assert probe["instant"]["period"] == pytest.approx(0.1, rel=0.1)
    assert probe["buffer"]["depth"] > 50
    assert probe["timestamps"]["83"]["moves_while_value_stands"] == 1.0  # the fake driver stamps the read


def test_a_step_tells_the_window_of_a_mean_and_the_delay_of_the_counter(found):
    """The default reading is a mean over 1 s; the counter shows 30 ms late what was drawn."""
    step = found["late"]["step"]
    assert step["average"]["window"] == pytest.approx(1.0, rel=0.1)
    assert step["instant"]["window"] < 0.3
    assert step["counter_delay"] == pytest.approx(0.033, abs=0.015)
    assert step["load_watts"] == pytest.approx(400, rel=0.02)


def test_a_counter_that_minds_being_read_is_told_from_one_that_does_not(found):
    """Each read costs the one 13 ms of power; the other has the same ratio however often it is read."""
    assert found["late"]["polling"]["least_ratio"] > 0.9
    ratios = {row["every"]: row["ratio"] for row in found["touchy"]["polling"]["rows"]}
    assert max(ratios[0.001], ratios[0.01]) < 0.5
    assert 0.75 < ratios[0.1] < 0.95


def test_a_square_wave_tells_a_counter_that_integrates_from_one_that_looks_in_between(found):
    """The one scatters at 10 and 20 Hz, the other does not; a sensor that is not there is left out."""
    whole, part = found["whole"]["square"], found["part"]["square"]
    assert whole["integrates"]
    assert all(row["counter"] == pytest.approx(230, rel=0.01) for row in whole["rows"])
    assert not part["integrates"]
    assert "instant" not in part["rows"][0]
    assert part["rows"][0]["average"] == pytest.approx(230, rel=0.03)


def test_decay_and_waiting_have_numbers(found):
    """The fake board falls to rest at once; an idle context is waited for in well under a second."""
    decay = found["whole"]["decay"]
    assert decay["before_watts"] == pytest.approx(60, rel=0.01)
    assert abs(decay["excess_watts"]["0.5"]) < 1
    assert 0 < found["late"]["waiting"]["seconds"]["median"] < 1


def test_what_cannot_run_on_a_fake_board_says_so(found):
    """Sharing needs two processes that really compute."""
    assert "not run" in found["whole"]["shared"]


def test_a_result_tells_where_it_is_from_and_nothing_private(found):
    """Model, driver and date; no serial number, UUID or host name."""
    about = found["late"]["provenance"]
    assert about["simulated"] is True
    assert {"board", "driver", "vbios", "date", "software"} <= about.keys()
    assert not [private for private in ("GPU-", "1654123000000") if private in json.dumps(found)]


@pytest.mark.gpu
@pytest.mark.timeout(3000)
def test_the_experiments_run_on_this_board(tmp_path):
    """All of them, in short; the full run is ``python -m tests.gpu.energy_hardware --json result.json``."""
    into = Path(os.environ.get("GPUMON_ENERGY_RESULT") or tmp_path / "result.json")
    command = [sys.executable, "-m", "tests.gpu.energy_hardware", "--share", "0.2", "--json", str(into)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=2900)
    result = json.loads(into.read_text())
    assert not result["provenance"]["simulated"]
    assert EXPERIMENTS.keys() <= result.keys()
