"""``with gm.run("name")`` in a script, on simulated and fake GPUs, and on none."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from jupyter_gpumon.errors import RunError
from jupyter_gpumon.runs.origin import of_git
from jupyter_gpumon.runs.store import RunStore
from tests.energy.served import clock_offset
from tests.kernel.conftest import environment

SIM = "sim:gpus=2&script=training"


@pytest.fixture
def kept(tmp_path):
    """Where the scripts of this test keep their runs."""
    return f"sqlite:///{tmp_path}/runs.sqlite"


def script(code, kept, source=SIM, check=True, **more):
    """Run a script to its end; what it said."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment(source, GPUMON_RUNS=kept, **more),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def only(kept):
    """The one run that was kept."""
    store = RunStore(kept)
    (line,) = store.lines()
    return store.find(line.id)[0]


def test_a_run_holds_what_was_logged_and_what_it_cost(kept, tmp_path):
    """Metrics, energy with its interval, joules per token, what the GPUs did; kept when the script is over."""
    script(
        """
        import time, jupyter_gpumon as gm
        with gm.run("base", tags={"batch": 32}) as run:
            for step in range(20):
                gm.log_metric("loss", 1 / (step + 1))
                gm.log_metrics({"step_s": 0.1}, kind="histogram")
            with run.generation() as timer:
                for _ in range(10):
                    time.sleep(0.02)
                    timer.token()
            time.sleep(2)
            run.tag(late=True)
        """,
        kept,
    )
    run = only(kept)
    assert (run.status, run.outcome, run.final, run.simulated) == ("success", "ok", True, True)
    assert run.tags == {"batch": "32", "late": "True"}
    assert run.metrics["loss"].stats.last == 0.05
    assert run.metrics["step_s"].stats.count == 20
    assert run.metrics["tokens"].stats.sum == 10
    energy = sum(value.joules for value in run.cell.energy.values())
    assert run.metrics["joules_per_token"].stats.last == pytest.approx(energy / 10, rel=0.01)
    assert run.metrics["inter_token_latency_s"].stats.last >= 0.02
    assert all(any(power for power in gpu["power"]) for gpu in run.usage.gpus.values())
    assert set(run.usage.gpus) == {"gpu0", "gpu1"}
    assert all(run.start <= time <= run.end + 0.1 for time in run.usage.time)
    assert run.origin.gpus == ("Simulated H200", "Simulated H200")


def test_energy_is_the_exact_integral_on_the_fake_driver(kept, fake_nvml):
    """By the real nvidia-ml-py: within the interval that the run says."""
    driver = fake_nvml(gpus=1)
    script(
        """
        import time, jupyter_gpumon as gm
        with gm.run("real", devices=[0]) as run:
            time.sleep(2)
        """,
        kept,
        source="agent",
        **driver.variables,
    )
    run = only(kept)
    (value,) = run.cell.energy.values()
    offset = clock_offset()
    truth = driver.energy(run.cell.start - offset, run.cell.end - offset, 0)
    assert value.final, run.cell.notes
    assert value.low <= truth <= value.high
    assert value.joules == pytest.approx(truth, rel=0.05)
    assert run.origin.driver == "580.95.05"
    assert not run.simulated


def test_without_a_gpu_a_run_goes_on_and_says_so(kept, fake_nvml):
    """Its metrics are kept; no energy is made up."""
    done = script(
        """
        import jupyter_gpumon as gm
        with gm.run("cpu") as run:
            gm.log_metric("loss", 0.5)
        """,
        kept,
        source="agent",
        **fake_nvml(library=False).variables,
    )
    run = only(kept)
    assert run.status == "no_gpus_available"
    assert run.metrics["loss"].stats.last == 0.5
    assert RunStore(kept).lines()[0].joules is None
    assert "Traceback" not in done.stderr


def test_a_source_that_cannot_be_opened_fails_the_monitoring_and_not_the_code(kept):
    """It is said once, in a warning and in the record."""
    done = script(
        """
        import jupyter_gpumon as gm
        with gm.run("bad") as run:
            gm.log_metric("loss", 0.5)
        print(run.record.status)
        """,
        kept,
        source="nonsense:",
    )
    assert done.stdout.split() == ["failed"]
    assert done.stderr.count("nonsense") >= 1
    assert "nonsense" in only(kept).notes[0]


def test_a_store_that_cannot_be_written_costs_no_run():
    """The record is there, with a warning; the code goes on."""
    done = script(
        """
        import jupyter_gpumon as gm
        with gm.run("lost") as run:
            gm.log_metric("loss", 0.5)
        print(run.record.metrics["loss"].stats.last)
        """,
        "sqlite:////proc/none/runs.db",
    )
    assert done.stdout.split() == ["0.5"]
    assert "was not kept" in done.stderr


def test_an_error_is_told_and_raised_and_the_next_run_is_its_own(kept):
    """What was logged before it is kept; a run that is interrupted is partial."""
    script(
        """
        import jupyter_gpumon as gm
        for name, error in (("bad", ValueError), ("stopped", KeyboardInterrupt)):
            try:
                with gm.run(name):
                    gm.log_metric("loss", 1)
                    raise error
            except BaseException as e:
                assert type(e) is error
        """,
        kept,
    )
    found = {line.name: line for line in RunStore(kept).lines()}
    assert (found["bad"].outcome, found["stopped"].outcome) == ("error", "interrupted")
    assert found["stopped"].status in ("partial", "no_samples_collected")  # too short for a sample, perhaps
    assert found["bad"].metrics["loss"] == 1


def test_a_script_that_ends_within_its_run_keeps_it(kept):
    """And one that is killed leaves a run without an end, with what it was told at its start."""
    script(
        """
        import jupyter_gpumon as gm
        gm.run("open").start()
        gm.log_metric("loss", 1)
        """,
        kept,
    )
    assert only(kept).metrics["loss"].stats.last == 1
    script(
        """
        import os, signal, jupyter_gpumon as gm
        gm.run("killed").start()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        kept,
        check=False,
    )
    line = RunStore(kept).lines(name="killed")[0]
    assert line.status == "partial"


def test_threads_log_in_the_run_that_is_open_and_runs_may_be_nested(kept):
    """The innermost one; a thread of its own takes the one opened last."""
    script(
        """
        import threading, jupyter_gpumon as gm
        with gm.run("outer"):
            with gm.run("inner"):
                gm.log_metric("x", 1)
                thread = threading.Thread(target=gm.log_metric, args=("y", 2)); thread.start(); thread.join()
            gm.log_metric("z", 3)
        """,
        kept,
    )
    assert {line.name: line.metrics for line in RunStore(kept).lines()} == {
        "inner": {"x": 1, "y": 2}, "outer": {"z": 3},
    }  # fmt: skip


def test_a_gpu_that_there_is_not_begins_no_run(kept):
    """It is said which there are; nothing stays open, nothing is kept."""
    done = script(
        """
        import jupyter_gpumon as gm
        try:
            gm.run("x", devices=[7]).start()
        except gm.errors.GpuMonError as e:
            print(e)
        try:
            gm.log_metric("loss", 1)
        except gm.errors.GpuMonError as e:
            print(e)
        """,
        kept,
    )
    assert "There are: gpu0, gpu1" in done.stdout
    assert "No run is open" in done.stdout
    assert RunStore(kept).lines() == []


def test_a_forked_child_leaves_its_parents_run_alone(kept):
    """It ends with the child and not by it: the parent's goes on, and is kept once, whole."""
    script(
        """
        import os, sys, jupyter_gpumon as gm
        with gm.run("parent"):
            pid = os.fork()
            if pid == 0:
                sys.exit(0)
            os.waitpid(pid, 0)
            gm.log_metric("after", 1)
        """,
        kept,
    )
    assert only(kept).metrics["after"].stats.last == 1


def test_bad_input_gets_a_sentence(monkeypatch):
    """And nothing is begun."""
    import jupyter_gpumon as gm

    for wrong, says in (
        (lambda: gm.run(""), "needs a name"),
        (lambda: gm.run("x", tags=["a"]), "Tags are a dict"),
        (lambda: gm.log_metric("x", 1), "No run is open"),
        (lambda: gm.run("x").record, "before the run has ended"),
        (lambda: gm.load_run("nothing of that name"), "There is no run"),
    ):
        monkeypatch.setenv("GPUMON_RUNS", "sqlite://")
        with pytest.raises(RunError, match=says):
            wrong()


def test_git_is_told_without_secrets(tmp_path):
    """Branch, commit, first line of the message, whether files were changed; no password of a remote."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (
        ["init", "-q", "-b", "feature"], ["commit", "-q", "--allow-empty", "-m", "Faster\n\nMuch " + "x" * 100],
        ["remote", "add", "origin", "https://me:secret@example.org/project.git"],
    ):  # fmt: skip
        subprocess.run([*git, *words], check=True)
    found = of_git(tmp_path)
    assert (found.branch, found.message, found.changed) == ("feature", "Faster", False)
    assert len(found.commit) == 40
    assert found.repository == "https://example.org/project.git"
    (tmp_path / "new").mkdir()
    assert of_git(tmp_path / "new").branch == "feature"


def test_a_folder_without_git_and_a_machine_without_it_have_no_tags(tmp_path, monkeypatch):
    """Nothing is raised, nothing is said."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "plain").mkdir()
    assert of_git(tmp_path / "plain").commit is None
    monkeypatch.setenv("PATH", os.devnull)
    assert of_git(tmp_path).commit is None


def test_importing_the_package_loads_neither_a_database_nor_jupyter(kept):
    """The names are lazy, and so is what they need; no framework is imported to tell its version."""
    done = script(
        """
        import sys, jupyter_gpumon as gm
        print(*(name in sys.modules for name in ("sqlalchemy", "jupyter_server")))
        with gm.run("x") as run: pass
        run.record
        print(*(name in sys.modules for name in ("jupyter_server", "numpy", "torch", "pandas", "IPython")))
        """,
        kept,
    )
    assert done.stdout.split() == ["False"] * 7
