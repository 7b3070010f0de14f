"""Longer steps and retention: what is summed, what is deleted, and when not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from sqlalchemy import create_engine, inspect

from jupyter_gpumon.model import Device, Gpu, Hello

from .contracts.sql import START, fed, gpu, opened, sample, xid

KEEP = "raw:1h,10s:2h,1min:1d,1h:2y"


def test_a_gauge_is_its_mean_with_its_extremes_and_a_counter_its_last_value(database):
    """25 s by 10: two whole steps; what has not ended yet is not summed."""
    fed(database.url, [sample(n) for n in range(25)], keep=KEEP)
    columns = "time, power_watts, power_watts_min, power_watts_max, energy_joules, temperature_celsius"
    rows = database.ask(f"SELECT {columns} FROM gpumon_samples_10s WHERE device = 1 ORDER BY time")
    assert rows == [
        (START, 104.5, 100.0, 109.0, 1900.0, 40.0),
        (START + 10, 114.5, 110.0, 119.0, 2900.0, 40.0),
    ]
    assert database.ask("SELECT temperature_celsius FROM gpumon_samples_10s WHERE device = 2") == [(None,)] * 2
    assert database.ask("SELECT cpu_ratio, disk_read_bytes FROM gpumon_host_10s ORDER BY time") == [
        (0.5, 90),
        (0.5, 190),
    ]
    assert database.count("gpumon_samples_60s") == 0
    assert database.count() == 50


def test_a_counter_that_began_anew_is_its_last_value_and_one_read_rarely_its_highest(database):
    """The driver was loaded again; ECC errors are read every 10 to 30 seconds."""
    energies, errors = (500.0, 600.0, 5.0, 6.0), (3.0, None, None, None)
    samples = [
        replace(sample(n), gpus=(Gpu(uuid="GPU-0", energy=energy, ecc_corrected=count),))
        for n, (energy, count) in enumerate(zip(energies, errors, strict=True))
    ]
    fed(database.url, [*samples, sample(10)], keep=KEEP)
    assert database.ask("SELECT energy_joules, ecc_corrected FROM gpumon_samples_10s") == [(6.0, 3.0)]


def test_steps_are_made_of_shorter_steps_and_each_weighs_the_same(database):
    """A minute in which a half was sampled ten times as often: the mean is over time."""
    often = [replace(sample(0), time=START + n / 10, gpus=(Gpu(uuid="GPU-0", power=100.0),)) for n in range(300)]
    rarely = [replace(sample(0), time=START + n, gpus=(Gpu(uuid="GPU-0", power=200.0),)) for n in range(30, 62)]
    fed(database.url, [*often, *rarely], keep=KEEP)
    rows = database.ask("SELECT power_watts, power_watts_min, power_watts_max FROM gpumon_samples_60s")
    assert rows == [(150.0, 100.0, 200.0)]


def test_an_hour_is_there_in_every_step(database):
    """And nothing is summed twice when it goes on the next day."""
    for hour in range(2):
        fed(database.url, [sample(3600 * hour + n) for n in range(0, 3601, 20)], keep=KEEP)
    seen = {
        step: database.ask(f"SELECT count(*), min(time), max(time) FROM gpumon_samples_{step}s") for step in (60, 3600)
    }
    assert seen == {60: [(240, START, START + 7140)], 3600: [(4, START, START + 3600)]}


def test_what_comes_late_is_summed_anew(database):
    """The database was away, or another server buffered."""
    fed(database.url, [sample(n) for n in range(40)], keep=KEEP)
    late = [replace(sample(5), time=START + 5.5, gpus=(replace(gpu(0, 5), power=500.0),)), sample(41)]
    fed(database.url, late, keep=KEEP)
    assert database.ask("SELECT power_watts_max FROM gpumon_samples_10s WHERE device = 1 ORDER BY time")[0] == (500.0,)
    assert database.count("gpumon_samples_10s") == 8


def test_what_has_been_kept_long_enough_is_deleted_and_its_sums_stay(database):
    """An hour as sampled, here; events for as long as the longest steps."""
    begin = [sample(n, events=(xid(n),) if n == 0 else ()) for n in range(100)]
    fed(database.url, [*begin, sample(5000)], keep=KEEP)
    assert database.count() == 2
    assert database.count("gpumon_samples_10s") == 20
    fed(database.url, [sample(9000)], keep=KEEP)
    assert database.count("gpumon_samples_10s") == 2  # that of 5000
    assert database.ask("SELECT min(time) FROM gpumon_samples_60s") == [(START,)]
    assert database.count("gpumon_events") == 1
    fed(database.url, [sample(9000 + 2 * 31_536_000 + 1)], keep=KEEP)
    assert database.count("gpumon_events") == 0


def test_a_clock_that_is_wrong_for_a_moment_does_not_empty_the_tables(database):
    """A piece at a time: an hour as sampled goes, the rest is there when the clock is right again."""
    fed(database.url, [sample(n) for n in range(0, 20_000, 100)], keep="raw:1d")
    fed(database.url, [sample(10 * 31_536_000)], keep="raw:1d")
    assert database.count() == 2 * (200 - 36) + 2


def test_without_keep_everything_stays_as_sampled(database):
    """What a run or a recording wrote is nobody's to delete."""
    fed(database.url, [sample(0), sample(10 * 31_536_000)])
    assert database.count() == 4
    assert "gpumon_samples_10s" not in inspect(create_engine(database.url)).get_table_names()


def test_two_writers_of_a_database_delete_their_own_alone(database):
    """A node of old samples beside one that is years ahead."""
    fed(database.url, [sample(n) for n in range(20)], keep=KEEP)
    ahead = [replace(sample(n + 31_536_000), gpus=(Gpu(uuid="GPU-7", power=1.0),)) for n in range(20)]
    sink = opened(database.url, keep=KEEP)
    sink.write(Hello(hostname="n2", devices=(Device(uuid="GPU-7", index=0, name="A100"),)))
    for each in ahead:
        sink.write(each)
    sink.close()
    counted = "SELECT uuid, count(*) FROM gpumon_samples s JOIN gpumon_devices d ON d.id = s.device GROUP BY uuid"
    assert dict(database.ask(counted)) == {"GPU-0": 20, "GPU-1": 20, "GPU-7": 20}


@pytest.mark.parametrize("keep", ["all", "raw:1d"])
def test_an_option_says_how_long(keep, sqlite):
    """``all`` is for ever."""
    database = sqlite.fresh()
    fed(database.url, [sample(0), sample(200_000)], keep=keep)
    assert database.count() == (4 if keep == "all" else 2)
