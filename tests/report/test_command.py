"""``gpumon report`` and ``%gpumon report FILE``, as their users run them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap

import pytest
from typer.testing import CliRunner

from jupyter_gpumon.cli import app
from jupyter_gpumon.errors import GpuMonError

from .notebooks import FIT, saved


def run(*arguments: object):
    """The command; its errors are raised as they are."""
    return CliRunner().invoke(app, ["report", *map(str, arguments)], catch_exceptions=True)


def test_a_recording_becomes_a_page(minute, tmp_path):
    """With carbon and cost where they are asked for, and the host where it is asked for."""
    target = tmp_path / "x.html"
    done = run(minute, "-o", target, "--title", "A run", "--region", "DE", "--price", "0.30 EUR", "--identify")
    assert done.exit_code == 0, done.output
    assert "kB)" in done.output
    made = target.read_text()
    assert "<h1>A run</h1>" in made
    assert "DE 2023: 381 g/kWh" in made
    assert "GPU-" in made


def test_a_notebook_becomes_a_page_beside_us(tmp_path, monkeypatch):
    """Named after the notebook where no name is given."""
    monkeypatch.chdir(tmp_path)
    assert run(saved(tmp_path / "x.ipynb", FIT)).exit_code == 0
    assert "fit &lt;b&gt;" in (tmp_path / "x-report.html").read_text()


def test_rates_for_what_says_its_own_are_answered(tmp_path, monkeypatch):
    """Records keep the footprint of their time, and it is said; not where the region comes with the shell."""
    notebook, target = saved(tmp_path / "x.ipynb", FIT), tmp_path / "x.html"
    done = run(notebook, "-o", target, "--region", "FR")
    assert done.exit_code == 0, done.output
    assert "%gpumon footprint --region" in done.stderr
    assert "FR" not in target.read_text()
    assert "footprint" not in run("nothing.jsonl", "--region", "FR").stderr
    monkeypatch.setenv("GPUMON_REGION", "FR")
    assert "footprint" not in run(notebook, "-o", target).stderr


def test_a_pdf_is_printed_by_the_browser_that_is_here(tmp_path, require):
    """Or it is said that there is none."""
    require(shutil.which("chromium") or shutil.which("google-chrome"), "chromium")
    reader = require(shutil.which("pdftotext"), "pdftotext")
    target = tmp_path / "x.pdf"
    assert run(saved(tmp_path / "x.ipynb", FIT), "-o", target).exit_code == 0
    text = subprocess.run([reader, target, "-"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "4.13" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("nothing.jsonl",), "There is no"), (("nothing.jsonl", "-o", "x.ipynb"), "name it .html or .pdf")],
)
def test_what_cannot_be_reported_is_said(arguments, words):
    """In one sentence."""
    done = run(*arguments)
    assert isinstance(done.exception, GpuMonError)
    assert words in str(done.exception)


def test_where_no_browser_prints_it_is_said(tmp_path, monkeypatch):
    """With what to do instead."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(saved(tmp_path / "x.ipynb", FIT), "-o", tmp_path / "x.pdf")
    assert "Write .html instead" in str(done.exception)


def test_the_magic_writes_the_kernels_page(tmp_path):
    """Cells, their accounts, charts and the packages' versions; from plain IPython too."""
    target = tmp_path / "x.html"
    code = f"""
        from IPython.testing.globalipapp import start_ipython
        import time
        from jupyter_gpumon.kernel.connect import connection
        def rows(count):
            while len(connection().monitor.history.columns(0.0).time) < count:
                time.sleep(0.05)
        shell = start_ipython()
        shell.run_line_magic("load_ext", "jupyter_gpumon")
        shell.run_line_magic("gpumon", "summary on --source sim:gpus=2&script=training")
        rows(1)
        shell.user_ns["rows"] = rows
        shell.run_cell("rows(3)")
        shell.run_line_magic("gpumon", "report {target}")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert "The report is" in done.stdout, done.stdout + done.stderr
    made = target.read_text()
    for words in ("1 in all", 'svg class="chart"', "total", "Python", "Simulated GPUs", "Measured by"):
        assert words in made, words
