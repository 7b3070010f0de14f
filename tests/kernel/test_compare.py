"""Comparing two measurements: in plain words, with the test that fits what is known of them."""

from __future__ import annotations

import pytest
from msgspec import json, structs

from jupyter_gpumon.kernel import completion
from jupyter_gpumon.kernel.compare import CompareError, earlier, sentence
from jupyter_gpumon.kernel.repeat import _interval
from jupyter_gpumon.model import Cell, CellDevice, Energy, Repeats

GPU = CellDevice(name="gpu0", model="H200")


def _cell(title, joules, half, **more):
    return Cell(
        title=title, start=0.0, end=1.0, devices=(GPU,),
        energy={"gpu0": Energy(joules=joules, low=joules - half, high=joules + half)}, **more,
    )  # fmt: skip


def _repeated(title, values):
    found = Repeats(runs=len(values), joules=tuple(values), seconds=0.1, **_interval(tuple(values), Energy(), 1))
    return _cell(title, sum(values), 1.0, repeats=found)


BASE = _repeated("base", [100.0, 101.0, 99.0, 100.5, 99.5])


def test_repeated_cells_are_compared_by_welchs_test():
    """15 % less, far beyond the spread: significant, and the scale cancels."""
    words = sentence(_repeated("new", [85.0, 86.0, 84.0, 85.5, 84.5]), BASE)
    assert words.startswith("15 % less energy per run than “base” (16 % less to 14 % less): significant, p < 0.001 by")
    assert "Welch's t test over 5 and 5 windows" in words
    assert "common to both and cancels" in words


def test_what_may_be_chance_is_said_to_be_no_difference():
    """Half a per cent more with one per cent of spread."""
    words = sentence(_repeated("new", [100.5, 101.5, 99.5, 101.0, 100.0]), BASE)
    assert words.startswith("no significant difference from “base” per run: 0.5 % more energy (")
    assert "less to" in words


def test_single_runs_are_compared_by_their_intervals():
    """And it is said that these do not tell how much runs vary."""
    words = sentence(_cell("new", 80.0, 2.0), _cell("base", 100.0, 2.0))
    assert words.startswith("20 % less energy than “base” (23 % less to 17 % less): significant")
    assert "which do not tell how much runs vary" in words
    assert sentence(_cell("new", 99.0, 2.0), _cell("base", 100.0, 2.0)).startswith("no significant difference")


def test_what_both_have_counted_is_what_is_compared():
    """Twice the energy for four times the tokens is half per token."""
    words = sentence(
        _cell("new", 200.0, 1.0, counts={"token": 4000.0}), _cell("base", 100.0, 1.0, counts={"token": 1000.0})
    )
    assert words.startswith("50 % less energy per token than “base”")


def test_a_bound_cannot_be_compared():
    """There is no number to be greater or less."""
    short = structs.replace(BASE, repeats=None, energy={"gpu0": Energy(high=9.0)})
    assert "only a bound is known" in sentence(short, BASE)


def test_another_board_has_another_scale():
    """It does not cancel."""
    other = structs.replace(BASE, devices=(CellDevice(name="gpu0", model="L4"),))
    assert "up to 5 % off" in sentence(BASE, other)


def test_the_latest_of_a_title_is_meant_or_a_file(monkeypatch, tmp_path):
    """And what there is is named where there is no such thing."""
    monkeypatch.setattr(completion, "done", [_cell("a", 1.0, 0.1), _cell("a", 2.0, 0.1), _cell("b", 3.0, 0.1)])
    assert earlier("a").energy["gpu0"].joules == 2.0
    saved = tmp_path / "old.json"
    saved.write_bytes(json.encode(BASE))
    assert earlier(str(saved)) == BASE
    with pytest.raises(CompareError, match="There are: a, b"):
        earlier("c")
    saved.write_text("[]")
    with pytest.raises(CompareError, match="holds no record"):
        earlier(str(saved))
