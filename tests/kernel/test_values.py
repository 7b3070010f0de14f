"""%%gpumon --metric: numbers of the user's own code, in the record and in the run that is open."""

from __future__ import annotations

import pytest

from jupyter_gpumon.kernel.values import ExpressionError, Values, expression
from jupyter_gpumon.model import Cell
from jupyter_gpumon.report.words import headline


@pytest.mark.parametrize("text", ["tokens", "tokens=", "=len(out)", "tokens=len(", "tokens=x y", "tokens=x=1"])
def test_what_is_no_name_and_expression_is_refused(text):
    """In a sentence that shows how it is written."""
    with pytest.raises(ExpressionError, match="--metric"):
        expression(text)


def test_one_that_raises_is_told_and_the_others_count():
    """Whatever it raises; what is no number and what is not finite are told as well."""
    names = {"out": [1, 2, 3], "text": "three", "bad": float("nan")}
    texts = (
        "tokens=len(out)",
        "half=[n / 2 for n in out][-1]",
        "no=missing",
        "word=text",
        "stop=out.stop()",
        "nan=bad",
    )
    values = Values([expression(text) for text in texts], names)
    values.take()
    cell = values.amend(Cell(start=0.0, end=1.0, notes=("before",)))
    assert cell.metrics == {"tokens": 3.0, "half": 1.5}
    assert cell.notes == (
        "before",
        "--metric no: NameError: name 'missing' is not defined",
        "--metric word takes a number, not str",
        "--metric stop: AttributeError: 'list' object has no attribute 'stop'",
        "--metric nan is nan: there is nothing to log",
    )


def test_the_record_has_what_the_code_has_found(notebook):
    """Looked at when the cell is over, once, also of a cell that is repeated."""
    (data,) = notebook.outputs('%%gpumon --metric tokens=len(out) --metric "last=out[-1] + looked()"\n' + _LOOKED)
    assert data["application/vnd.gpumon.cell+json"]["metrics"] == {"tokens": 4.0, "last": 4.0}
    assert "tokens 4 · last 4" in data["text/plain"]
    (record,) = notebook.records("%%gpumon --repeat 3 --metric calls=looked()\nn = 0")
    assert record["metrics"] == {"calls": 2.0}


_LOOKED = """seen = []
def looked():
    seen.append(1)
    return len(seen)
out = [0, 1, 2, 3]"""


def test_it_is_logged_in_the_run_that_is_open(notebook, tmp_path):
    """As gm.log_metric does it."""
    store = f"sqlite:///{tmp_path}/runs.sqlite"
    notebook.run(f"import os; os.environ['GPUMON_RUNS'] = {store!r}; import jupyter_gpumon as gm")
    notebook.run("run = gm.run('batches').start()")
    notebook.finished("%%gpumon --metric loss=x\nx = 0.5")
    notebook.finished("%%gpumon --metric loss=x\nx = 0.25")
    notebook.run("run.stop()")
    assert notebook.value("run.record.metrics['loss'].values") == "(0.5, 0.25)"


def test_an_expression_that_cannot_be_read_keeps_the_cell_from_running(notebook):
    """Before anything is measured; after a cell that failed nothing is looked at."""
    notebook.run("x = 0")
    notebook.run("%%gpumon --metric tokens\nx = 5")
    assert notebook.reply["ename"] == "UsageError"
    assert notebook.value("x") == "0"
    (record,) = notebook.records("%%gpumon --metric x=x\n1 / 0")
    assert "metrics" not in record


@pytest.mark.parametrize(("value", "said"), [(1e6, "1000000"), (0.25, "0.25"), (2 / 3, "0.666667"), (1e-9, "1e-09")])
def test_a_number_is_said_whole_or_by_six_digits(value, said):
    """The same in the page of JupyterLab."""
    assert headline(Cell(start=0.0, end=1.0, metrics={"loss": value})).endswith(f" · loss {said}")
