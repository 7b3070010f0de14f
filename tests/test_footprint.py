"""Carbon and cost: the table, prices by time of use, ranges carried through, sums, and the words for them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpumon.carbon import footprint, grid, setting, tariff
from jupyter_gpumon.errors import RatesError
from jupyter_gpumon.model import Energy, Footprint
from jupyter_gpumon.rates import Hour, Price, Rates

KWH = 3.6e6
BERLIN = "Europe/Berlin"
NIGHT = {
    "currency": "EUR",
    "times": [{"from": "22:00", "to": "06:00", "days": "mon-fri", "price": 0.20}],
    "otherwise": 0.30,
    "timezone": BERLIN,
}


def unix(text: str, zone: str = BERLIN, *, fold: int = 0) -> float:
    """Unix time of a local one."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def measured(joules: float, spread: float = 0.0) -> Energy:
    return Energy(joules=joules, low=joules - spread, high=joules + spread)


# --- the table -------------------------------------------------------------------------------------------------------


def test_a_country_is_found_by_either_code_with_its_year_and_licence():
    """Two or three letters, any case; the numbers are the source's."""
    germany = grid.intensity("de")
    assert (germany.place, germany.name, germany.year) == ("DE", "Germany", 2023)
    assert germany.grams == pytest.approx(380.95, abs=0.06)
    assert grid.intensity("DEU") == germany
    assert "CC BY 4.0" in germany.terms
    assert "not marginal" in germany.terms
    assert "life-cycle" in germany.terms
    assert grid.intensity("UK") == grid.intensity("GBR")


def test_a_zone_has_the_intensity_of_its_country_offline():
    """And says so: the place is the country."""
    assert grid.intensity("US-CAL-CISO") == grid.intensity("US")
    assert grid.zone("USA-CAL-CISO") == "US-CAL-CISO"


def test_the_world_is_there_only_on_request():
    """A country that is not in the table is an error, not the world's mean."""
    assert 400 < grid.intensity("WORLD").grams < 500
    with pytest.raises(RatesError, match="'XX'"):
        grid.intensity("XX")


@pytest.mark.parametrize(
    ("wrong", "hint"), [("Germany", "Germany is DE"), ("swedn", "Sweden is SE"), ("", "DE or DEU")]
)
def test_a_wrong_region_is_told_which_is_meant(wrong, hint):
    """A name, a slip, nothing."""
    with pytest.raises(RatesError, match=hint):
        grid.intensity(wrong)


def test_every_row_of_the_table_is_plausible():
    """No 0, nothing above brown coal's worst, no code twice, a year on each."""
    rows = grid.table()["countries"]
    assert len(rows) > 200
    assert all(len(code) == 3 for code in rows if code != grid.WORLD)
    assert all(0 < grams < 1500 and 2000 < year < 2030 for _, _, grams, year in rows.values())
    short = [row[0] for row in rows.values() if row[0]]
    assert len(short) == len(set(short))


def test_a_new_edition_of_the_source_makes_a_new_table(tmp_path):
    """The latest year of each country; continents, gaps and rounded zeros are left out; codes are kept."""
    page = tmp_path / "owid-energy-data.csv"
    page.write_text(
        "country,year,iso_code,carbon_intensity_elec\nGermany,2023,DEU,380.95\nGermany,2025,DEU,330.12\n"
        "Germany,2024,DEU,342.06\nEurope,2025,,290\nFrance,2025,FRA,\nFrance,2024,FRA,44.18\nChad,2024,TCD,0\n"
    )
    command = [sys.executable, "-m", "jupyter_gpumon.carbon.grid", "build", str(page)]
    made = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout)
    assert made["countries"]["DEU"] == ["DE", "Germany", 330.1, 2025]
    assert made["countries"]["FRA"] == ["FR", "France", 44.2, 2024]
    assert set(made["countries"]) == {"DEU", "FRA", "WORLD"}


def test_the_table_is_what_its_builder_makes(tmp_path):
    """Nobody has changed a number by hand: built from its own rows it is the same file."""
    rows = grid.table()["countries"].items()
    lines = [(code, name, grams, year) for code, (_, name, grams, year) in rows if code != grid.WORLD]
    assert grid.build(lines) == Path(grid.TABLE).read_text(encoding="utf-8")


# --- prices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["0.31 EUR", "0.31EUR/kWh", {"currency": "EUR", "flat": 0.31}, '{"currency": "EUR", "flat": 0.31}']
)
def test_a_flat_price_in_each_way_to_write_it(value):
    """Text, a table, JSON (for the environment)."""
    assert tariff.parse(value) == Price(currency="EUR", otherwise=0.31)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("0.31", "its currency"),
        ("EUR 0.31", "price of a kWh and its currency"),
        ("{", "not valid JSON"),
        (0.31, "is not a price"),
        ({"flat": 0.31}, "no currency"),
        ({"currency": "EUR"}, 'neither "flat" nor a list "times"'),
        ({"currency": "EUR", "flat": "cheap"}, "\"flat\" is 'cheap'"),
        ({"currency": "EUR", "flat": True}, '"flat" is True'),
        ({"currency": "EUR", "flat": float("nan")}, '"flat" is nan'),
        ({"currency": "EUR", "flat": 1, "otherwise": 2}, "not both"),
        ({"currency": "EUR", "flat": 1, "curency": 2}, 'do you mean "currency"'),
        ({**NIGHT, "timezone": "Berlin"}, "time zone 'Berlin'"),
        ({**NIGHT, "timezone": "../../etc/passwd"}, "time zone"),
        ({**NIGHT, "times": [{"form": "22:00"}]}, 'do you mean "from"'),
        ({**NIGHT, "times": [{"from": "22:00", "to": "06:00"}]}, 'entry 1 of "times" has no "price"'),
        ({**NIGHT, "times": [{"from": "22:00", "to": "6", "price": 1}]}, "the time '6'"),
        ({**NIGHT, "times": [{"from": "24:30", "to": "06:00", "price": 1}]}, "the time '24:30'"),
        ({**NIGHT, "times": [{"from": "08:00", "to": "08:00", "price": 1}]}, '"00:00" to "24:00"'),
        ({**NIGHT, "times": [{"from": "08:00", "to": "09:00", "price": 1, "days": "mo-fr"}]}, "the day 'mo'"),
        ({**NIGHT, "times": [{"from": "08:00", "to": "09:00", "price": 1, "days": "mon-tue-fri"}]}, "the days"),
        ({**NIGHT, "times": ["22:00"]}, "not a table"),
        ({"currency": "EUR", "times": NIGHT["times"]}, "no price for Mon 00:00"),
    ],
    ids=str,
)
def test_a_wrong_price_is_told_which_part_is_wrong(value, says):
    """The message names the entry, the key and a right form."""
    with pytest.raises(RatesError) as error:
        tariff.parse(value)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("moment", "price"),
    [
        ("2026-11-20T21:59:59", 0.30),  # Friday
        ("2026-11-20T22:00", 0.20),
        ("2026-11-21T05:59:59", 0.20),  # Friday's night lasts into Saturday
        ("2026-11-21T06:00", 0.30),
        ("2026-11-21T23:00", 0.30),  # Saturday has none
        ("2026-11-23T03:00", 0.30),  # Monday's early hours are Sunday's night
        ("2026-11-23T22:30", 0.20),
    ],
)
def test_a_night_over_midnight_belongs_to_the_day_it_begins_on(moment, price):
    """``mon-fri`` 22:00 to 06:00."""
    assert tariff.at(tariff.parse(NIGHT), unix(moment)) == price


def test_a_window_over_a_change_has_the_mean_by_time():
    """One hour dear, three hours cheap."""
    price = tariff.parse(NIGHT)
    assert tariff.mean(price, unix("2026-11-18T21:00"), unix("2026-11-19T01:00")) == (pytest.approx(0.225), 2)
    assert tariff.mean(price, unix("2026-11-18T12:00"), unix("2026-11-18T13:00")) == (pytest.approx(0.30), 1)
    assert tariff.mean(price, unix("2026-11-18T23:00"), unix("2026-11-18T23:00")) == (0.20, 1)


@pytest.mark.parametrize(
    ("start", "end", "night"),
    [("2026-03-28T12:00", "2026-03-29T12:00", 7), ("2026-10-24T12:00", "2026-10-25T12:00", 9)],
    ids=["spring", "autumn"],
)
def test_the_night_of_a_changed_clock_has_another_number_of_hours(start, end, night):
    """In spring 22:00 to 06:00 lasts seven hours, in autumn nine; so does the day it is in."""
    price = tariff.parse({**NIGHT, "times": [{**NIGHT["times"][0], "days": "mon-sun"}]})
    seconds = unix(end) - unix(start)
    expected = (0.20 * night + 0.30 * (seconds / 3600 - night)) / (seconds / 3600)
    assert tariff.mean(price, unix(start), unix(end))[0] == pytest.approx(expected, abs=1e-12)


def test_an_hour_that_comes_twice_is_paid_twice():
    """02:00 to 03:00 of the night on which the clock is set back; and not at all where it is set forward."""
    price = tariff.parse({**NIGHT, "times": [{"from": "02:00", "to": "03:00", "price": 1.0}], "otherwise": 0.0})
    hours = [tariff.mean(price, unix(f"{day}T00:00"), unix(f"{day}T06:00"))[0] * n for day, n in
             (("2026-10-24", 6), ("2026-10-25", 7), ("2026-03-29", 5))]  # fmt: skip
    assert hours == pytest.approx([1, 2, 0])


def test_a_price_that_would_end_in_an_hour_that_is_not_ends_when_the_clock_is_set():
    """00:00 to 02:30 ends at 02:00, which is 03:00."""
    price = tariff.parse({**NIGHT, "times": [{"from": "00:00", "to": "02:30", "price": 1.0}], "otherwise": 0.0})
    assert tariff.mean(price, unix("2026-03-29T00:00"), unix("2026-03-29T05:00"))[0] * 4 == pytest.approx(2.0)


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
@given(
    change=st.sampled_from(["2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04"]),
    before=st.integers(0, 3 * 86400),
    seconds=st.integers(60, 4 * 86400),
    begin=st.integers(0, 95),
    length=st.integers(1, 95),
)
def test_the_mean_is_that_of_looking_every_minute(zone, change, before, seconds, begin, length):
    """Any band, any window near the days on which the clocks of these zones are set, by an hour, by half of one."""
    begin, end = begin * 15, (begin + length) * 15 % 1440
    band = {"from": f"{begin // 60:02}:{begin % 60:02}", "to": f"{end // 60:02}:{end % 60:02}", "days": "sat-mon"}
    price = tariff.parse({"currency": "X", "times": [{**band, "price": 1.0}], "otherwise": 0.0, "timezone": zone})
    start, seconds = (unix(change) + 86400 - before) // 60 * 60, seconds // 60 * 60
    looked = [tariff.at(price, start + 60 * minute) for minute in range(seconds // 60)]
    assert tariff.mean(price, start, start + seconds)[0] == pytest.approx(sum(looked) / len(looked), abs=1e-9)


def test_without_a_time_zone_the_machines_own_holds(monkeypatch):
    """``TZ`` of the process."""
    price = tariff.parse({key: value for key, value in NIGHT.items() if key != "timezone"})
    for zone, money in ((BERLIN, 0.20), ("America/New_York", 0.30)):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert tariff.at(price, unix("2026-11-18T23:00")) == money
    monkeypatch.undo()
    time.tzset()


# --- the footprint ---------------------------------------------------------------------------------------------------


def test_nothing_is_said_until_a_region_or_a_price_is_set():
    """Neither where no energy is known."""
    assert footprint.of([measured(1000)], 0, 10, None) is None
    assert footprint.of([measured(1000)], 0, 10, setting.rates()) is None
    assert footprint.of([], 0, 10, setting.rates("DE")) is None
    assert footprint.of([Energy()], 0, 10, setting.rates("DE")) is None


def test_ranges_are_carried_through_and_the_pue_is_applied_once():
    """Low, value and high have the same factor; the energy is told without the PUE."""
    at = setting.rates("DE", "0.30 EUR", 1.5)
    found = footprint.of([measured(KWH, 0.1 * KWH), measured(KWH, 0.1 * KWH)], 0, 10, at)
    grams = grid.intensity("DE").grams
    assert found.joules == pytest.approx(2 * KWH)
    assert (found.grams_low, found.grams, found.grams_high) == pytest.approx((2.7 * grams, 3 * grams, 3.3 * grams))
    assert (found.cost_low, found.cost, found.cost_high) == pytest.approx((0.81, 0.90, 0.99))
    assert found.pue == 1.5


def test_an_energy_that_is_only_bounded_has_a_bounded_footprint():
    """ "≤ x" stays "≤ x"."""
    found = footprint.of([Energy(high=0.01 * KWH)], 0, 10, setting.rates("DE", "0.30 EUR"))
    assert (found.grams, found.cost) == (None, None)
    assert found.grams_high == pytest.approx(3.809)
    assert footprint.words(found).startswith("≤ 3.8 g CO₂e")
    assert footprint.words(found).endswith("· ≤ 0.30 ct")


def test_a_price_below_zero_turns_the_range_round():
    """There are such hours: the most energy is then the least money."""
    found = footprint.of([measured(KWH, 0.1 * KWH)], 0, 10, setting.rates(price={"currency": "EUR", "flat": -0.1}))
    assert (found.cost_low, found.cost, found.cost_high) == pytest.approx((-0.11, -0.10, -0.09))


def test_what_is_estimated_is_never_added_to_what_is_measured():
    """And where there is nothing else, it is called an estimate."""
    estimate, at = Energy(joules=KWH, high=2 * KWH, method="estimate"), setting.rates("WORLD")
    both = footprint.of([measured(KWH), estimate], 0, 10, at)
    assert both.grams == pytest.approx(480)
    assert not both.estimate
    alone = footprint.of([estimate], 0, 10, at)
    assert alone.estimate
    assert footprint.words(alone) == "480 g CO₂e (estimate, WORLD 2023: 480 g/kWh, Ember, PUE 1.0)"


@given(st.lists(st.floats(1, 1e7), min_size=1, max_size=6), st.floats(1.0, 2.0))
def test_cells_add(joules, pue):
    """The footprint of a sum is the sum of footprints, and the mean intensity is that of each."""
    at = setting.rates("SE", "0.25 SEK", pue)
    added = footprint.total(footprint.of([measured(each, each / 50)], 0, 10, at) for each in joules)
    whole = footprint.of([measured(each, each / 50) for each in joules], 0, 10, at)
    for name in ("joules", "grams", "grams_low", "grams_high", "cost", "cost_low", "cost_high", "pue", "intensity"):
        assert getattr(added, name) == pytest.approx(getattr(whole, name)), name
    assert footprint.words(added) == footprint.words(whole)


def test_a_sum_over_places_prices_and_currencies_says_no_more_than_it_can():
    """Other regions are named; an unknown part makes the sum unknown; money of two kinds is not added."""
    de, fr = setting.rates("DE", "0.30 EUR"), setting.rates("FR", "0.30 USD", 1.2)
    parts = [footprint.of([measured(KWH)], 0, 10, at) for at in (de, fr)]
    found = footprint.total([*parts, None])
    assert found.region == "DE / FR"
    assert found.grams == pytest.approx(380.9 + 1.2 * grid.intensity("FR").grams)
    assert found.pue == pytest.approx(1.1)
    assert (found.cost, found.cost_high, found.currency) == (None, None, "")
    unresolved = footprint.total([parts[0], footprint.of([Energy(high=KWH)], 0, 10, de)])
    assert unresolved.grams is None
    assert unresolved.grams_high == pytest.approx(2 * 380.9)
    assert footprint.total([None]) is None


# --- live intensities ------------------------------------------------------------------------------------------------

LIVE = Rates(
    region="DE", place="DE", intensity=400.0, year=2023, source="Ember via OWID", terms="table",
    live_source="Electricity Maps", live_terms="live", hours=(Hour(time=3600, grams=100), Hour(time=7200, grams=300)),
)  # fmt: skip


def test_a_live_intensity_goes_before_the_years_mean_weighted_by_time():
    """A cell over the turn of an hour has the mean of both."""
    found = footprint.of([measured(KWH)], 6300, 7500, LIVE)
    assert found.intensity == pytest.approx(0.75 * 100 + 0.25 * 300)
    assert found.intensity_year is None
    assert footprint.words(found) == "150 g CO₂e (DE: 150 g/kWh, Electricity Maps, live, PUE 1.0)"


def test_where_live_intensities_are_missing_the_table_stands_in_and_it_is_said():
    """Before the first, and more than two hours after the last."""
    half = footprint.of([measured(KWH)], 0, 7200, LIVE)
    assert half.intensity == pytest.approx(250)
    assert "live for 50 % of the time, else Ember via OWID 2023" in half.intensity_source
    late = footprint.of([measured(KWH)], 7200 + 7201, 20_000, LIVE)
    assert (late.intensity, late.intensity_year, late.intensity_source) == (400, 2023, "Ember via OWID")


# --- settings and words ----------------------------------------------------------------------------------------------


def test_what_is_wrong_in_the_settings_is_said_and_the_rest_holds():
    """A wrong region does not take the price with it."""
    found = setting.rates("Germny", "0.30 EUR", 0.9)
    assert (found.region, found.intensity, found.pue) == ("", None, 1.0)
    assert found.price == Price(currency="EUR", otherwise=0.30)
    assert "Germany is DE" in found.problem
    assert "PUE of 0.9" in found.problem


def test_a_kernel_without_a_server_reads_the_environment():
    """``$GPUMON_REGION``, ``$GPUMON_PRICE`` and ``$GPUMON_PUE``."""
    words = {"GPUMON_REGION": "fr", "GPUMON_PRICE": "0.25 EUR", "GPUMON_PUE": "1.3"}
    assert setting.from_environment(words) == setting.rates("FR", "0.25 EUR", 1.3)
    assert setting.from_environment({}) == Rates()
    assert "$GPUMON_PUE is 'low'" in setting.from_environment({**words, "GPUMON_PUE": "low"}).problem


@pytest.mark.parametrize(
    ("joules", "region", "price", "pue", "line"),
    [
        (11_400, "DE", "0.30 EUR", 1.0, "1.2 g CO₂e (DE 2023: 381 g/kWh, Ember via OWID, PUE 1.0) · 0.095 ct"),
        (11_400, "DE", None, 1.25, "1.5 g CO₂e (DE 2023: 381 g/kWh, Ember via OWID, PUE 1.25)"),
        (100 * KWH, "DE", "0.30 CHF", 1.1, "42 kg CO₂e (DE 2023: 381 g/kWh, Ember via OWID, PUE 1.1) · 33.00 CHF"),
        (0.01, "DE", None, 1.0, "1.1 µg CO₂e (DE 2023: 381 g/kWh, Ember via OWID, PUE 1.0)"),
        (36_000, "", "30 JPY", 1.0, "0.30 JPY (30 JPY/kWh, PUE 1.0)"),
        (3_600, "", "30 JPY", 1.0, "0.030 JPY (30 JPY/kWh, PUE 1.0)"),
        (36_000, "", "0.25 GBP", 1.0, "0.25 p (0.25 GBP/kWh, PUE 1.0)"),
    ],
)
def test_the_words(joules, region, price, pue, line):
    """Grams with their factor, year, source and PUE; money in hundredths where it is little."""
    assert footprint.words(footprint.of([measured(joules)], 0, 10, setting.rates(region, price, pue))) == line


def test_a_mean_of_prices_is_called_one():
    """With its factor in the words where there is no carbon, and in the statement always."""
    start, end = unix("2026-11-18T21:00"), unix("2026-11-19T01:00")
    found = footprint.of([measured(10 * KWH)], start, end, setting.rates("", NIGHT))
    assert footprint.words(found) == "2.25 EUR (0.225 EUR/kWh, mean of 2 prices by time, PUE 1.0)"
    both = footprint.of([measured(KWH)], start, end, setting.rates("DE", NIGHT, 1.2))
    assert "CC BY 4.0" in footprint.statement(both)
    assert "0.225 EUR/kWh, mean of 2 prices by time" in footprint.statement(both)
    assert footprint.statement(both).endswith("energy of the GPUs × PUE 1.2.")
    assert footprint.words(Footprint()) == footprint.statement(Footprint()) == ""
