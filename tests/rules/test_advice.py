"""Advice: silent on what is healthy, right about each fault, with numbers, evidence, steps and code that can be run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from msgspec.structs import replace

from jupyter_gpumon.report.advice import of_stream
from jupyter_gpumon.rules.advice import RULES, advise
from jupyter_gpumon.rules.advice.code import _TEXTS, code
from jupyter_gpumon.rules.advice.pictures import POINTS

from .feed import START
from .scenes import FAULTS, HEALTHY, about, holding, made, simulated, steady, working

PAGE = Path(__file__).parents[2] / "jupyter_gpumon/docs/advice.md"


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_said_of_what_is_healthy(name):
    """Also not of an idle or empty machine, nor of one that says nothing."""
    assert advise(HEALTHY[name]()) == []


@pytest.mark.parametrize("script", ["training", "inference", "mig"])
def test_nothing_is_said_of_any_part_of_a_healthy_stretch(script):
    """Whatever five minutes are looked at through a window of half a minute to two."""
    whole = of_stream(simulated(script, 300))
    for seconds in (30, 60, 120):
        for start in range(0, 300 - seconds, 17):
            part = replace(whole, start=whole.start + start, end=whole.start + start + seconds)
            assert advise(part) == []


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found(name):
    """By its rule, with a confidence, numbers, steps and code; and a picture that is small."""
    rule, scene = FAULTS[name]
    found = {finding.rule: finding for finding in advise(scene())}
    assert rule in found, list(found)
    said = found[rule]
    assert 0 < said.confidence <= 1
    assert said.level in ("warning", "info")
    assert re.search(r"\d", said.detail)
    assert not re.search(r"\d", said.title)
    assert len(said.steps) >= 2
    assert said.code is not None
    for evidence in said.evidence:
        assert 0 < len(evidence.values) <= POINTS
        assert len(evidence.time) in (0, len(evidence.values))


def test_every_rule_has_a_fault_that_it_finds():
    """So that none is untried."""
    assert {rule for rule, _ in FAULTS.values()} == set(RULES)


def test_a_fault_brings_no_second_opinion():
    """A GPU that waits for its input is not said to rest for no reason as well."""
    assert [one.rule for one in advise(FAULTS["sim input-bound"][1]()) if one.cause == "utilization"] == ["input-bound"]


def test_what_is_the_same_on_several_gpus_is_said_once():
    """With their names."""
    found = [one for one in advise(of_stream(simulated("throttle", gpus="4"))) if one.rule == "thermal"]
    assert len(found) == 1
    named = re.findall(r"gpu\d", found[0].detail)
    assert sorted(named) == ["gpu0", "gpu1", "gpu2", "gpu3"]


def test_gaps_are_seen_where_each_step_lies_in_two_samples():
    """Half a second of work every three: 14 % of one second, 42 % of the next, none of the third."""
    found = advise(of_stream(made(lambda at: steady(utilization=(0.14, 0.42, 0.0)[int(at) % 3])(at))))
    assert "input-bound" in [one.rule for one in found]


def test_a_leak_is_a_slope_and_not_a_level():
    """Full memory that stays full is none; neither is memory that comes back, nor one that jumps once."""
    full = [holding(i, 78e9, 79e9) for i in range(10)]
    back = [holding(i, 2e9, (3 + i) * 1e9) for i in range(10)]
    jump = [holding(i, 2e9 if i < 5 else 40e9, 3e9 if i < 5 else 41e9) for i in range(10)]
    for cells in (full, back, jump):
        assert "memory-leak" not in [one.rule for one in advise(about(cells))]


def test_a_leak_after_a_model_was_loaded_is_seen():
    """The first cells, which load, are left out of the line."""
    loading = [holding(0, 0.0, 1e9), holding(1, 1e9, 40e9)]
    cells = [*loading, *(holding(2 + i, (40 + i) * 1e9, (41 + i) * 1e9) for i in range(6))]
    (leak,) = [one for one in advise(about(cells)) if one.rule == "memory-leak"]
    assert leak.value == pytest.approx(1e9, rel=0.05)


def test_a_leak_over_cells_shorter_than_a_sample_is_seen():
    """Of three cells in a second one shows the growth; it is told per cell."""
    held = [(2 + thirds // 3) * 1e9 for thirds in range(2, 21)]
    starts = [START + 0.35 * number for number in range(18)]
    cells = [holding(i, *held[i : i + 2], start=start, end=start + 0.3) for i, start in enumerate(starts)]
    (leak,) = [one for one in advise(about(cells)) if one.rule == "memory-leak"]
    assert leak.value == pytest.approx(1e9 / 3, rel=0.05)
    assert "333 MB more each time over 16 cells in turn" in leak.detail
    assert "memory-leak" not in [one.rule for one in advise(about(cells[:9]))]


def test_a_leak_says_how_much_each_time_and_how_many_more_fit():
    """Of a gigabyte per cell with 80 GB in all."""
    (leak,) = [one for one in advise(FAULTS["leak over ten cells"][1]()) if one.rule == "memory-leak"]
    assert leak.value == pytest.approx(1e9)
    assert "1.00 GB more each time over 10 cells in turn" in leak.detail
    assert "about 68 more fit" in leak.detail


def test_the_batch_that_fits_is_worked_out_by_measured_bytes_per_sample():
    """Two batches of 16 and 32 with 0.2 GB a sample on top of 2 GB: 80 GB hold some 350 at nine tenths."""
    (room,) = [one for one in advise(FAULTS["two batches"][1]()) if one.rule == "memory-headroom"]
    assert "a sample takes 200 MB: about 350 would fit, not 32" in room.detail
    assert room.confidence == 0.8
    assert "350" in room.code.source


def test_without_a_second_batch_a_sample_takes_at_most_what_was_seen():
    """The rise holds the model too, and the advice says so."""
    (room,) = advise(about([holding(0, 0.0, 8e9, counts={"sample": 640.0, "step": 10.0})]))
    assert "at most 125 MB" in room.detail
    assert room.confidence == 0.6


def test_the_tensor_cores_are_not_told_where_they_cannot_be_seen():
    """Before Hopper, nothing is known of them."""
    said = advise(of_stream(made(steady(utilization=0.98), seconds=60)))
    assert "full-precision" not in [one.rule for one in said]


@pytest.mark.parametrize("kind", _TEXTS)
@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax", "cupy", "numpy", ""])
def test_the_code_is_code(kind, framework):
    """It is read as a cell of a notebook is, for every framework; nothing of a template is left in it."""
    numbers = {
        "now": 32,
        "then": 64,
        "index": 0,
        "count": 4,
        "each": 2,
        "workers": 2,
        "size": 8,
        "name": "f",
        "steps": 4,
    }
    taken = set(re.findall(r"%\((\w+)\)s", str(_TEXTS[kind])))
    made = code(kind, working(frameworks=(framework,)), **{name: numbers[name] for name in taken})
    assert "%(" not in made.source
    ast.parse(TransformerManager().transform_cell(made.source))


def test_the_code_is_for_what_is_loaded():
    """TensorFlow's own where that is loaded; PyTorch's where nothing is known."""
    assert "tf.data" in code("input", working(frameworks=("tensorflow",))).source
    assert "DataLoader" in code("input", working()).source


def test_a_part_of_a_stream_is_judged_by_that_part():
    """The first minute was starved, the second is not."""
    stretch = of_stream(made(lambda at: steady(utilization=0.1 if at < 130 else 0.9)(at), seconds=300))
    first = replace(stretch, end=START + 129)
    last = replace(stretch, start=START + 131)
    assert [one.rule for one in advise(first)] == ["low-utilization"]
    assert advise(last) == []


def table() -> str:
    """What the docs say: each scene, what is said of it, and the two rates."""
    said = {name: [one.rule for one in advise(scene())] for name, scene in HEALTHY.items()}
    wrong = sum(map(bool, said.values()))
    lines = [
        "| healthy | said |",
        "|---|---|",
        *(f"| {name} | {', '.join(found) or '—'} |" for name, found in said.items()),
    ]
    lines += ["", f"False positives: {wrong} of {len(said)} scenes.", ""]
    lines += ["| fault | to be found | found | confidence | also said |", "|---|---|---|---|---|"]
    hits = 0
    for name, (rule, scene) in FAULTS.items():
        found = {one.rule: one for one in advise(scene())}
        hits += rule in found
        sure = f"{found[rule].confidence:.2f}" if rule in found else "—"
        others = ", ".join(f"`{one}`" for one in found if one != rule) or "—"
        lines.append(f"| {name} | `{rule}` | {'yes' if rule in found else 'no'} | {sure} | {others} |")
    return "\n".join([*lines, "", f"Hits: {hits} of {len(FAULTS)}."])


def test_the_table_of_the_docs_is_what_is_found():
    """No false positive, every fault found; and the page says so (`python -m tests.rules.test_advice` writes it)."""
    found = table()
    assert f"False positives: 0 of {len(HEALTHY)}" in found
    assert f"Hits: {len(FAULTS)} of {len(FAULTS)}." in found
    assert _between(PAGE.read_text()) == found


def test_every_rule_is_in_the_docs():
    """With when it speaks."""
    page = PAGE.read_text()
    assert not [rule for rule in (*RULES, "out-of-memory") if f"| `{rule}` |" not in page]


def _between(page: str) -> str:
    return page.split("<!-- table -->\n")[1].split("\n<!-- end -->")[0]


if __name__ == "__main__":
    before, rest = PAGE.read_text().split("<!-- table -->\n")
    PAGE.write_text(f"{before}<!-- table -->\n{table()}\n<!-- end -->{rest.split('<!-- end -->')[1]}")
