"""Which rates hold in a kernel: its user's, its server's, the environment's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jupyter_gpumon.carbon import grid, setting
from jupyter_gpumon.errors import RatesError
from jupyter_gpumon.kernel import rates
from jupyter_gpumon.model import Energy, Hello
from jupyter_gpumon.rates import Hour, Rates
from jupyter_gpumon.report.record import MIME

from .conftest import environment

NOBODY = Hello()
SERVER = Hello(rates=setting.rates("DE", "0.30 EUR", 1.2))


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Nothing chosen, nothing in the environment."""
    for name in ("GPUMON_REGION", "GPUMON_PRICE", "GPUMON_PUE"):
        monkeypatch.delenv(name, raising=False)
    rates.forget()
    yield
    rates.forget()


def test_a_kernel_without_a_server_takes_the_environment(monkeypatch):
    """Also what was set after the first cell; and is off without."""
    assert rates.current(NOBODY) == Rates()
    monkeypatch.setenv("GPUMON_REGION", "FR")
    assert rates.current(NOBODY).intensity == grid.intensity("FR").grams


def test_the_server_goes_before_the_environment_also_where_it_is_off(monkeypatch):
    """So that sidebar and notebook agree."""
    monkeypatch.setenv("GPUMON_REGION", "FR")
    assert rates.current(SERVER) == SERVER.rates
    assert rates.current(Hello(rates=Rates())) == Rates()


def test_what_is_chosen_in_the_kernel_goes_before_both():
    """Each part by itself: another region leaves the server's price and PUE."""
    rates.choose(region="se")
    found = rates.current(SERVER)
    assert (found.place, found.price, found.pue) == ("SE", SERVER.rates.price, 1.2)
    rates.choose(price="9 SEK", pue=1.0)
    found = rates.current(SERVER)
    assert (found.place, found.price.currency, found.pue) == ("SE", "SEK", 1.0)
    rates.choose(region="", price="")
    assert rates.of([Energy(joules=1e6)], 0, 1, SERVER) is None
    rates.forget()
    assert rates.current(SERVER) == SERVER.rates


def test_the_servers_live_intensities_stay_for_its_own_region_only():
    """By whichever code it is written; another place has its own table."""
    live = Hello(rates=Rates(region="DE", place="DE", intensity=381.0, hours=(Hour(time=0, grams=50),)))
    rates.choose(region="DEU")
    assert rates.current(live).hours
    rates.choose(region="FR")
    assert not rates.current(live).hours


@pytest.mark.parametrize("wrong", [{"region": "Atlantis"}, {"price": "cheap"}, {"pue": 0.5}], ids=str)
def test_a_wrong_choice_is_refused_and_changes_nothing(wrong):
    """The error says what is wrong; what held before holds."""
    rates.choose(region="SE", price="1 SEK", pue=1.1)
    before = rates.current(NOBODY)
    with pytest.raises(RatesError):
        rates.choose(**wrong)
    assert rates.current(NOBODY) == before


def test_it_says_what_holds_or_how_to_turn_it_on():
    """For ``%gpumon status`` and the like."""
    assert rates.words(SERVER.rates) == "DE 2023: 381 g/kWh, Ember via OWID · 0.3 EUR/kWh · PUE 1.2"
    assert rates.words(Rates()) == "Carbon and cost are off: set a region (DE) or a price (0.31 EUR)."
    assert rates.words(setting.rates("Germany")).startswith("There is no carbon intensity for the region 'GERMANY'")


def test_a_plain_script_has_a_footprint_by_its_environment():
    """No server, no notebook: region, price and PUE from the environment, in the record."""
    code = """if True:
        import time, jupyter_gpumon
        with jupyter_gpumon.measure(devices=[0]) as m:
            time.sleep(1)
        found = m.cell.footprint
        print(m.energy, found.joules, found.grams, found.cost, found.region)
    """
    settings = {"GPUMON_REGION": "SE", "GPUMON_PRICE": "2 SEK", "GPUMON_PUE": "1.5"}
    env = environment("sim:gpus=1&script=training") | settings
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *numbers, region = done.stdout.split()
    energy, joules, grams, cost = map(float, numbers)
    assert (region, joules) == ("SE", energy)
    assert grams == pytest.approx(joules / 3.6e6 * 1.5 * grid.intensity("SE").grams)
    assert cost == pytest.approx(joules / 3.6e6 * 1.5 * 2)


def _text(messages):
    return "".join(m["content"].get("text", "") or "\n".join(m["content"].get("traceback", ())) for m in messages)


def test_a_notebook_chooses_its_rates_and_its_records_have_them(notebook):
    """``%gpumon footprint``: off, on, refused, as words in the record, and back."""
    assert "Carbon and cost are off" in _text(notebook.run("%gpumon footprint"))
    (off,) = notebook.records("%%gpumon\nimport time; time.sleep(1)")
    assert "footprint" not in off
    said = _text(notebook.run("%gpumon footprint --region SE --price '2 SEK' --pue 1.5"))
    basis = f"SE 2023: {grid.intensity('SE').grams:.0f} g/kWh, Ember via OWID"
    assert f"gpumon │ {basis} · 2 SEK/kWh · PUE 1.5" in said
    assert "Germany is DE" in _text(notebook.run("%gpumon footprint --region Germany"))
    assert "--region goes with %gpumon footprint" in _text(notebook.run("%gpumon status --region DE"))
    (data,) = notebook.outputs("%%gpumon -d 0\nimport time; time.sleep(1)")
    record = data[MIME]
    joules = record["energy"]["gpu0"]["joules"]
    assert record["footprint"]["grams"] == pytest.approx(joules / 3.6e6 * 1.5 * grid.intensity("SE").grams)
    assert f"CO₂e ({basis}, PUE 1.5)" in data["text/plain"]
    assert f"CO₂e ({basis}, PUE 1.5)" in data["text/html"]
    assert "Carbon and cost are off" in _text(notebook.run("%gpumon footprint default"))
