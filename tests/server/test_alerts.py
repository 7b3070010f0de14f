"""Alerts of a real server: what fires, what somebody has seen, rules that are changed, tried out and wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import HTTPClientError

from jupyter_gpumon.model import Sample
from jupyter_gpumon.rulebook import AlertBook
from jupyter_gpumon.server.unix import socket_path
from jupyter_gpumon.sources.server import asked

from .conftest import SECONDS, eventually

RULES = [
    {"id": "at-work", "when": "power > 200", "level": "info", "title": "It works"},
    {"id": "never", "when": "power > 20 kW"},
    {"id": "wrong", "when": "temprature > 3"},
]


@pytest.fixture
def gpumon_config(tmp_path):
    return {
        "source": "sim:gpus=2&script=training",
        "interval": 0.2,
        "idle_interval": 0.2,
        "rules": RULES,
        "alert_history": str(tmp_path / "alerts.sqlite"),
    }


@pytest.fixture
def ask(jp_fetch, gpumon):
    """``await ask("alerts")`` → the answer as Python."""

    async def fetch(*route, method="GET", body=None, **params):
        text = None if body is None else json.dumps(body)
        answer = await jp_fetch("gpumon", "api", *route, method=method, body=text, params=params)
        return json.loads(answer.body) if answer.body else None

    return fetch


@pytest.fixture
def fires(gpumon):
    """``await fires("at-work")`` → the alerts by this rule, once there are two: one per GPU."""

    async def wait(rule, count=2):
        def found():
            alerts = [alert for alert in gpumon.service.alerting.alerts.current if alert.finding.rule == rule]
            return (alerts or True) if len(alerts) == count else None

        return await eventually(found, f"{count} alerts by {rule}")

    return wait


async def refused(asking) -> dict[str, object]:
    """The answer to what is refused."""
    with pytest.raises(HTTPClientError) as error:
        await asking
    return {"code": error.value.code, **json.loads(error.value.response.body)}


async def test_what_fires_stands_in_rest_and_rides_in_the_stream(ask, fires, listen):
    """One alert per GPU, with its numbers; once each in the stream."""
    client = await listen()
    seen: list[str] = []

    async def follow():
        while len(seen) < 2:
            sample = await client.next(Sample)
            seen.extend(
                event.alert.id for event in sample.events if event.alert and event.alert.finding.rule == "at-work"
            )

    following = asyncio.create_task(follow())
    alerts = await fires("at-work")
    await asyncio.wait_for(following, SECONDS)
    book = await ask("alerts")
    told = [alert for alert in book["alerts"] if alert["finding"]["rule"] == "at-work"]
    assert {alert["id"] for alert in told} == {alert.id for alert in alerts} == set(seen)
    assert told[0]["finding"]["title"] == "It works"
    assert told[0]["finding"]["detail"].startswith("Power ")
    assert book["enabled"] is True
    assert any("temprature" in problem for problem in book["problems"])


async def test_an_alert_is_acknowledged_and_snoozed(ask, fires):
    """It stays, and says so; an id that does not fire is 404, an unknown action 400."""
    alert, _ = await fires("at-work")
    seen = await ask("alerts", alert.id, method="POST", body={"action": "acknowledge"})
    assert seen["acknowledged"] == pytest.approx(time.time(), abs=30)
    snoozed = await ask("alerts", alert.id, method="POST", body={"action": "snooze", "seconds": 60})
    assert snoozed["snoozed"] == pytest.approx(time.time() + 60, abs=30)
    assert "acknowledged" not in await ask("alerts", alert.id, method="POST", body={"action": "unacknowledge"})
    assert (await refused(ask("alerts", "0" * 32, method="POST", body={"action": "snooze"})))["code"] == 404
    assert (await refused(ask("alerts", alert.id, method="POST", body={"action": "shout"})))["code"] == 400


async def test_rules_are_listed_and_a_wrong_one_says_its_column(ask, fires, caplog):
    """Shipped and configured ones; the wrong one stands beside them, and the others judge."""
    await fires("at-work")
    book = await ask("rules")
    by_id = {item["rule"]["id"]: item for item in book["rules"]}
    assert by_id["memory-full"]["origin"] == "shipped"
    assert by_id["at-work"]["origin"] == "configured"
    assert by_id["busy"]["enabled"] is False
    assert by_id["gpu-lost"]["editable"] is False
    assert by_id["gpu-lost"]["help"]
    (problem,) = book["problems"]
    assert (problem["id"], problem["column"], problem["origin"]) == ("wrong", 1, "configured")


async def test_a_rule_is_changed_switched_off_and_back(ask, fires, gpumon, tmp_path):
    """From the next sample on; what is wrong is refused with its column and changes nothing."""
    await fires("at-work")
    item = await ask("rules", "never", method="PUT", body={"when": "power > 150", "title": "Now"})
    assert (item["origin"], item["changed"]) == ("yours", True)
    await fires("never")
    wrong = await refused(ask("rules", "never", method="PUT", body={"when": "power >"}))
    assert (wrong["code"], wrong["column"]) == (400, 8)
    await ask("rules", "at-work", method="PUT", body={"enabled": False})
    await fires("at-work", 0)
    history = (await ask("alerts"))["history"]
    assert {alert["finding"]["rule"] for alert in history} == {"at-work"}
    assert all(alert["state"] == "resolved" for alert in history)
    assert (await refused(ask("rules", "gpu-lost", method="PUT", body={"when": "power > 1"})))["code"] == 400
    await ask("rules", "never", method="DELETE")
    await fires("never", 0)
    assert (await refused(ask("rules", "never", method="DELETE")))["code"] == 404
    kept = json.loads(gpumon.service.alerting._own._path.read_text())
    assert kept == {"rules": {"at-work": {"enabled": False}}}


async def test_a_rule_is_tried_on_the_past(ask, gpumon, fires):
    """It says what would have fired, over how much of what was asked; and what it cannot know."""
    await fires("at-work")
    before = gpumon.service.tally.samples
    await eventually(lambda: gpumon.service.tally.samples >= before + 10, "two seconds of samples")
    past = await ask("rules", "preview", method="POST", body={"rule": RULES[0], "seconds": 600})
    assert len(past["alerts"]) == 2
    assert past["known"] is True
    assert 1 <= past["covered"] < 60
    assert past["unknown"] == []
    odd = {"id": "odd", "when": '"thermal" in clock_events or processes > 5'}
    past = await ask("rules", "preview", method="POST", body={"rule": odd})
    assert (past["known"], past["unknown"], past["alerts"]) == (False, ["clock_events", "processes"], [])
    wrong = await refused(ask("rules", "preview", method="POST", body={"rule": {"id": "x", "when": "power > 1 and"}}))
    assert (wrong["code"], wrong["column"]) == (400, 14)


async def test_prometheus_is_told_what_fires(jp_fetch, fires):
    """A series per rule, level and GPU."""
    await fires("at-work")
    page = (await jp_fetch("gpumon", "metrics")).body.decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    firing = [sample for sample in families["gpumon_alerts_firing"].samples if sample.labels["rule"] == "at-work"]
    assert {(s.labels["gpu"], s.labels["level"], s.value) for s in firing} == {("0", "info", 1.0), ("1", "info", 1.0)}
    fired = {sample.labels["rule"]: sample.value for sample in families["gpumon_alerts_fired"].samples}
    assert fired["at-work"] == 2.0


async def test_an_alert_is_logged_once(fires, gpumon, caplog):
    """With its GPU; not again when somebody has seen it."""
    caplog.set_level(logging.INFO, "jupyter_gpumon")
    alerts = await fires("at-work")
    gpumon.service.alerting.mark(alerts[0].id, acknowledged=1.0)
    await asyncio.sleep(0.6)
    said = [record.getMessage() for record in caplog.records if "It works" in record.getMessage()]
    assert len(said) == 2
    assert any(line.startswith("gpumon alert: gpu0: It works. Power ") for line in said)


async def test_a_kernel_asks_over_the_socket(gpumon, fires):
    """The same book as in REST, for this user alone."""
    alerts = await fires("at-work")
    path = socket_path(Path(gpumon.serverapp.runtime_dir), os.getpid())
    await eventually(path.exists, "the socket")
    answer = await asyncio.get_running_loop().run_in_executor(None, asked, path, "alerts")
    book = msgspec.json.decode(answer, type=AlertBook)
    assert {alert.id for alert in alerts} <= {alert.id for alert in book.alerts}
