"""The magics, typed into a real kernel on simulated GPUs."""

from __future__ import annotations

import re

import pytest

from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.sources.recording import Recording

from .conftest import displays

BUSY = "import time; end = time.monotonic() + {}\nwhile time.monotonic() < end: sum(range(1000))"


def _text(messages):
    return "".join(m["content"].get("text", "") or "\n".join(m["content"].get("traceback", ())) for m in messages)


def test_status_is_a_table_of_the_gpus(notebook):
    """One row per GPU, that they are simulated, and how their energy is measured."""
    (data,) = notebook.outputs("%gpumon status")
    assert "simulated" in data["text/plain"]
    assert [line.split()[0] for line in data["text/plain"].splitlines()[2:4]] == ["gpu0", "gpu1"]
    assert data["text/plain"].splitlines()[4:] == ["energy │ gpu0, gpu1: counter, 100 ms, simulated"]
    assert data["text/html"].count("<tr>") == 3


def test_a_measured_cell_carries_its_record(notebook):
    """%%gpumon: energy with its interval, final when the cell is done, under the cell's own output."""
    messages = notebook.run("%%gpumon -t train\n" + BUSY.format(1) + "\n6 * 7")
    assert [m["content"]["data"]["text/plain"] for m in messages if m["msg_type"] == "execute_result"] == ["42"]
    (record,) = notebook.records("%%gpumon -t train\n" + BUSY.format(1))
    assert record["title"] == "train"
    assert record.get("final", True)
    assert record["simulated"]
    assert 1 <= record["end"] - record["start"] < 3
    cost = record["energy"]["gpu0"]
    assert 0 < cost["low"] <= cost["joules"] <= cost["high"]
    assert [d["name"] for d in record["devices"] if d.get("used", True)] == ["gpu0"]


def test_an_error_in_a_measured_cell_is_as_without_it(notebook):
    """The cell fails (so that "Run all" stops), the traceback names the right line, and the record says "error"."""
    messages = notebook.finished("%%gpumon\nx = 1\n\n1 / 0")
    assert notebook.reply["status"] == "error"
    assert notebook.reply["ename"] == "ZeroDivisionError"
    assert "----> 4" in re.sub(r"\x1b\[[0-9;]*m", "", _text(messages))
    (data,) = displays(messages).values()
    assert "ended with an error" in data["text/plain"]


def test_await_works_in_a_measured_cell(notebook):
    """A coroutine's time counts."""
    (record,) = notebook.records("%%gpumon\nimport asyncio\nawait asyncio.sleep(0.3)")
    assert record["end"] - record["start"] >= 0.3


@pytest.mark.parametrize(
    "code",
    ["%%gpumon -t outer\n%%capture\nx = 5", "%%capture out\n%%gpumon\nx = 5", "%%time\n%%gpumon\nx = 5"],
    ids=["gpumon of capture", "capture of gpumon", "time of gpumon"],
)
def test_it_goes_with_other_cell_magics(notebook, code):
    """In either order, and the code runs once."""
    notebook.run("x = 0")
    notebook.run(code)
    assert notebook.reply["status"] == "ok"
    assert notebook.value("x") == "5"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("%gpumon dance", "%gpumon knows"),
        ("%gpumon summary maybe", "takes on or off"),
        ("%gpumon status now", "Nothing was expected"),
        ("%%gpumon -d 9\nx = 5", "There is no GPU called 9. There are: gpu0, gpu1."),
        ("%%gpumon -d ,\nx = 5", "for example -d 0,1"),
        ("%%gpumon --wrong\nx = 5", "--wrong"),
        ('%%gpumon -t "open\nx = 5', "quotation"),
        ("%gpumon --source nowhere:", "nowhere"),
        ("%gpumon units calories", "takes J, kJ, Wh, kWh or auto, not 'calories'"),
        ("%gpumon report --sort size", "--sort takes start, energy"),
        ("%gpumon status --sort energy", "--sort goes with %gpumon report and energy"),
    ],
)
def test_what_cannot_be_understood_is_said_in_a_sentence(notebook, code, sentence):
    """No traceback, the code is not run, and what is allowed is named."""
    notebook.run("x = 0")
    messages = notebook.run(code)
    assert notebook.reply["status"] == "error"
    assert notebook.reply["ename"] == "UsageError"
    assert sentence in notebook.reply["evalue"]
    assert "Traceback" not in _text(messages)
    assert notebook.value("x") == "0"


@pytest.mark.parametrize("devices", ["1", "gpu1", "1,1"])
def test_the_gpus_that_are_asked_for_count(notebook, devices):
    """-d names them by index or name; the others are not in the record."""
    (record,) = notebook.records(f"%%gpumon -d {devices}\nimport time; time.sleep(0.5)")
    assert [(device["name"], device["used"]) for device in record["devices"]] == [("gpu1", True)]
    assert record["energy"]["gpu1"]["joules"] > 0


def test_summary_measures_every_cell_once(notebook):
    """With summaries on, a plain cell has one record, so has a %%gpumon cell, and a %gpumon line has none."""
    notebook.run("%gpumon summary on")
    assert len(notebook.records("import time; time.sleep(0.1)")) == 1
    (titled,) = notebook.records("%%gpumon -t one\ntime.sleep(0.1)")
    assert titled["title"] == "one"
    assert notebook.records("%gpumon report") == []
    assert notebook.records("%gpumon summary off") == []
    assert notebook.records("time.sleep(0.1)") == []


def test_the_report_holds_every_cell_and_their_sum(notebook):
    """A measure() block inside a cell is listed, and counted once."""
    notebook.run("%gpumon summary on")
    notebook.outputs(
        "import jupyter_gpumon, time\nwith jupyter_gpumon.measure('inner') as m:\n    time.sleep(0.3)\nm.cell"
    )
    notebook.outputs("time.sleep(0.3)")
    (data,) = notebook.outputs("%gpumon report")
    lines = data["text/plain"].splitlines()[: 1 + 3 + 1]
    assert "Measured by: Simulated" in data["text/plain"].splitlines()[5]
    assert "inner" in data["text/plain"]
    assert [line.split()[0] for line in lines[1:-1]] == sorted(line.split()[0] for line in lines[1:-1])
    assert "inner" in lines[2]  # by start: the cell round it began first and ended last
    assert all("simulated" in line for line in lines[1:-1])
    assert "2 in all" in lines[-1]


def test_energies_are_in_the_unit_one_chooses(notebook):
    """In summaries and reports, from then on; configuration and environment choose one too, and loading forgets it."""
    notebook.run("%gpumon units Wh")
    (data,) = notebook.outputs("%%gpumon\nimport time; time.sleep(0.5)")
    assert re.search(r"│ 0\.\d+ Wh ", data["text/plain"])
    (data,) = notebook.outputs("%gpumon report")
    assert " Wh" in data["text/plain"]
    assert " J " not in data["text/plain"].split("Measured")[0]
    notebook.run("%unload_ext jupyter_gpumon")
    notebook.run("get_ipython().config.GpuMonMagics.units = 'kwh'\n%load_ext jupyter_gpumon")
    unit = "__import__('jupyter_gpumon.report.preference').report.preference.unit()"
    assert notebook.value(unit) == "'kWh'"
    notebook.run("%unload_ext jupyter_gpumon")
    notebook.run("get_ipython().config.GpuMonMagics.units = None\n%load_ext jupyter_gpumon")
    assert notebook.value(unit) == "'auto'"


def test_a_source_that_cannot_be_leaves_the_old_one_in_place(notebook):
    """One sentence says why, the GPUs are read on, and auto is the default again."""
    notebook.run("%gpumon --source sim:gpus=1 status")
    for source, reason in (("sim:gpus=two", "gpus=two cannot be"), ("replay:none.jsonl", "There is no recording")):
        notebook.run(f"%gpumon --source {source} status")
        assert notebook.reply["ename"] == "UsageError"
        assert reason in notebook.reply["evalue"]
        (data,) = notebook.outputs("%gpumon status")
        assert len(re.findall("^gpu", data["text/plain"], re.M)) == 1 + 1  # the first line begins with "gpumon"
    (data,) = notebook.outputs("%gpumon --source auto status")
    assert len(re.findall("^gpu", data["text/plain"], re.M)) == 1 + 2


def test_stop_says_that_nothing_is_running(notebook):
    """Where there is nothing to stop."""
    assert "Nothing is running" in _text(notebook.run("%gpumon stop"))


def test_loading_again_begins_with_the_default_source(notebook):
    """What was asked for before %unload_ext is forgotten."""
    notebook.run("%gpumon --source sim:gpus=1 status")
    notebook.run("%unload_ext jupyter_gpumon")
    notebook.run("%load_ext jupyter_gpumon")
    (data,) = notebook.outputs("%gpumon status")
    assert "gpu1" in data["text/plain"]


def test_unloading_takes_everything_away(notebook):
    """No magic, no summary, no connection, no agent process."""
    notebook.run("%gpumon summary on")
    notebook.run("import jupyter_gpumon.kernel.connect as c; before = c.current()")
    notebook.run("%unload_ext jupyter_gpumon")
    assert notebook.value("before is not None and c.current() is None") == "True"
    assert notebook.value("__import__('psutil').Process().children()") == "[]"
    assert notebook.records("x = 1") == []
    notebook.run("%gpumon")
    assert "not found" in notebook.reply.get("evalue", "") or notebook.reply["status"] == "ok"
    assert notebook.run("%load_ext jupyter_gpumon\n%gpumon status")
    assert notebook.reply["status"] == "ok"


def test_a_title_is_text_and_not_markup(notebook):
    """What is typed after -t cannot become HTML."""
    (data,) = notebook.outputs("%%gpumon -t '<script>alert(1)</script>'\nx = 1")
    assert "<script" not in data["text/html"]
    assert "&lt;script" in data["text/html"]


def test_what_is_saved_names_neither_user_nor_machine(start):
    """No notebook path, kernel id, cell id or UUID in the output that goes into the file."""
    notebook = start(env={"JPY_SESSION_NAME": "/secret/plan.ipynb"})
    (data,) = notebook.outputs("%load_ext jupyter_gpumon\n") or notebook.outputs("%%gpumon\nx = 1")
    saved = str(data)
    uuid = notebook.value("__import__('jupyter_gpumon.kernel.connect').kernel.connect.current().devices()[0].uuid")
    assert uuid.strip("'")
    assert uuid.strip("'") not in saved
    assert "secret" not in saved
    assert "kernel_id" not in saved
    assert notebook.value("__import__('jupyter_gpumon.kernel.completion').kernel.completion.done[-1].notebook") == (
        "'/secret/plan.ipynb'"
    )


def test_a_notebook_records_into_a_file_until_it_is_told_to_stop(notebook, tmp_path):
    """Hello and samples, also when the source changes meanwhile; a file that is there is left alone."""
    path = tmp_path / "run.jsonl"
    assert "Recording to" in _text(notebook.run(f"%gpumon record {path}"))
    notebook.run("import time; time.sleep(2.5)")
    assert "is closed" in _text(notebook.run("%gpumon record off"))
    messages = list(Recording(path).messages())
    assert isinstance(messages[0], Hello)
    assert sum(isinstance(message, Sample) and bool(message.gpus) for message in messages) >= 2
    assert "Nothing is replaced" in _text(notebook.finished(f"%gpumon record {path}")).replace("nothing", "Nothing")
