"""How a record reads: the badge's words, as text and as HTML, from numbers alone."""

from __future__ import annotations

import pytest
from msgspec import structs

from jupyter_gpumon.model import Cell, CellDevice, Energy, Footprint, Repeats, Sensor
from jupyter_gpumon.report import preference
from jupyter_gpumon.report.amounts import charge, net
from jupyter_gpumon.report.cells import altogether
from jupyter_gpumon.report.method import sensor, statement
from jupyter_gpumon.report.record import MIME, bundle, saved
from jupyter_gpumon.report.words import energy, headline, small_print, total

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
    assert headline(CELL) == ("4.13 kJ ±0.6 % · 12.4 s · mean 333 W · peak 512 W · 38.2 GB peak (+6.10 GB) · 91 % busy")
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


PARTS = Energy(joules=4130.0, low=4105.2, high=4154.8, least=4000.0, most=4260.0, idle=430.0, tail=12.0)


def _with(**changes):
    return structs.replace(CELL, **changes)


def test_net_stands_beside_gross():
    """What the work itself took."""
    assert headline(_with(energy={"gpu0": PARTS})).startswith("4.13 kJ ±0.6 % · net 3.70 kJ · 12.4 s · ")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Energy(joules=62.0, low=60.0, high=64.0, idle=65.0), "net -3.00 J ± 2.00 J"),
        (Energy(joules=62.0, low=60.0, high=64.0, idle=60.0), "net 2.00 J ± 2.00 J"),
        (Energy(joules=5.0, low=0.0, high=18.0, idle=1.0), ""),
        (Energy(joules=62.0), ""),
    ],
)
def test_net_is_never_cut_off_at_zero(value, words):
    """Within the noise it may be negative; where the energy is only bounded there is no net."""
    assert net(value) == words


def test_an_estimate_is_called_one_and_is_in_no_measured_sum():
    """Two GPUs: one measured, one estimated."""
    both = _with(
        devices=(GPU, CellDevice(name="gpu1:0", model="H200 MIG")),
        energy={"gpu0": PARTS, "gpu1:0": Energy(joules=900.0, high=3000.0, method="estimate")},
    )
    assert headline(both).startswith("4.13 kJ ±0.6 % and apart from it 900 J (estimate, ≤ 3.00 kJ)")
    assert charge(both).whole.joules == 4130.0
    alone = _with(energy={"gpu0": Energy(joules=900.0, method="estimate")})
    assert headline(alone).startswith("900 J (estimate) · ")


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("J", "4130 J ±0.6 %"),
        ("kj", "4.13 kJ ±0.6 %"),
        ("Wh", "1.15 Wh ±0.6 %"),
        ("kWh", "0.00115 kWh ±0.6 %"),
        ("auto", "4.13 kJ ±0.6 %"),
    ],
)
def test_energies_are_said_in_the_unit_that_was_chosen(unit, words, monkeypatch):
    """The record itself stays in joules."""
    monkeypatch.setattr(preference, "_chosen", None)
    preference.choose(unit)
    assert headline(CELL).startswith(words)
    assert saved(CELL)["energy"]["gpu0"]["joules"] == 4130.0


def test_the_environment_chooses_a_unit_too(monkeypatch):
    """And %gpumon units goes before it; what is no unit is not taken."""
    monkeypatch.setattr(preference, "_chosen", None)
    monkeypatch.setenv("GPUMON_UNITS", "Wh")
    assert preference.unit() == "Wh"
    with pytest.raises(preference.UnitError, match="J, kJ, Wh, kWh or auto, not 'cal'"):
        preference.choose("cal")
    preference.choose("J")
    assert preference.unit() == "J"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(99.9999, 100.0001, "±0.01 %"), (98.765, 101.235, "±1.2 %"), (87.7, 112.3, "±12 %"), (60.0, 140.0, "±40 %")],
)
def test_a_half_width_has_two_digits_at_most(low, high, words):
    """And is never a power of ten."""
    assert energy(Energy(joules=100.0, low=low, high=high)) == f"100 J {words}"


def test_what_was_counted_has_its_price():
    """Energy per token."""
    assert " · 2.06 J per token · " in headline(_with(counts={"token": 2000.0}))
    assert "per token" not in headline(_with(counts={"token": 2000.0}, energy={"gpu0": Energy(high=9.0)}))


def test_a_repeated_cell_says_what_one_run_costs():
    """Mean, interval, deviation and how often."""
    repeats = Repeats(
        runs=36, batch=3, joules=(10.0,) * 12, seconds=0.035, mean=10.0, deviation=0.2, low=9.9, high=10.1
    )
    assert headline(_with(repeats=repeats)).startswith(
        "10.0 J ±1 % per run · sd 200 mJ · 35 ms per run · 36 runs in 12 windows"
    )


def test_the_details_tell_the_parts_apart():
    """Hard interval, idle share, net and tail are columns; columns in which nothing is known are not there."""
    page = bundle(_with(energy={"gpu0": PARTS}))["text/html"].replace("\u00a0", " ")
    for words in ("4.00 kJ to 4.26 kJ", "430 J", "3.70 kJ ± 24.8 J", "12.0 J", "likelihood of 95 %", "up to 5 % off"):
        assert words in page
    assert "of nobody" not in page
    assert "of nobody" in bundle(_with(energy={"gpu0": structs.replace(PARTS, unattributed=3.0)}))["text/html"]


def test_a_shared_gpu_says_whose_energy_is_in_the_number():
    """With an attribution the others are not in it; without one they are."""
    shared = _with(shared={"gpu0": 2}, corunning=("k2", "0123456789abcdef"))
    assert "shared with 2 other processes: theirs is in these numbers" in small_print(shared)
    assert "ran beside k2, 1 other cell of this notebook" in small_print(shared)
    told = structs.replace(shared, energy={"gpu0": structs.replace(PARTS, others=80.0, unattributed=5.0)})
    assert "80.0 J charged to others, 5.00 J to nobody, not in these numbers" in small_print(told)


def test_work_that_outlived_the_cell_is_told():
    """Background energy is not in the cell's own number."""
    assert "55.0 J more after it" in small_print(_with(background={"gpu0": Energy(joules=55.0)}))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (Sensor(period=0.1, agreement=1.004, checked=1.0), "counter, 100 ms, agrees with power within 0.4 %"),
        (Sensor(method="instant", duty=0.25, reason="the counter stands still"), "(the counter stands still)"),
        (None, "counter, 100 ms"),
    ],
)
def test_a_sensor_says_what_a_trial_of_it_found(known, words):
    """And why another one is used; without a trial, what the ledger found."""
    assert sensor(structs.replace(GPU, sensor=known)).endswith(words)


def test_the_statement_of_method_names_what_widens_an_interval():
    """Warnings, sensors and simulation."""
    value = structs.replace(PARTS, warning="periodic load may be aliased")
    said = " ".join(statement([_with(energy={"gpu0": value}, simulated=True)]))
    assert "Measured by: H200: counter, 100 ms." in said
    assert "The GPUs are simulated." in said
    assert "Periodic load may be aliased." in said


def test_carbon_and_cost_come_with_their_source():
    """In the second line in short, in the details in full; PUE is always told."""
    value = Footprint(
        joules=4130.0, pue=1.2, region="DE", grams=0.51, grams_low=0.5, grams_high=0.52, intensity=371.0,
        intensity_year=2024, intensity_source="Ember", intensity_terms="CC BY 4.0", cost=0.00041, currency="EUR",
        price=0.3, price_source="flat",
    )  # fmt: skip
    assert "510 mg CO₂e (DE 2024: 371 g/kWh, Ember, PUE 1.2)" in small_print(_with(footprint=value))
    assert "[CC BY 4.0]" in bundle(_with(footprint=value))["text/html"]
