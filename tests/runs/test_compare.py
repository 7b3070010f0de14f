"""Two runs, or two groups of them: what differs, and what may be chance."""

from __future__ import annotations

import random
import shutil

import pytest

from jupyter_gpumon.errors import RunError
from jupyter_gpumon.runs import compared
from jupyter_gpumon.runs.compare import Group, compare, group
from jupyter_gpumon.runs.store import RunStore
from jupyter_gpumon.spread import holm

from .made import cell, metric, run


def side(*runs):
    """A side made of these runs."""
    return Group(runs[0].name, runs)


def row(comparison, name):
    """One line of it."""
    return next(row for row in comparison.metrics if row.metric == name)


def repeated(name, latency, seed, number=8):
    """Runs of one name, a latency each, that vary by 2 %."""
    chance = random.Random(seed)
    return side(*(run(name, metrics={"step_s": metric(chance.gauss(latency, 0.02 * latency))}) for _ in range(number)))


def test_repeated_runs_tell_a_difference_from_chance():
    """Ten per cent less over eight runs each is significant, with an interval that holds the truth."""
    found = row(compare(repeated("base", 1.0, 1), repeated("tuned", 0.9, 2)), "step_s")
    assert found.significant
    assert found.low < -0.1 < found.high < 0
    assert "8 and 8 runs" in found.how


def test_equal_runs_seldom_differ():
    """Of a hundred pairs without a difference about five per cent seem to have one, not many more."""
    seeming = sum(
        row(compare(repeated("a", 1.0, 2 * at, 5), repeated("b", 1.0, 2 * at + 1, 5)), "step_s").p < 0.05
        for at in range(200)
    )
    assert seeming <= 20


def test_looking_at_many_metrics_finds_no_more():
    """Holm: the smallest of ten likelihoods counts ten times."""
    assert holm([0.01, 0.5, 0.04]) == pytest.approx([0.03, 0.5, 0.08])
    assert holm([]) == []
    names = [f"m{at}" for at in range(20)]
    chance = random.Random(5)
    sides = [
        side(*(run(name, metrics={m: metric(chance.gauss(1, 0.1)) for m in names}) for _ in range(5))) for name in "ab"
    ]
    assert not [row.metric for row in compare(*sides).metrics if row.significant and row.metric in names]


def test_energies_of_single_runs_are_told_apart_by_their_intervals():
    """10 % with 1 % of interval is more than its error; it is said that runs vary too."""
    found = row(compare(side(run("a", 1000.0)), side(run("b", 900.0))), "energy_joules")
    assert found.significant
    assert found.change == pytest.approx(-0.1)
    assert "do not tell how much runs vary" in found.how
    assert row(compare(side(run("a", 1000.0)), side(run("b", 1005.0))), "energy_joules").significant is False


def test_an_energy_of_which_only_a_bound_is_known_is_not_compared():
    """It is no 0."""
    bound = run("a", cell=cell(10.0, off=0.95))
    found = row(compare(side(run("b", 20.0)), side(bound)), "energy_joules")
    assert (found.second, found.change, found.significant) == (None, None, None)


def test_what_hangs_together_is_not_tested():
    """The values of a gauge in one run are no repetitions; observations are."""
    values = [1.0, 1.1, 0.9] * 10
    runs = [
        run(name, metrics={"loss": metric(*values), "wait": metric(*(f * v for v in values), kind="histogram")})
        for name, f in (("a", 1.0), ("b", 1.5))
    ]
    found = compare(side(runs[0]), side(runs[1]))
    assert row(found, "loss").significant is None
    assert "repeat the runs" in row(found, "loss").how
    assert row(found, "wait").significant
    assert "within one run each" in row(found, "wait").how


def test_a_metric_that_one_side_lacks_is_shown_and_not_compared():
    """And a change from 0 is none."""
    first, second = run("a", metrics={"x": metric(0.0)}), run("b", metrics={"x": metric(1.0), "y": metric(1.0)})
    found = compare(side(first), side(second))
    assert (row(found, "y").first, row(found, "y").change) == (None, None)
    assert row(found, "x").change is None


def test_the_statement_is_plain_and_names_what_is_not_the_same():
    """Another GPU is told, and that it was simulated."""
    runs = [run("tuned", metrics=each.metrics, simulated=True) for each in repeated("tuned", 0.8, 4).runs]
    found = compare(repeated("base", 1.0, 3), side(*runs))
    assert "step_s 2" in found.statement
    assert "less" in found.statement
    assert "corrected" in found.statement
    assert "Simulated GPUs" in found.notes[-1]


def test_sides_are_chosen_by_name_or_id(tmp_path):
    """A name is all its runs that ended well; an id, or its beginning, is one."""
    store = RunStore(f"sqlite:///{tmp_path}/runs.sqlite")
    runs = [run("base"), run("base"), run("base", outcome="error"), run("base", status="running")]
    for each in runs:
        store.save(each)
    assert len(group(store, "base").runs) == 2
    assert group(store, runs[0].id[:8]).name == f"base ({runs[0].id[:8]})"
    with pytest.raises(RunError, match=r"There is no run 'x'. There are: base"):
        group(store, "x")
    with pytest.raises(RunError, match="has ended well"):
        group(store, runs[2].id)


def test_the_page_needs_no_network_and_names_are_no_html(tmp_path):
    """Charts are inline; whatever a metric is called is text."""
    evil = "<script>alert(1)</script>"
    sides = [
        side(run(evil, 100.0, metrics={evil: metric(1.0, 2.0)})),
        side(run("b", 99.0, metrics={evil: metric(1.0, 3.0)})),
    ]
    page = compared.page(compare(*sides), *sides)
    assert evil not in page
    assert page.count("<svg") == 3
    assert "http" not in page
    compared.write(page, tmp_path / "x.html")
    assert (tmp_path / "x.html").read_text() == page
    with pytest.raises(RunError, match=r"\.html or \.png"):
        compared.write(page, tmp_path / "x.svg")


@pytest.mark.ui
def test_a_picture_is_drawn_by_the_browser_that_is_there(tmp_path, require, monkeypatch):
    """And where there is none, a sentence says so."""
    require(shutil.which("chromium") or shutil.which("google-chrome"), "chromium")
    compared.write("<p>Hello</p>", tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes()[:4] == b"\x89PNG"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RunError, match="neither is on PATH"):
        compared.write("<p>Hello</p>", tmp_path / "y.png")
