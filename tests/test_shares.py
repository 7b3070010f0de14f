"""Whose energy it was: one moment's energy divided among those on the device, and its attribution over time."""

from __future__ import annotations

import pytest

from jupyter_gpumon.attribution.attribution import Attribution
from jupyter_gpumon.attribution.claims import Claim
from jupyter_gpumon.attribution.shares import Part, Present, divide, together

GB = 1e9


def _parts(joules, idle, *present):
    division = divide(joules, idle, present)
    assert sum(p.joules for p in division.parts.values()) + division.idle + division.unattributed == pytest.approx(
        joules, abs=1e-9
    )
    return division


def test_work_goes_by_utilisation_and_idle_by_memory():
    """300 J of which 60 J idle: 3 : 1 of the work, 1 : 2 of the idle part."""
    found = _parts(300, 60, Present("k1", 0.6, 10 * GB), Present("k2", 0.2, 20 * GB))
    assert found.parts["k1"].joules == pytest.approx(0.75 * 240 + 20)
    assert found.parts["k2"].joules == pytest.approx(0.25 * 240 + 40)
    assert (found.parts["k1"].idle, found.unattributed) == (pytest.approx(20), 0)


def test_the_only_one_at_work_has_all_of_it():
    """Also what the board draws without work: it is awake for this one. And there is no doubt about it."""
    found = _parts(300, 60, Present("k1", 0.6, GB), Present("k2", 0.0, 20 * GB))
    assert found.parts == {"k1": Part(300, 60, 300, 300)}


def test_without_utilisation_the_only_one_there_has_all_of_it():
    """As on a MIG instance; where two are there nobody knows whose the work was."""
    assert _parts(300, 60, Present("k1")).parts["k1"].joules == 300
    two = _parts(300, 60, Present("k1"), Present("k2"))
    assert (two.parts["k1"].joules, two.parts["k2"].joules, two.unattributed) == (30, 30, 240)


def test_what_is_nobodys_is_told_apart():
    """An empty board: its idle part, and work without an owner. Idle takes no more than there is."""
    assert (_parts(300, 60).idle, _parts(300, 60).unattributed) == (60, 240)
    assert (_parts(40, 60).idle, _parts(40, 60).unattributed) == (40, 0)


def test_where_all_rest_the_idle_part_is_shared_by_memory():
    """And what was drawn beyond it is nobody's."""
    found = _parts(100, 60, Present("k1", 0.0, GB), Present("k2", 0.0, 2 * GB))
    assert (found.parts["k1"].joules, found.parts["k2"].joules) == (pytest.approx(20), pytest.approx(40))
    assert found.unattributed == pytest.approx(40)


def test_a_share_is_told_with_its_doubt():
    """Busy time is not power: a fifth of the share either way, and no more than all of the work."""
    part = _parts(340, 40, Present("k1", 0.5), Present("k2", 0.5)).parts["k1"]
    assert (part.low, part.joules, part.high) == (pytest.approx(20 + 120), pytest.approx(170), pytest.approx(20 + 180))
    most = _parts(340, 40, Present("k1", 0.95), Present("k2", 0.05)).parts["k1"]
    assert most.high == pytest.approx(20 + 300)


def test_one_whose_activity_is_unknown_takes_nothing_from_the_bounds():
    """Beside one at work it may have done anything between nothing and all."""
    found = _parts(300, 60, Present("k1", 0.5, GB), Present("k2", None, GB))
    assert (found.parts["k2"].low, found.parts["k2"].high) == (30, 270)


def test_processes_of_one_kernel_are_one():
    """Their activity and memory add up; memory that one of them does not tell is unknown for all."""
    rows = [Present("k1", 0.5, GB), Present("k1", 0.7, GB), Present("k2", None, None), Present("k2", 0.1, GB)]
    assert together(rows) == (Present("k1", 1.0, 2 * GB), Present("k2", 0.1, None))


def _curve(watts):
    return lambda moments: [watts * moment for moment in moments]


def _begun(*present):
    attribution = Attribution("k1")
    attribution.begin("g", 0.0)
    for second in range(1, 21):
        attribution.look("g", float(second), present)
    return attribution


def test_cells_side_by_side_share_and_their_sum_is_the_whole():
    """One from 0 to 10 s, one from 5 to 15 s, 100 W: 750 J each, and each names the other."""
    attribution = _begun(Present("k1", 1.0))
    attribution.open(Claim("a", "k1", 0.0))
    attribution.open(Claim("b", "k1", 5.0))
    attribution.close("a", 10.0)
    attribution.close("b", 15.0)
    attribution.advance("g", 20.0, _curve(100.0), 40.0)
    a, b = attribution.charge("g", "a"), attribution.charge("g", "b")
    assert (a.joules, b.joules) == (pytest.approx(750), pytest.approx(750))
    assert (a.whole, a.others, a.company) == (pytest.approx(1000), pytest.approx(250), {"b"})
    sums = attribution.sums()["g"]
    assert sums.cells["k1"] == pytest.approx(1500)
    assert sums.background["k1"] == pytest.approx(500)
    assert sums.total == pytest.approx(2000)


def test_a_claim_within_another_is_in_both_and_counted_once():
    """The outer one with and without it; neither is called shared."""
    attribution = _begun(Present("k1", 1.0))
    attribution.open(Claim("outer", "k1", 0.0))
    attribution.open(Claim("inner", "k1", 2.0, parent="outer"))
    attribution.close("inner", 5.0)
    attribution.close("outer", 10.0)
    attribution.advance("g", 12.0, _curve(100.0))
    outer, inner = attribution.charge("g", "outer"), attribution.charge("g", "inner")
    assert (outer.joules, outer.exclusive, inner.joules) == tuple(map(pytest.approx, (1000, 700, 300)))
    assert (outer.company, inner.company, outer.nested) == (set(), set(), True)
    assert attribution.sums()["g"].cells["k1"] == pytest.approx(1000)


def test_a_part_without_a_record_leaves_its_energy_to_what_is_round_it():
    """As the windows of a repeated cell: what is measured within one has a record, and is taken off the cell's."""
    attribution = Attribution("k1")
    attribution.begin("g", 0.0)
    attribution.look("g", 2.5, ())
    attribution.look("g", 20.0, (Present("k1", 1.0),))
    attribution.open(Claim("cell", "k1", 0.0))
    attribution.open(Claim("window", "k1", 2.0, parent="cell", part=True))
    attribution.close("window", 5.0)
    attribution.open(Claim("other window", "k1", 6.0, parent="cell", part=True))
    attribution.advance("g", 7.0, _curve(100.0))
    attribution.adopt("g", "window")
    cell = attribution.charge("g", "cell")
    assert (cell.joules, cell.exclusive, cell.nested) == (pytest.approx(500), pytest.approx(500), False)
    attribution.open(Claim("measure", "k1", 7.0, parent="other window"))
    attribution.close("measure", 8.0)
    attribution.close("other window", 9.0)
    attribution.close("cell", 10.0)
    attribution.advance("g", 10.0, _curve(100.0))
    attribution.adopt("g", "cell")
    cell = attribution.charge("g", "cell")
    assert (cell.joules, cell.exclusive, cell.nested) == (pytest.approx(1000), pytest.approx(900), True)
    assert attribution.charge("g", "window").joules == pytest.approx(300)
    assert attribution.charge("g", "measure").exclusive == pytest.approx(100)


def test_tasks_side_by_side_within_a_cell_share_what_is_the_cells():
    """Two coroutines of one cell: half each, and the cell has both."""
    attribution = _begun(Present("k1", 1.0))
    attribution.open(Claim("cell", "k1", 0.0))
    for name in ("x", "y"):
        attribution.open(Claim(name, "k1", 0.0, parent="cell"))
        attribution.close(name, 4.0)
    attribution.close("cell", 4.0)
    attribution.advance("g", 4.0, _curve(100.0))
    assert [attribution.charge("g", key).joules for key in ("x", "y", "cell")] == [200, 200, 400]
    assert attribution.charge("g", "cell").exclusive == 0
    assert attribution.charge("g", "x").company == {"y"}


def test_what_is_charged_already_stays_when_the_curve_is_corrected():
    """A later reading that corrects an earlier one moves nothing between past and future: the sum stays the counter."""
    attribution = _begun(Present("k1", 1.0))
    attribution.open(Claim("a", "k1", 0.0))
    attribution.advance("g", 5.0, lambda ts: [100 * t + 3 for t in ts])
    attribution.advance("g", 10.0, lambda ts: [100 * t for t in ts])
    assert attribution.sums()["g"].total == pytest.approx(1000 - 3)


def test_a_counter_that_begins_anew_charges_nothing_for_that_time():
    """The seconds are called unknown; what comes after is charged again."""
    attribution = _begun(Present("k1", 1.0))
    attribution.open(Claim("a", "k1", 0.0))
    attribution.advance("g", 5.0, lambda ts: [10_000 + 100 * t for t in ts])
    attribution.look("g", 6.0, (Present("k1", 1.0),))
    attribution.advance("g", 10.0, lambda ts: [100 * (t - 6) if t >= 6 else None for t in ts])
    sums, charge = attribution.sums()["g"], attribution.charge("g", "a")
    assert (sums.total, sums.unknown, charge.unknown) == (pytest.approx(900), pytest.approx(1), pytest.approx(1))


def test_work_that_outlives_a_claim_is_its_background_until_the_next():
    """The cell ends at 5 s, its work goes on until 8 s, the kernel rests until the next cell at 12 s."""
    attribution = Attribution("k1")
    attribution.begin("g", 0.0)
    for second in range(1, 21):
        attribution.look("g", float(second), (Present("k1", 0.0 if 8 < second <= 12 else 1.0),))
    attribution.open(Claim("a", "k1", 0.0))
    attribution.close("a", 5.0)
    attribution.open(Claim("b", "k1", 12.0))
    attribution.advance("g", 20.0, _curve(100.0))
    sums = attribution.sums()["g"]
    assert attribution.charge("g", "a").background == pytest.approx(300)
    assert (sums.background["k1"], sums.between["k1"]) == (pytest.approx(300), pytest.approx(400))


def test_the_end_of_a_cells_own_work_is_no_background():
    """The look after the cell reaches back into it and sees its work; the next one sees rest."""
    attribution = Attribution("k1")
    attribution.begin("g", 0.0)
    for second in range(1, 11):
        attribution.look("g", float(second), (Present("k1", 1.0 if second <= 5 else 0.0),))
    attribution.open(Claim("a", "k1", 0.0))
    attribution.close("a", 4.2)
    attribution.advance("g", 10.0, _curve(100.0))
    assert attribution.charge("g", "a").background == 0
    assert attribution.sums()["g"].between["k1"] == pytest.approx(580)


def test_what_is_not_measured_is_no_background():
    """A cell that nobody measures ends the background of the one before."""
    attribution = _begun(Present("k1", 1.0))
    attribution.open(Claim("a", "k1", 0.0))
    attribution.close("a", 5.0)
    attribution.mark("k1", 8.0)
    attribution.advance("g", 20.0, _curve(100.0))
    assert attribution.charge("g", "a").background == pytest.approx(300)
    assert attribution.sums()["g"].between["k1"] == pytest.approx(1200)


def test_what_was_nobodys_is_adopted_by_the_only_claim():
    """The process was seen on the device only halfway through the cell, and nobody else ever was."""
    attribution = Attribution("k1")
    attribution.begin("g", 0.0)
    attribution.look("g", 5.0, ())
    attribution.look("g", 10.0, (Present("k1", 1.0),))
    attribution.open(Claim("outer", "k1", 0.0))
    attribution.open(Claim("inner", "k1", 2.0, parent="outer"))
    attribution.close("inner", 8.0)
    attribution.close("outer", 10.0)
    attribution.advance("g", 10.0, _curve(100.0), 60.0)
    assert attribution.charge("g", "inner").joules == pytest.approx(300)
    attribution.adopt("g", "inner")
    attribution.adopt("g", "outer")
    inner, outer, sums = attribution.charge("g", "inner"), attribution.charge("g", "outer"), attribution.sums()["g"]
    assert (inner.joules, outer.joules, outer.exclusive) == tuple(map(pytest.approx, (600, 1000, 400)))
    assert (sums.cells["k1"], sums.idle, sums.unattributed) == (pytest.approx(1000), pytest.approx(0), pytest.approx(0))


def test_a_claim_that_is_none_leaves_what_was_within_it():
    """As the summary of a cell in whose place %%gpumon measures."""
    attribution = _begun(Present("k1", 1.0))
    attribution.open(Claim("cell", "k1", 0.0))
    attribution.open(Claim("summary", "k1", 1.0, parent="cell"))
    attribution.open(Claim("magic", "k1", 2.0, parent="summary"))
    attribution.forget("summary")
    attribution.advance("g", 10.0, _curve(100.0))
    assert attribution.charge("g", "cell").joules == pytest.approx(1000)
    assert attribution.charge("g", "cell").exclusive == pytest.approx(200)


def test_others_are_charged_though_they_claim_nothing():
    """Another user's process at work beside ours."""
    attribution = _begun(Present("k1", 0.5), Present("others", 0.5))
    attribution.open(Claim("a", "k1", 0.0))
    attribution.close("a", 10.0)
    attribution.advance("g", 10.0, _curve(100.0))
    charge = attribution.charge("g", "a")
    assert (charge.joules, charge.others, charge.company) == (500, 500, {"others"})
    assert attribution.sums()["g"].others == {"others": pytest.approx(500)}
    assert (charge.low, charge.high) == (pytest.approx(400), pytest.approx(600))


def test_thousands_of_cells_are_not_kept_for_a_device_that_is_gone():
    """One device goes on, another stopped answering at the start: what is looked through at each turn stays short."""
    attribution = Attribution("k1")
    attribution.begin("g", 0.0)
    attribution.begin("gone", 0.0)
    for second in range(1, 3001):
        attribution.look("g", float(second), (Present("k1", 1.0),))
        attribution.open(Claim(f"c{second}", "k1", second - 1.0))
        attribution.close(f"c{second}", second - 0.5)
        attribution.advance("g", float(second), _curve(100.0))
    assert len(attribution._recent) < 200
    assert len(attribution._claims) <= 2001
    assert attribution.sums()["g"].cells["k1"] == pytest.approx(150_000)
