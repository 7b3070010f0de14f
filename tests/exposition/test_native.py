"""Our own names: what the catalogue says, in base units, and nothing that is not known."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from jupyter_gpumon.exposition.native import documented, series_name
from jupyter_gpumon.exposition.sampler import SinkTold, Watchers
from jupyter_gpumon.metrics import HOST_METRICS, METRICS, Gpu, Host
from jupyter_gpumon.model import Event, Hello, Status

from .conftest import BOARD, OTHER

BUSY = Gpu(uuid="GPU-a", power=300.5, utilization=0.97, energy=1234.5, clock_events=("power_cap",))
OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2"


def test_numbers_carry_who_they_are_of(told):
    """UUID, index, model and host; of an instance also which one of its board."""
    series = told.look(BUSY, Gpu(uuid="MIG-c", memory_used=5.0)).series()
    assert series.labels("gpumon_gpu_power_watts") == [
        {"uuid": "GPU-a", "gpu": "0", "name": "NVIDIA H200", "hostname": "node1"}
    ]
    assert series.labels("gpumon_gpu_memory_used_bytes") == [
        {
            "uuid": "MIG-c",
            "gpu": "1:0",
            "name": "NVIDIA H200 MIG 1g.18gb",
            "hostname": "node1",
            "gpu_instance": "7",
            "compute_instance": "0",
        }
    ]


def test_what_is_not_known_is_not_there(told):
    """No 0, no NaN, no family without a number."""
    series = told.look(BUSY).series()
    assert series.of("gpumon_gpu_power_watts") == 300.5
    assert "gpumon_gpu_temperature_celsius" not in series.families


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_every_metric_of_the_catalogue_has_a_family(told, accept):
    """Counters are called _total, and the types are right, in both formats."""
    numbers = {name: 1.5 for name, metric in METRICS.items() if metric.kind in ("gauge", "counter")}
    host = {name: 2.5 for name, metric in HOST_METRICS.items() if metric.kind in ("gauge", "counter")}
    gpu, rest = Gpu(uuid="GPU-a", clock_events=(), **numbers), Host(cpu_cores=(0.5, 1.0), **host)
    series = told.look(gpu, host=rest).series(accept=accept)
    assert {name for name, _ in documented()} <= series.keys()
    for name in ("energy", "ecc_corrected"):
        assert series.families[series_name(METRICS[name]).removesuffix("_total")].type == "counter"
    assert series.of("gpumon_gpu_energy_joules_total", uuid="GPU-a") == 1.5
    assert series.of("gpumon_host_cpu_cores_ratio", core="1") == 1.0
    assert series.families["gpumon_gpu_energy_joules"].unit == ("joules" if accept else "")


def test_what_holds_the_clock_back_is_one_series_each(told):
    """0 where it does not; none at all where it is not known."""
    series = told.look(BUSY, Gpu(uuid="GPU-b")).series()
    assert series.of("gpumon_gpu_clock_event", uuid="GPU-a", event="power_cap") == 1
    assert series.of("gpumon_gpu_clock_event", uuid="GPU-a", event="thermal") == 0
    assert not [labels for labels in series.labels("gpumon_gpu_clock_event") if labels["uuid"] == "GPU-b"]


def test_a_lost_gpu_is_down_and_says_nothing_else(told):
    """The others go on."""
    told.look(BUSY, Gpu(uuid="GPU-b", power=90.0))
    told.tell(Hello(hostname="node1", devices=(BOARD, replace(OTHER, state="lost")))).look(BUSY)
    series = told.series()
    assert (series.of("gpumon_gpu_up", gpu="0"), series.of("gpumon_gpu_up", gpu="1")) == (1, 0)
    assert [labels["gpu"] for labels in series.labels("gpumon_gpu_power_watts")] == ["0"]
    assert series.of("gpumon_sampler_errors_total", code="lost") == 1


def test_when_the_driver_does_not_answer_only_the_sampler_speaks(told):
    """Old numbers look current to whoever scrapes them."""
    told.look(BUSY, host=Host(cpu=0.5))
    assert told.series().of("gpumon_sampler_up") == 1
    told.tell(Hello(hostname="node1", devices=(BOARD,), generation=2, status=Status(state="stalled", message="…")))
    series = told.series()
    assert series.of("gpumon_sampler_up") == 0
    assert series.of("gpumon_sampler_state", state="stalled") == 1
    assert series.of("gpumon_sampler_errors_total", code="stalled") == 1
    assert series.of("gpumon_sampler_generation") == 2
    assert not [name for name in series if name.startswith(("gpumon_gpu", "gpumon_host"))]


def test_a_sample_that_is_overdue_is_not_shown(told, monkeypatch):
    """Whoever reads the source may be the one that hangs."""
    told.look(BUSY)
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    series = told.series()
    assert "gpumon_gpu_power_watts" not in series
    assert series.of("gpumon_sampler_up") == 0
    assert series.of("gpumon_sampler_age_seconds") == pytest.approx(60, abs=1)


def test_an_xid_outlives_the_gpu_that_fell_off_the_bus_with_it(told):
    """It is counted, with its time, and says which GPU it was."""
    xid = Event(kind="xid", time=1.8e9, mono=1001.0, title="XID 79", uuid="GPU-b", code=79)
    told.look(BUSY, events=(xid, xid)).tell(Hello(hostname="node1", devices=(BOARD,))).look(BUSY)
    series = told.series()
    assert series.of("gpumon_gpu_xid_errors_total", uuid="GPU-b", xid="79", name="NVIDIA H200") == 2
    assert series.of("gpumon_gpu_xid_last_timestamp_seconds", uuid="GPU-b", xid="79") == 1.8e9


def test_the_sampler_says_how_it_is_doing(told):
    """Samples, missed ticks, how long a look took."""
    series = told.look(BUSY, took=0.0021).look(BUSY, missed=3, took=0.0034).series()
    assert series.of("gpumon_sampler_samples_total") == 2
    assert series.of("gpumon_sampler_missed_ticks_total") == 3
    assert series.of("gpumon_sampler_duration_seconds") == 0.0034
    assert series.of("gpumon_info", driver="580.95.05") == 1


def test_destinations_say_what_they_lost(told):
    """Each by its URL."""
    sink = SinkTold(name="sqlite:///run.db", well=False, dropped=7, waiting=1000)
    told.page._watchers = lambda: Watchers(sinks=(sink,))
    series = told.look(BUSY).series()
    assert series.of("gpumon_sink_up", sink="sqlite:///run.db") == 0
    assert series.of("gpumon_sink_dropped_total", sink="sqlite:///run.db") == 7
    assert series.of("gpumon_sink_waiting") == 1000


def test_odd_names_do_not_break_the_page(told):
    """Quotes, backslashes and line ends in a label."""
    odd = 'A "GPU" \\ of\ntwo lines'
    told.tell(Hello(hostname=odd, devices=(BOARD,))).look(BUSY)
    for accept in ("", OPENMETRICS):
        assert told.series(accept=accept).of("gpumon_gpu_power_watts", hostname=odd) == 300.5


def test_promtool_has_nothing_to_say(told, promtool):
    """Names, types, units and help are as Prometheus wants them."""
    numbers = {name: 1.5 for name, metric in METRICS.items() if metric.kind in ("gauge", "counter")}
    host = {name: 2.5 for name, metric in HOST_METRICS.items() if metric.kind in ("gauge", "counter")}
    xid = Event(kind="xid", time=1.8e9, mono=1001.0, title="XID 79", uuid="GPU-a", code=79)
    told.page._watchers = lambda: Watchers(sinks=(SinkTold(name="run.jsonl", well=True, dropped=0, waiting=0),))
    told.look(Gpu(uuid="GPU-a", clock_events=(), **numbers), host=Host(cpu_cores=(0.5,), **host), events=(xid,))
    assert promtool("check", "metrics", text=told.page.text()[0]) == ""
