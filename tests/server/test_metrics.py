"""``gpumon/metrics`` of a real server, scraped by a real Prometheus."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest
from jupyter_server.auth import Authorizer
from msgspec.structs import replace
from prometheus_client import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from tornado.httpclient import HTTPClientError

from jupyter_gpumon.exposition.native import series_name
from jupyter_gpumon.metrics import METRICS
from jupyter_gpumon.model import Cell, CellDevice, Energy
from jupyter_gpumon.server.unix import socket_path

from ..services.prometheus import job
from .conftest import eventually


@pytest.fixture
def filled(gpumon):
    """``await filled()``: the server has a few samples."""

    def wait():
        return eventually(lambda: gpumon.service.tally.samples >= 4, "four samples")

    return wait


@pytest.fixture
def jp_base_url():
    """Without "@": Prometheus leaves it unquoted in a path, whatever its configuration says, and Jupyter quotes it."""
    return "/user/ada/"


@pytest.fixture
def scraped(prometheus, jp_serverapp, jp_fetch, jp_base_url, jp_http_port):
    """``await scraped(names="dcgm")``: a Prometheus that scrapes this server.

    It is asked in another thread: the server that it scrapes runs in this one.
    """

    async def start(**params):
        query = "&".join(f"{name}={value}" for name, value in params.items())
        target = f"127.0.0.1:{jp_http_port}{jp_base_url}gpumon/metrics" + (f"?{query}" if query else "")
        return await asyncio.to_thread(prometheus, job(target, token=jp_serverapp.identity_provider.token))

    return start


async def test_prometheus_scrapes_the_server_with_its_token(gpumon, scraped):
    """Each GPU's series arrive, with type, help and unit; rates of counters can be asked for."""
    found = await scraped()
    await asyncio.to_thread(found.until, "gpumon_gpu_power_watts", lambda series: len(series) == 2)
    names = set(await asyncio.to_thread(found.api, "label/__name__/values"))
    metadata = await asyncio.to_thread(found.api, "targets/metadata", metric="gpumon_gpu_energy_joules")
    absent = {name for device in gpumon.service.monitor.hello.devices for name in device.absent}
    assert {series_name(metric) for name, metric in METRICS.items() if name not in absent} <= names
    assert [(one["type"], one["unit"]) for one in metadata] == [("counter", "joules")]
    watts = "rate(gpumon_gpu_energy_joules_total[4s])"  # of a window that is full
    drawn = await asyncio.to_thread(found.until, f"{watts} > 50", lambda series: len(series) == 2)
    assert all(float(series["value"][1]) < 1500 for series in drawn)
    assert {series["metric"]["name"] for series in drawn} == {"Simulated H200"}


DASHBOARD_12239 = (
    "max(DCGM_FI_DEV_GPU_TEMP{%s}) by (Hostname, gpu, uuid)",
    "avg(DCGM_FI_DEV_GPU_TEMP{%s})",
    "max(DCGM_FI_DEV_POWER_USAGE{%s}) by (Hostname, gpu, uuid)",
    "sum(max(DCGM_FI_DEV_POWER_USAGE{%s}) by (gpu))",
    "max(DCGM_FI_DEV_SM_CLOCK{%s} * 1000000) by (Hostname, UUID, gpu)",
    "max(DCGM_FI_PROF_GR_ENGINE_ACTIVE{%s}) by (Hostname, gpu, GPU_I_ID, GPU_I_PROFILE)",
    "max(DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{%s}) by (Hostname, gpu, GPU_I_ID, GPU_I_PROFILE)",
    "max(DCGM_FI_DEV_FB_USED{%s}) by (Hostname, gpu, GPU_I_ID, GPU_I_PROFILE)",
    "DCGM_FI_DEV_GPU_UTIL{%s}",  # what older editions of it ask in place of the sixth
)
"""What the panels of Grafana's dashboard 12239 ask (uid Oxed_c6Wz)."""


async def test_the_queries_of_dashboard_12239_are_answered(gpumon, scraped):
    """Each panel, and its variables, narrowed by host as new editions do and by instance as old ones did."""
    found = await scraped(names="dcgm")
    await asyncio.to_thread(found.until, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", lambda series: len(series) == 2)
    known = {"match[]": "DCGM_FI_DEV_FB_FREE"}
    (host,) = await asyncio.to_thread(found.api, "label/Hostname/values", **known)
    gpus = await asyncio.to_thread(found.api, "label/gpu/values", **known)
    assert gpus == ["0", "1"]
    for narrowed in (f'Hostname=~"{host}", gpu=~"(0|1)"', 'instance=~"127.0.0.1.*", gpu=~"(0|1)"'):
        for query in DASHBOARD_12239:
            await asyncio.to_thread(found.until, query % narrowed)
    (watts,) = await asyncio.to_thread(found.until, DASHBOARD_12239[3] % "")
    assert 100 < float(watts["value"][1]) < 2000, "of two GPUs"


async def test_the_names_of_older_exporters_are_scraped_too(gpumon, scraped):
    """By the labels of both."""
    found = await scraped(names="seed")
    await asyncio.to_thread(found.until, 'gpu_utilization_percent{device_id="1", gpu_index="1"} > 1')
    await asyncio.to_thread(found.until, "gpu_pcie_throughput_rx_mbps > 0")
    await asyncio.to_thread(found.until, "system_cpu_usage_percent")
    core = 'gpu_temperature_celsius{device_id="0", temp_type="core"}'
    (celsius,) = await asyncio.to_thread(found.until, core)
    assert 20 < float(celsius["value"][1]) < 100


async def test_a_scrape_without_the_token_gets_nothing(gpumon, prometheus, jp_fetch, jp_base_url, jp_http_port):
    """Prometheus says why."""
    target = job(f"127.0.0.1:{jp_http_port}{jp_base_url}gpumon/metrics")
    found = await asyncio.to_thread(prometheus, target)
    await asyncio.to_thread(found.until_refused, "403")
    assert not await asyncio.to_thread(found.query, "gpumon_sampler_up")


async def test_who_scrapes_watches(gpumon, filled, jp_fetch):
    """The source is asked for the full rate, and for the idle one when nobody comes any more."""
    await filled()
    assert not gpumon.service.sampler().watched
    await jp_fetch("gpumon", "metrics")
    assert gpumon.service.sampler().watched
    await eventually(lambda: gpumon.service.monitor.hello.interval == 0.2, "samples at the full rate")
    gpumon.service.channel.scrapes._last -= 1000
    await eventually(lambda: gpumon.service.monitor.hello.interval == 0.4, "samples at the idle rate")


async def test_the_format_is_as_the_scraper_asks(gpumon, filled, jp_fetch):
    """Both formats hold the same."""
    await filled()
    plain = await jp_fetch("gpumon", "metrics")
    asked = await jp_fetch("gpumon", "metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert asked.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    names = [
        {family.name for family in read(answer.body.decode())}
        for read, answer in ((read_text, plain), (read_openmetrics, asked))
    ]
    assert names[0] == names[1]


async def test_names_that_nobody_knows_are_refused_with_those_there_are(gpumon, jp_fetch):
    """As a sentence."""
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("gpumon", "metrics", params={"names": "nagios"})
    assert error.value.code == 400
    assert b"native" in error.value.response.body


class TestOneDevice:
    """A server whose user may see one of its GPUs."""

    @pytest.fixture
    def gpumon_config(self):
        return {"source": "sim:gpus=2&script=training", "interval": 0.2, "idle_interval": 0.2, "devices": ["1"]}

    async def test_only_what_its_user_may_see_is_exported(self, gpumon, filled, jp_fetch):
        """Not even the name of the other."""
        await filled()
        page = (await jp_fetch("gpumon", "metrics")).body.decode()
        assert 'gpu="1"' in page
        assert 'gpu="0"' not in page


async def test_jupyters_own_metrics_have_ours_too(gpumon, filled, jp_fetch):
    """By the native names, with Jupyter's; who scrapes there watches as well."""
    await filled()
    page = (await jp_fetch("metrics")).body.decode()
    families = {family.name: family for family in read_text(page)}
    assert len(families["gpumon_gpu_power_watts"].samples) == 2
    assert families["gpumon_gpu_energy_joules"].type == "counter"
    assert "http_request_duration_seconds" in families
    assert gpumon.service.sampler().watched


async def test_they_are_gone_when_the_server_is(gpumon, filled, jp_serverapp):
    """Another server of this process has its own."""
    await filled()
    await gpumon.stop_extension()
    assert b"gpumon_" not in generate_latest()


async def test_they_are_gone_where_something_else_cannot_be_ended(gpumon, filled, jp_serverapp):
    """As the sampler is, and our lines in Jupyter's log."""
    await filled()
    path = socket_path(Path(jp_serverapp.runtime_dir), os.getpid())
    path.unlink()
    path.mkdir()  # which is not removed as a socket is
    with pytest.raises(OSError, match=path.name):
        await gpumon.stop_extension()
    assert b"gpumon_" not in generate_latest()
    assert not gpumon.service.monitor._thread.is_alive()
    assert logging.getLogger("jupyter_gpumon").parent is logging.getLogger()


class TestOpenMetricsPage:
    """A server whose own /metrics needs no authentication."""

    @pytest.fixture
    def jp_server_config(self, gpumon_config):
        server = {"jpserver_extensions": {"jupyter_gpumon": True}, "authenticate_prometheus": False}
        return {"ServerApp": server, "GpuMon": gpumon_config}

    async def test_what_anybody_may_read_has_nothing_of_ours(self, gpumon, filled, jp_fetch):
        """Ours is at gpumon/metrics, which does ask."""
        await filled()
        assert b"gpumon_gpu" not in (await jp_fetch("metrics", headers={"Authorization": ""})).body
        assert b"gpumon_gpu" in (await jp_fetch("gpumon", "metrics")).body


class TestAuthorizer:
    """A server that decides who sees what."""

    @pytest.fixture
    def jp_server_config(self, gpumon_config):
        server = {"jpserver_extensions": {"jupyter_gpumon": True}, "authorizer_class": Permissive}
        return {"ServerApp": server, "GpuMon": gpumon_config}

    async def test_a_page_that_asks_no_authorizer_has_nothing_of_ours(self, gpumon, filled, jp_fetch):
        """Whatever it would have said."""
        await filled()
        assert b"gpumon_gpu" not in (await jp_fetch("metrics")).body


class Permissive(Authorizer):
    """Lets everybody do everything."""

    def is_authorized(self, handler, user, action, resource):
        return True


class TestNotebooks:
    """A server whose metrics say notebooks, and DCGM's names of a file."""

    @pytest.fixture
    def gpumon_config(self, tmp_path):
        (tmp_path / "counters.csv").write_text("DCGM_FI_DEV_GPU_TEMP, gauge, GPU temperature (in C).\n")
        own = {"notebook_metrics": True, "metrics_names": "dcgm", "metrics_collectors": str(tmp_path / "counters.csv")}
        return {"source": "sim:gpus=2&script=training", "interval": 0.2, "idle_interval": 0.2, **own}

    async def test_a_cell_is_counted_for_its_notebook(self, gpumon, filled, jp_fetch):
        """Once its kernel has posted it; one that was measured on other GPUs than these is not."""
        await filled()
        done = Cell(
            id="c1", kernel_id="k1", start=1.0, end=3.0, simulated=True, notebook="a.ipynb",
            devices=(CellDevice(name="gpu1", model="H200"),), energy={"gpu1": Energy(joules=42.0)},
        )  # fmt: skip
        gpumon.service.post(done, "k1")
        gpumon.service.post(replace(done, id="c2", simulated=False), "k1")
        page = (await jp_fetch("gpumon", "metrics", params={"names": "native"})).body.decode()
        (family,) = [family for family in read_text(page) if family.name == "gpumon_cell_energy_joules"]
        assert [(s.labels["notebook"], s.labels["gpu"], s.value) for s in family.samples] == [("a.ipynb", "1", 42.0)]

    async def test_the_configured_names_and_fields_are_the_default(self, gpumon, filled, jp_fetch):
        """A scrape may ask for others."""
        await filled()
        page = (await jp_fetch("gpumon", "metrics")).body.decode()
        assert [family.name for family in read_text(page) if family.name.startswith("DCGM")] == ["DCGM_FI_DEV_GPU_TEMP"]
