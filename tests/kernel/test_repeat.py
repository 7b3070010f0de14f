"""--repeat: the loop round a cell's code, and what one run costs."""

from __future__ import annotations

import ast
import re

import pytest

from jupyter_gpumon.kernel.loop import Looped
from jupyter_gpumon.kernel.repeat import Plan
from jupyter_gpumon.kernel.request import RequestError, plan_of

from .conftest import displays

WORK = "import time; end = time.monotonic() + {}\nwhile time.monotonic() < end: sum(range(500))"
_OPEN = "get_ipython().run_line_magic('gpumon_cell', {!r})\n"


def _run(code, options="--repeat 3"):
    """The looped code, run on three runs; its names, and its last expression's value."""
    tree = Looped("gpumon_cell").visit(ast.parse(_OPEN.format(options) + code))
    shown = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) and len(tree.body) > 1 else None
    names = {"get_ipython": lambda: names["shell"], "shell": _Shell()}
    exec(compile(tree, "cell", "exec"), names)
    return names, eval(compile(ast.Expression(shown.value), "cell", "eval"), names) if shown else None


class _Shell:
    def run_line_magic(self, *_):
        return range(3)


def test_the_code_runs_in_a_loop_and_its_last_value_is_shown_once():
    """Strings of several lines stay as they are."""
    names, shown = _run("x = globals().get('x', 0) + 1\ntext = '''a\n b'''\nx * 10")
    assert (names["x"], names["text"], shown) == (3, "a\n b", 30)


@pytest.mark.parametrize("code", ["", "def f(): pass", "x = 1"])
def test_code_without_a_value_shows_none(code):
    """Neither does an empty cell."""
    assert _run(code)[1] is None


@pytest.mark.parametrize("options", ["", "-t repeat", "--compare a"])
def test_a_cell_that_asks_for_no_repetition_is_left_alone(options):
    """As it was parsed."""
    source = _OPEN.format(options) + "x = 1\nx"
    assert ast.dump(Looped("gpumon_cell").visit(ast.parse(source))) == ast.dump(ast.parse(source))
    plain = "print('gpumon_cell', '--repeat')"
    assert ast.dump(Looped("gpumon_cell").visit(ast.parse(plain))) == ast.dump(ast.parse(plain))


class _Options:
    def __init__(self, repeat="auto", within=2.0, seconds=5.0):
        self.repeat, self.within, self.seconds = repeat, within, seconds


def test_the_options_make_a_plan():
    """auto or a number; what cannot be is refused in a sentence."""
    assert plan_of(_Options()) == Plan(None, 0.02, 5.0)
    assert plan_of(_Options("20", within=0.5)) == Plan(20, 0.005, 5.0)
    for wrong in (_Options("often"), _Options("0"), _Options("-3"), _Options(within=0.0), _Options(seconds=0.0)):
        with pytest.raises(RequestError):
            plan_of(wrong)


def test_a_number_of_runs_gives_so_many_and_their_spread(notebook):
    """Five runs of 0.3 s: the first apart, a mean with its interval from the rest."""
    notebook.run("n = 0")
    messages = notebook.finished("%%gpumon --repeat 5 -t five\n" + WORK.format(0.3) + "\nn += 1\nn")
    (record,) = (data for data in displays(messages).values() if "application/vnd.gpumon.cell+json" in data)
    found = record["application/vnd.gpumon.cell+json"]["repeats"]
    assert notebook.value("n") == "5"
    assert [m["content"]["data"]["text/plain"] for m in messages if m["msg_type"] == "execute_result"] == ["5"]
    assert found["runs"] == 5
    assert len(found["joules"]) == 4
    assert "first" in found
    assert 0.3 <= found["seconds"] < 3
    assert found["low"] < found["mean"] < found["high"]
    assert 30 < found["mean"] / found["seconds"] < 800  # watts, of a board that draws 75 to 700
    assert "five: " in record["text/plain"]
    assert re.search(r"per run · sd .* · 5 runs", record["text/plain"])


def test_auto_fills_windows_with_runs_of_a_short_cell(notebook):
    """A cell of a millisecond runs hundreds of times, within the seconds it was given, and can be compared by name."""
    (base,) = notebook.records("%%gpumon --repeat auto --seconds 1.5 -t base\nsum(range(20000))")
    assert base["repeats"]["batch"] > 10
    assert base["repeats"]["runs"] > 50
    assert base["repeats"]["mean"] > 0
    assert base["end"] - base["start"] < 6
    (other,) = notebook.records("%%gpumon --repeat auto --seconds 1.5 --compare base -t other\nsum(range(20000))")
    assert "“base”" in other["notes"][0]
    assert "Welch's t test" in other["notes"][0]


def test_await_and_errors_are_as_without_it(notebook):
    """A coroutine is awaited in every run; an error ends the loop, names its line, and the record says it."""
    notebook.run("n = 0\nimport asyncio")
    (record,) = notebook.records("%%gpumon --repeat 3\nawait asyncio.sleep(0.05)\nn += 1")
    assert notebook.value("n") == "3"
    assert record["repeats"]["runs"] == 3
    messages = notebook.finished("%%gpumon --repeat 3\nn = 7\n\n1 / 0")
    assert notebook.reply["ename"] == "ZeroDivisionError"
    text = "".join("\n".join(m["content"].get("traceback", ())) for m in messages)
    assert "----> 4" in re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert any("ended with an error" in data["text/plain"] for data in displays(messages).values())
    assert len(notebook.records("%%gpumon\nn = 8")) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [("--repeat often", "auto or a number"), ("--compare nobody", "Nothing called nobody"), ("--repeat", "--repeat")],
)
def test_what_cannot_be_is_refused_before_the_code_runs(notebook, options, sentence):
    """In a sentence."""
    notebook.run("x = 0")
    notebook.run(f"%%gpumon {options}\nx = 5")
    assert notebook.reply["ename"] == "UsageError"
    assert sentence in notebook.reply["evalue"]
    assert notebook.value("x") == "0"


def test_it_goes_with_another_cell_magic(notebook):
    """The magic below runs as often."""
    notebook.run("n = 0")
    notebook.run("%%gpumon --repeat 3\n%%capture\nn += 1")
    assert notebook.reply["status"] == "ok", notebook.reply
    assert notebook.value("n") == "3"
