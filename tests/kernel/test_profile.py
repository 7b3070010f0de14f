"""%%gpumon --profile: a trace beside the notebook, linked in the record; without PyTorch the cell runs all the same.

PyTorch is played by a module with the part of its profiler that is used; where the real one is, that is used too.
"""

from __future__ import annotations

import gzip
import importlib.util
import json

import pytest

from jupyter_gpumon.report.record import MIME

TORCH = """
from . import autograd

class profile:
    def __enter__(self):
        autograd.enabled = True
        return self

    def __exit__(self, *error):
        autograd.enabled = False

    def export_chrome_trace(self, path):
        import gzip, json
        with gzip.open(path, "wt") as file:
            json.dump({"traceEvents": [{"name": "aten::mm"}]}, file)
"""
WORK = "import sys\ntorch = sys.modules['torch']\nhasattr(torch, 'mm') and torch.mm(torch.ones(8, 8), torch.ones(8, 8))"


@pytest.fixture
def kernel(start, tmp_path):
    """A kernel in an empty folder, with what stands for PyTorch."""
    library = tmp_path / "library" / "torch"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "autograd.py").write_text("enabled = False\ndef _profiler_enabled(): return enabled\n")
    (library / "profiler.py").write_text(TORCH)
    (tmp_path / "work").mkdir()
    notebook = start(env={} if importlib.util.find_spec("torch") else {"PYTHONPATH": str(library.parent)})
    notebook.run(f"import os; os.chdir({str(tmp_path / 'work')!r})\n%load_ext jupyter_gpumon")
    assert notebook.reply["status"] == "ok", notebook.reply
    return notebook


def test_the_trace_is_beside_the_notebook_and_linked(kernel, tmp_path):
    """Also where the code goes elsewhere, or fails; PyTorch need not have been imported."""
    for code in (WORK + "\nos.chdir('/')", "1 / 0"):
        (data,) = kernel.outputs(f"%%gpumon --profile -t 'one step'\n{code}")
        kernel.run(f"os.chdir({str(tmp_path / 'work')!r})")
        trace = data[MIME]["trace"]
        assert trace.startswith("gpumon-traces/one-step-")
        assert json.loads(gzip.decompress((tmp_path / "work" / trace).read_bytes()))["traceEvents"]
        assert f'<a href="{trace}">' in data["text/html"]
        assert f"trace: {trace}" in data["text/plain"]
        assert "run under PyTorch's profiler" in data["text/plain"]


def test_what_keeps_it_from_profiling_is_told_and_the_cell_runs(kernel):
    """Another profiler at work; a folder that cannot be made."""
    kernel.run("from torch.profiler import profile; other = profile(); _ = other.__enter__()")
    (record,) = kernel.records("%%gpumon --profile\nx = 5")
    assert (kernel.value("x"), record.get("trace")) == ("5", None)
    assert "not profiled: another profiler of PyTorch is at work" in record["notes"]
    kernel.run("other.__exit__(None, None, None); open('gpumon-traces', 'w').close()")
    (record,) = kernel.records("%%gpumon --profile\nx = 6")
    assert any("its trace cannot be written" in note for note in record["notes"])
    assert kernel.value("x") == "6"


def test_without_pytorch_the_cell_runs_and_says_what_is_missing(notebook):
    """With how to have it."""
    notebook.run("import sys; sys.modules['torch'] = None")  # as if it were not there
    (record,) = notebook.records("%%gpumon --profile\nx = 7")
    assert notebook.value("x") == "7"
    assert any("not profiled" in note and "pip install torch" in note for note in record["notes"])


def test_a_cell_that_is_not_measured_is_not_profiled(kernel):
    """A GPU that there is not, and --repeat, are refused before the code runs; the profiler is free again."""
    for options, says in (("-d 9", "There is no GPU called 9"), ("--repeat 3", "goes without --repeat")):
        kernel.run(f"%%gpumon --profile {options}\nx = 8")
        assert says in kernel.reply["evalue"]
    (record,) = kernel.records("%%gpumon --profile\nx = 9")
    assert record["trace"].startswith("gpumon-traces/cell-")
