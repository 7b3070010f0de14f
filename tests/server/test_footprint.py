"""Carbon and cost from a real server: its settings, the route, what a kernel is told, and live intensities."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_gpumon.carbon import grid, setting
from jupyter_gpumon.errors import RatesError
from jupyter_gpumon.model import Hello, Request
from jupyter_gpumon.server.intensity import Live
from jupyter_gpumon.server.unix import socket_path
from jupyter_gpumon.wire import encode

from .conftest import eventually

TOKEN = "s3cret-t0ken"
NIGHT = {"currency": "EUR", "times": [{"from": "22:00", "to": "06:00", "price": 0.22}], "otherwise": 0.34}


class Service(ThreadingHTTPServer):
    """Answers as Electricity Maps does, or as ``status`` and ``body`` say."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status, self.body, self.to = 200, None, ""
        self.asked: list[tuple[str, str | None]] = []
        self.hung = threading.Event()
        self.hanging = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v3/carbon-intensity/latest"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("auth-token")))
        if self.server.hanging:
            self.server.hung.wait(20)
        hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
        body = {"zone": "DE", "carbonIntensity": 123, "datetime": hour.isoformat().replace("+00:00", ".000Z")}
        self.send_response(self.server.status)
        if self.server.to:
            self.send_header("Location", self.server.to)
        self.end_headers()
        self.wfile.write(
            json.dumps({**body, "isEstimated": False} if self.server.body is None else self.server.body).encode()
        )

    def log_message(self, *_):
        pass


@pytest.fixture
def electricity():
    """The service, on a free port."""
    server = Service()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.hung.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def gpumon_config(request, electricity):
    """Traits, see ``configured``; ``live`` fills in token and URL."""
    wanted = dict(getattr(request, "param", {}))
    if wanted.pop("live", False):
        wanted |= {"electricitymaps_token": TOKEN, "electricitymaps_url": electricity.url}
    return {"source": "sim:gpus=2&script=training", "interval": 0.2, "idle_interval": 0.4, **wanted}


@pytest.fixture
def ask(jp_fetch, gpumon):
    """``await ask(start=…, end=…)`` → the answer of the route."""

    async def fetch(**params):
        return json.loads((await jp_fetch("gpumon", "api", "footprint", params=params)).body)

    return fetch


def configured(*traits):
    return pytest.mark.parametrize("gpumon_config", traits, indirect=True, ids=str)


async def settled(gpumon):
    """Watch the counters finely until a second has passed and their updates before, in and after it are there.

    Returns:
        (start, end) of it in Unix time.
    """
    monitor = gpumon.service.monitor

    def uuids():
        return [device.uuid for device in monitor.hello.devices]

    await eventually(lambda: gpumon.service.tally.samples >= 2, "samples")
    monitor.ask(Request(measuring=True))
    await eventually(lambda: all(map(monitor.ledger.period, uuids())), "the counters' periods")

    def updated(since):
        return lambda: all(monitor.ledger.settled(uuid, since) for uuid in uuids())

    await eventually(updated(time.monotonic()), "updates of the counters before")
    start = time.monotonic()
    await eventually(lambda: time.monotonic() > start + 1.0, "a second")
    await eventually(updated(start + 1.0), "updates of the counters after")
    offset = time.time() - time.monotonic()
    return start + offset, start + 1.0 + offset


async def test_it_is_off_by_default(ask, gpumon, listen):
    """No region is guessed: no number, and the hello says so with empty rates."""
    start, end = await settled(gpumon)
    answer = await ask(start=start, end=end)
    assert set(answer) == {"rates"}
    assert set(answer["rates"]) <= {"pue"}
    hello = await (await listen()).live()
    assert hello.rates is not None
    assert hello.rates.intensity is hello.rates.price is None


@configured({"region": "deu", "price": NIGHT, "pue": 1.2})
async def test_the_route_has_numbers_words_and_provenance(ask, gpumon):
    """Grams and money of both GPUs, with the PUE, the year and the licence."""
    start, end = await settled(gpumon)
    answer = await ask(start=start, end=end)
    found = answer["footprint"]
    assert found["joules"] > 0
    assert found["grams"] == pytest.approx(found["joules"] / 3.6e6 * 1.2 * grid.intensity("DE").grams)
    assert found["grams_low"] <= found["grams"] <= found["grams_high"]
    assert found["cost"] == pytest.approx(found["joules"] / 3.6e6 * 1.2 * found["price"])
    assert "DE 2023: 381 g/kWh, Ember via OWID, PUE 1.2" in answer["text"]
    assert "CC BY 4.0" in answer["statement"]
    assert answer["rates"]["place"] == "DE"


@configured({"region": "FR"})
async def test_every_listener_is_told_the_same_rates(gpumon, listen, jp_fetch):
    """In each hello, of the stream and of the route: sidebar and notebook agree."""
    hello = await (await listen()).live()
    assert hello.rates == setting.rates("FR")
    asked = json.loads((await jp_fetch("gpumon", "api", "hello")).body)
    assert asked["rates"]["intensity"] == hello.rates.intensity == grid.intensity("FR").grams


@configured({"region": "Germany", "price": {"currency": "EUR", "flat": 0.3}, "pue": 1.1})
async def test_a_wrong_region_is_said_and_keeps_nothing_from_starting(ask, gpumon):
    """In words, with the right code; the price holds."""
    start, end = await settled(gpumon)
    answer = await ask(start=start, end=end)
    assert "Germany is DE" in answer["rates"]["problem"]
    assert "grams" not in answer["footprint"]
    assert answer["footprint"]["cost"] > 0


@pytest.mark.parametrize("params", [{"start": 5, "end": 4}, {"start": "now"}])
async def test_a_wrong_question_is_told_what_is_wrong(jp_fetch, gpumon, params):
    """400."""
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("gpumon", "api", "footprint", params=params)
    assert error.value.code == 400


@configured({"region": "DE", "live": True})
async def test_a_live_intensity_goes_before_the_table_and_its_token_nowhere_else(
    ask, gpumon, listen, electricity, caplog
):
    """One request with zone and token; the value reaches clients, the token neither them, nor log, nor recording."""
    client = await listen()
    hello = await client.next(Hello, lambda hello: hello.rates.hours)
    assert hello.rates.hours[-1].grams == 123
    start, end = await settled(gpumon)
    answer = await ask(start=start, end=end)
    assert answer["footprint"]["intensity"] == 123
    assert "DE: 123 g/kWh, Electricity Maps, live, PUE 1.0" in answer["text"]
    path, token = electricity.asked[0]
    assert (len(electricity.asked), token) == (1, TOKEN)
    assert path.endswith("?zone=DE&emissionFactorType=lifecycle&disableCallerLookup=true")
    told = [json.dumps(answer), caplog.text, *(encode(each).decode() for each in (hello, gpumon.service.monitor.hello))]
    assert not any(TOKEN in text for text in told)
    assert gpumon.service.monitor.hello.rates is None  # what sinks record


@pytest.fixture
def refused(electricity):
    """A service that does not know the token."""
    electricity.status = 401
    return electricity


@configured({"region": "DE", "live": True})
async def test_where_the_service_refuses_the_table_stands_in_and_it_is_said(refused, ask, gpumon, listen):
    """With what to look at."""
    hello = await (await listen()).next(Hello, lambda hello: hello.rates.trouble)
    assert "answered 401 (is the token right" in hello.rates.trouble
    start, end = await settled(gpumon)
    answer = await ask(start=start, end=end)
    assert answer["footprint"]["intensity"] == grid.intensity("DE").grams
    assert "DE 2023: 381 g/kWh, Ember via OWID; no live intensity: Electricity Maps answered 401" in answer["text"]


@configured({"region": "DE", "live": True})
async def test_a_service_that_hangs_holds_nothing_up(hanging, ask, gpumon):
    """Neither the event loop nor the answer."""
    await eventually(lambda: hanging.asked, "a request")
    start, end = await settled(gpumon)
    assert (await ask(start=start, end=end))["footprint"]["intensity"] == grid.intensity("DE").grams


@pytest.fixture
def hanging(electricity):
    """A service that takes the request and says nothing."""
    electricity.hanging = True
    return electricity


@pytest.fixture
def token_in_environment(monkeypatch, electricity):
    """As an administrator sets it."""
    monkeypatch.setenv("GPUMON_ELECTRICITYMAPS_TOKEN", TOKEN)
    monkeypatch.setenv("GPUMON_REGION", "DE")
    monkeypatch.setenv("GPUMON_PRICE", "0.30 EUR")
    monkeypatch.setenv("GPUMON_PUE", "1.3")


async def test_kernels_do_not_inherit_the_token(token_in_environment, gpumon):
    """It is taken out of the environment; what is no secret stays for them."""
    assert "GPUMON_ELECTRICITYMAPS_TOKEN" not in os.environ
    assert gpumon.service.channel.rates.pue == 1.3
    assert (gpumon.region, gpumon.price) == ("DE", "0.30 EUR")


@pytest.fixture
def wrong_environment(monkeypatch):
    """A PUE that is no number."""
    monkeypatch.setenv("GPUMON_PUE", "low")
    monkeypatch.setenv("GPUMON_PRICE", '{"currency": "EUR"}')


async def test_a_wrong_environment_keeps_nothing_from_starting(wrong_environment, ask, gpumon):
    """The price's mistake is named; the PUE is 1."""
    rates = (await ask())["rates"]
    assert 'neither "flat" nor a list "times"' in rates["problem"]
    assert rates.get("pue", 1.0) == 1.0


# --- the client alone ------------------------------------------------------------------------------------------------


def looked(electricity, **how):
    """The rates after one look at a service that answers so, and the seconds until the next one."""
    for name, value in how.items():
        setattr(electricity, name, value)
    live = Live(setting.rates("DE"), TOKEN, electricity.url, lambda _: None)
    wait = live._look()
    return live.rates, wait


def test_it_asks_once_an_hour(electricity):
    """Some minutes after the next value is due."""
    rates, wait = looked(electricity)
    assert [hour.grams for hour in rates.hours] == [123]
    assert 600 <= wait <= 3600


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"status": 500}, "answered 500"),
        ({"status": 403}, "is the token right"),
        ({"body": {"zone": "FR", "carbonIntensity": 5, "datetime": "2026-11-20T10:00:00Z"}}, "for FR instead of DE"),
        ({"body": {"zone": "DE", "carbonIntensity": None, "datetime": "2026-11-20T10:00:00Z"}}, "something else"),
        ({"body": {"zone": "DE", "carbonIntensity": -5, "datetime": "2026-11-20T10:00:00Z"}}, "which cannot be"),
        ({"body": {"zone": "DE", "carbonIntensity": 5, "datetime": "today"}}, "something else"),
        ({"body": ["no"]}, "something else"),
    ],
    ids=str,
)
def test_what_is_no_intensity_is_not_taken_for_one(electricity, how, says, caplog):
    """And it is logged once, without the token."""
    rates, wait = looked(electricity, **how)
    assert says in rates.trouble
    assert (rates.hours, wait) == ((), 60.0)
    assert says in caplog.text
    assert TOKEN not in caplog.text + rates.trouble


def test_a_redirect_is_not_followed(electricity):
    """It would take the token to another host."""
    rates, _ = looked(electricity, status=302, to=f"{electricity.url}?elsewhere")
    assert "answered 302" in rates.trouble
    assert len(electricity.asked) == 1


def test_an_address_of_this_machine_is_asked_without_a_proxy(electricity, monkeypatch):
    """Which would read the token."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert [hour.grams for hour in looked(electricity)[0].hours] == [123]


def test_it_tries_again_less_and_less_and_logs_the_reason_once(electricity, caplog):
    """1, 2, 4 … minutes, at most an hour; and recovers."""
    caplog.set_level(logging.WARNING, "jupyter_gpumon")
    electricity.status = 503
    live = Live(setting.rates("DE"), TOKEN, electricity.url, lambda _: None)
    assert [live._look() for _ in range(8)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert caplog.text.count("503") == 1
    electricity.status = 200
    live._look()
    assert (live.rates.trouble, live.rates.hours[-1].grams) == ("", 123)


def test_nobody_there_is_said(electricity):
    """A closed port."""
    live = Live(setting.rates("DE"), TOKEN, "http://127.0.0.1:9/", lambda _: None)
    live._look()
    assert "cannot be reached (ConnectionRefusedError)" in live.rates.trouble


@pytest.mark.parametrize(
    ("region", "url", "says"),
    [
        ("DE", "http://example.org/latest", "https only"),
        ("DE", "file:///etc/passwd", "https only"),
        ("WORLD", "https://example.org/latest", "whole world"),
    ],
)
def test_the_token_goes_nowhere_in_the_clear(region, url, says):
    """https, or a proxy on this machine; and only for a place."""
    with pytest.raises(RatesError, match=says):
        Live(setting.rates(region), TOKEN, url, lambda _: None)


# --- a kernel of the server ------------------------------------------------------------------------------------------

IN_KERNEL = """
import os, time
assert "GPUMON_ELECTRICITYMAPS_TOKEN" not in os.environ
os.environ["GPUMON_SOURCE"] = "unix:PATH"
os.environ["GPUMON_REGION"] = "FR"  # the server's goes before it
import jupyter_gpumon
with jupyter_gpumon.measure("epoch", devices=[0]) as m:
    time.sleep(1)
assert m.cell.final
"""


async def test_a_kernels_record_has_the_servers_rates(token_in_environment, gpumon, http_server_client, jp_serverapp):
    """One setting for sidebar and notebook; the record that the server has holds the footprint."""
    path = socket_path(Path(gpumon.serverapp.runtime_dir), os.getpid())
    kernels = jp_serverapp.kernel_manager
    kernel = await kernels.start_kernel()
    client = kernels.get_kernel(kernel).client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        reply = await client.execute_interactive(IN_KERNEL.replace("PATH", str(path)), timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
        cell = await eventually(lambda: next((cell for cell in gpumon.service.cells if cell.final), None), "a record")
    finally:
        client.stop_channels()
        await kernels.shutdown_kernel(kernel, now=True)
    found, joules = cell.footprint, cell.energy["gpu0"].joules
    assert (found.region, found.pue, found.joules) == ("DE", 1.3, joules)
    assert found.grams == pytest.approx(joules / 3.6e6 * 1.3 * grid.intensity("DE").grams)
    assert found.cost == pytest.approx(joules / 3.6e6 * 1.3 * 0.30)
    assert found.grams_low <= found.grams <= found.grams_high
