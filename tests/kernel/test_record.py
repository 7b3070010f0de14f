"""How a record reads: the badge's words, as text and as HTML, from numbers alone."""

from __future__ import annotations

import pytest

from jupyter_gpumon.kernel.record import MIME, bundle, saved
from jupyter_gpumon.kernel.report import altogether
from jupyter_gpumon.kernel.words import energy, headline, small_print, total
from jupyter_gpumon.model import Cell, CellDevice, Energy

GPU = CellDevice(name="gpu0", model="H200", counter_period=0.1)
CELL = Cell(
    start=100.0,
    end=112.4,
    devices=(GPU,),
    energy={"gpu0": Energy(joules=4130.0, low=4105.2, high=4154.8)},
    mean={"gpu0": {"power": 333.0, "utilization": 0.91}},
    peak={"gpu0": {"power": 512.0, "memory_used": 38.2e9}},
    rise={"gpu0": {"memory_used": 6.1e9}},
    delta={"gpu0": {"held_power_cap": 2.1}},
    notebook="a.ipynb",
    cell_id="c1",
    kernel_id="k1",
)


def test_the_badge_reads_as_in_the_readme():
    """One line for everybody, a second for a careful reader."""
    assert headline(CELL) == ("4.13 kJ ±0.6 % · 12.4 s · mean 333 W, peak 512 W · 38.2 GB peak (+6.10 GB) · 91 % busy")
    assert small_print(CELL) == "power cap held it back for 2.10 s · energy counter, 100 ms"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Energy(joules=100.0, low=88.0, high=112.0), "100 J ±12 %"),
        (Energy(high=18.0), "≤ 18.0 J"),
        (Energy(joules=5.0, low=0.0, high=18.0), "≤ 18.0 J"),
        (Energy(), "energy unknown"),
        (Energy(joules=50.0, method="power"), "50.0 J"),
        (Energy(joules=50.0, method="power", final=False), "about 50.0 J"),
    ],
)
def test_energy_is_never_a_bare_zero(value, words):
    """What cannot be resolved is bounded, what is not known is said to be."""
    assert energy(value) == words


def test_a_sum_is_only_as_good_as_its_parts():
    """One unresolved part leaves a bound; one unknown part leaves nothing."""
    known, bounded = Energy(joules=10.0, low=9.0, high=11.0), Energy(high=2.0)
    assert total([known, known]) == Energy(joules=20.0, low=18.0, high=22.0)
    assert total([known, bounded]).joules is None
    assert total([known, bounded]).high == 13.0
    assert total([known, Energy()]).high is None
    assert total([]).joules is None


def test_gpus_that_were_not_used_are_not_in_the_sum():
    """They are listed apart."""
    idle = CellDevice(name="gpu1", model="H200", used=False)
    cell = Cell(
        start=0.0, end=1.0, devices=(GPU, idle), energy={"gpu0": Energy(joules=9.0), "gpu1": Energy(joules=70.0)}
    )
    assert headline(cell).startswith("9.00 J · 1.00 s")
    assert "gpu1 (not used)" in bundle(cell)["text/html"]


def test_a_cell_that_used_no_gpu_says_so():
    """It has not cost 0 J: it has not used one."""
    cell = Cell(start=0.0, end=1.0, devices=(CellDevice(name="gpu0", model="H200", used=False),))
    assert headline(cell) == "no GPU used · 1.00 s"


def test_where_no_gpu_is_known_nothing_was_measured():
    """Which is another thing than a cell that used none; the reason is said once."""
    cell = Cell(start=0.0, end=1.0, notes=("The NVIDIA driver is not installed.",))
    assert headline(cell) == "not measured: The NVIDIA driver is not installed · 1.00 s"
    assert small_print(cell) == ""


def test_a_short_cell_does_not_take_the_number_from_a_reports_sum():
    """A bound widens the interval: 0 to 7 J more."""
    whole = altogether([Energy(joules=4300.0, low=4270.0, high=4330.0), Energy(high=7.0)])
    assert whole == Energy(joules=4303.5, low=4270.0, high=4337.0)
    assert energy(whole) == "4.30 kJ ±0.78 %"
    assert altogether([whole, Energy()]).joules is None


def test_what_is_saved_leaves_out_who_and_where():
    """No notebook, cell or kernel; status, finality and method are there by name."""
    record = saved(CELL)
    assert not {"notebook", "cell_id", "kernel_id"} & set(record)
    assert (record["status"], record["final"], record["energy"]["gpu0"]["method"]) == ("ok", True, "counter")
    assert set(bundle(CELL)) == {"text/plain", "text/html", MIME}


def test_the_html_holds_no_script_and_escapes_all_words():
    """Titles, notes and models are text."""
    cell = Cell(
        title="<b>t</b>", start=0.0, end=1.0, notes=("<i>n</i>",),
        devices=(GPU, CellDevice(name="gpu1", model="<u>m</u>")),
    )  # fmt: skip
    page = bundle(cell)["text/html"]
    assert not any(tag in page for tag in ("<b>t", "<i>", "<u>", "<script"))
