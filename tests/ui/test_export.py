"""A notebook that tells its energy, exported to HTML and printed to PDF without a network: what a reader is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from .conftest import says

ROOT = Path(__file__).parent.parent.parent
SAID = (
    "energy of this notebook since",
    "idle between cells",
    "total, by the counter",
    "Measured by: Simulated H200: counter, 100 ms",
    "likelihood of 95 %",
    "boards have been found up to 5 % off",
    "CO₂-equivalents at WORLD",
    "480 g/kWh",
    "CC BY 4.0",
    "0.3 EUR/kWh",
    "PUE 1.0",
    "Welch's t test",
    "per token",
)
"""What must be there to be cited: totals, method, carbon and cost with where they are from."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """examples/notebooks/energy.ipynb as nbclient runs it and nbconvert exports it."""
    notebook = nbformat.read(ROOT / "examples/notebooks/energy.ipynb", 4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPUMON_SOURCE", "sim:gpus=2&script=notebook")
        for name in ("JPY_PARENT_PID", "GPUMON_UNITS", "GPUMON_REGION", "GPUMON_PRICE", "GPUMON_PUE"):
            patch.delenv(name, raising=False)
        NotebookClient(notebook, timeout=90, iopub_timeout=60).execute()
    path = tmp_path_factory.mktemp("export") / "energy.ipynb"
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", path.with_suffix(".html"), path]
    subprocess.run(command, check=True, timeout=90, capture_output=True)
    return path.with_suffix(".html")


@pytest.fixture
def offline(chromium, exported):
    """The exported page in a browser that has no network."""
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto(exported.as_uri(), wait_until="domcontentloaded")
    yield page
    context.close()


def test_the_page_tells_totals_method_and_provenance(offline):
    """And its picture is drawn, not only linked."""
    text = offline.inner_text("body")
    assert not [words for words in SAID if words not in text]
    sizes = offline.eval_on_selector_all("img[src^='data:image/svg']", "all => all.map(one => one.naturalWidth)")
    assert sizes == [720]


def test_what_is_unfolded_on_demand_is_in_the_page(offline):
    """Of every measured cell, closed at first; it needs no script to open."""
    closed = offline.locator("details")
    assert closed.count() >= 6
    closed.first.locator("summary").click()
    says(closed.first, "certainly")


def test_it_prints_to_pdf(offline, tmp_path, require):
    """With all of that in it, as text."""
    reader = require(shutil.which("pdftotext"), "pdftotext")
    path = tmp_path / "energy.pdf"
    offline.pdf(path=path)
    text = subprocess.run([reader, "-layout", path, "-"], check=True, capture_output=True, text=True, timeout=30).stdout
    flat = " ".join(text.split())
    assert not [words for words in SAID if words not in flat]
