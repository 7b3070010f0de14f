"""``gpumon health``, ``links`` and ``mig``, and their magics, on simulated GPUs and on the fake driver."""

from __future__ import annotations

import json

import pytest

from tests.kernel.conftest import Notebook, environment
from tests.test_cli import gpumon


def test_health_of_gpus_that_are_well_exits_with_0():
    """A row per GPU; what needs a minute says so."""
    done = gpumon("health", "--source", "sim:gpus=2", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    head, first, second = done.stdout.splitlines()
    assert " ".join(head.split()) == "GPU PCIe Memory InfoROM Temperature Power Clocks NVLink Driver XIDs"
    assert (first.split()[0], second.split()[0]) == ("gpu0", "gpu1")
    assert "warming" in first
    assert "PASS" in first


def test_health_of_one_gpu_as_json(fake_nvml):
    """Of those that were asked for; a warning exits with 1, a failure with 2."""
    driver = fake_nvml(gpus=2, each={1: {"remap_pending": 1}})
    told = gpumon("health", "--json", "--gpu", "1", "--seconds", "0.5", **driver.variables)
    (patient,) = json.loads(told.stdout)["devices"]
    memory = next(each for each in patient["watches"] if each["watch"] == "memory")
    assert (told.returncode, patient["label"], memory["state"]) == (1, "gpu1", "warn")
    assert memory["steps"]
    assert gpumon("health", "--gpu", "0", "--seconds", "0.5", **driver.variables).returncode == 0
    driver.update(1, remap_failure=1)
    done = gpumon("health", "--seconds", "0.5", **driver.variables)
    assert done.returncode == 2
    assert "gpu1 Memory: FAIL" in done.stdout
    assert "also: A memory row waits" in done.stdout


def test_what_cannot_be_said_exits_with_3(fake_nvml):
    """No driver; no such GPU. Never with the code of a failure."""
    driver = fake_nvml(library=False)
    done = gpumon("health", "--seconds", "0.5", **driver.variables)
    assert (done.returncode, "doctor" in done.stdout) == (3, True)
    done = gpumon("health", "--gpu", "7", "--source", "sim:gpus=2", "--seconds", "0.5")
    assert done.returncode == 3
    assert "There are: gpu0, gpu1" in done.stderr


def test_links_show_what_they_can_do_and_do(fake_nvml):
    """PCIe below its best is said; each NVLink with its rate; which link each pair shares."""
    driver = fake_nvml(gpus=2, pcie_gen=3, nvlink_down=1, nvlink_crc_errors=7, nvlink_tx_rate=180_000_000)
    done = gpumon("links", "--source", "auto", **driver.variables)
    assert done.returncode == 0, done.stderr
    assert "3 × 16 (of 5 × 16)" in done.stdout
    assert "gpu0: 17 of 18 NVLinks up." in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert rows[0][:4] == ["0", "down", "4.0", "switch"]
    assert rows[0][-1] == "7"
    assert rows[1][1] == "up"
    assert float(rows[1][6]) == pytest.approx(10, rel=0.2)
    assert rows[1][7] == "MB/s"
    assert "NV17" in done.stdout


def test_links_as_json_and_topology_alone():
    """For programs; and as nvidia-smi writes it."""
    found = json.loads(gpumon("links", "--json", "--source", "sim:gpus=2").stdout)
    assert len(found["devices"][1]["nvlinks"]) == 18
    assert found["devices"][0]["pcie"]["speed"] == pytest.approx(63e9, rel=0.01)
    assert found["topology"]["rows"] == [["X", "NV18"], ["NV18", "X"]]
    done = gpumon("links", "--topo", "--source", "sim:gpus=2")
    assert [line.split() for line in done.stdout.splitlines()[:2]] == [["gpu0", "gpu1"], ["gpu0", "X", "NV18"]]


def test_a_recording_tells_no_links_one_by_one(tmp_path):
    """That is said; PCIe and topology are there all the same."""
    file = tmp_path / "run.jsonl"
    gpumon("record", "--duration", "1", "-o", str(file), "--source", "sim:gpus=2")
    done = gpumon("links", "--source", f"replay:{file}?speed=100")
    assert "This source does not tell NVLinks one by one." in done.stdout
    assert "5 × 16" in done.stdout


def test_mig_is_a_tree(fake_nvml):
    """Boards, GPU instances, compute instances, with profile, share, memory."""
    driver = fake_nvml(gpus=2, mig={1: ["1g.18gb", None, "2g.35gb"]})
    done = gpumon("mig", "--source", "auto", **driver.variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == ["gpu0 NVIDIA H200: not split", "gpu1 NVIDIA H200", "  GPU instance 7"]
    assert "compute instance 0 · gpu1:0 · " in done.stdout
    assert "1/7 of the slices" in done.stdout
    assert "GPU instance 9" in done.stdout


@pytest.fixture
def notebook():
    """A kernel without a server, on two simulated GPUs of which one is split."""
    opened = Notebook(environment("sim:gpus=2&script=mig"))
    opened.run("%load_ext jupyter_gpumon")
    yield opened
    opened.close()


def test_the_magics_show_the_same_in_a_notebook(notebook):
    """As text and as HTML."""
    (health,) = notebook.outputs("%gpumon health")
    assert health["text/plain"].splitlines()[1].split()[:3] == ["gpu0", "warming", "PASS"]
    assert health["text/html"].count("<tr>") == 3
    (links,) = notebook.outputs("%gpumon links")
    assert "gpu1: 18 of 18 NVLinks up." in links["text/plain"]
    assert "<details><summary>gpu1" in links["text/html"]
    (mig,) = notebook.outputs("%gpumon mig")
    assert "1g.18gb" in mig["text/plain"]


def test_the_checkup_of_a_kernel_goes_on_between_two_questions(notebook):
    """So that the second one can know what the first could not."""
    notebook.run("from jupyter_gpumon.kernel import health as h\nfrom jupyter_gpumon.kernel.connect import connection")
    notebook.run("%gpumon health")
    assert notebook.value("h._own(connection()) is h._own(connection())") == "True"
