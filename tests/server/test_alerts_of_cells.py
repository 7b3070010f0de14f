"""Alerts and cells: one that takes more than its budget is said while it runs, and its record has what fired in it."""

from __future__ import annotations

import json

import pytest

from jupyter_gpumon.alerts import event
from jupyter_gpumon.findings import Alert, Finding
from jupyter_gpumon.kernel.groups import Groups
from jupyter_gpumon.kernel.seen import Seen
from jupyter_gpumon.model import Device

from ..rules.feed import START, sample
from .conftest import eventually

WORKS = "import time; end = time.monotonic() + 10\nwhile time.monotonic() < end: sum(range(1000))"


@pytest.fixture
def gpumon_config(tmp_path):
    """GPUs that follow this server's kernels, and a budget of a second or two of one."""
    return {
        "source": "sim:gpus=2&script=notebook",
        "interval": 0.2,
        "idle_interval": 0.4,
        "cell_budget": 300.0,
        "alert_history": str(tmp_path / "alerts.sqlite"),
        "rules": [{"id": "at-work", "when": "power > 150", "title": "It works"}],
    }


@pytest.fixture
def measuring(jp_fetch, jp_serverapp, http_server_client):
    """``await measuring()`` → a client of a kernel that measures every cell."""

    async def start():
        body = json.dumps({"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}})
        answer = json.loads((await jp_fetch("api", "sessions", method="POST", body=body)).body)
        client = jp_serverapp.kernel_manager.get_kernel(answer["kernel"]["id"]).client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        await client.execute_interactive("%load_ext jupyter_gpumon\n%gpumon summary on", timeout=60)
        return answer["kernel"]["id"], client

    return start


async def test_a_cell_beyond_its_budget_is_said_while_it_runs_and_its_record_has_what_fired(gpumon, measuring):
    """With its notebook and kernel, so that it can be interrupted; the record names its own GPU's alert."""
    kernel, client = await measuring()
    client.execute(WORKS)
    alerting = gpumon.service.alerting

    def beyond():
        return [alert for alert in alerting.alerts.current if alert.finding.rule == "cell-budget"]

    (alert,) = await eventually(beyond, "the cell is beyond its budget")
    assert len(gpumon.service.unfinished) == 1
    assert (alert.finding.kernel, alert.finding.notebook) == (kernel, "a.ipynb")
    assert alert.finding.value > 300
    cell = await eventually(
        lambda: next((each for each in gpumon.service.cells if each.final and each.duration > 5), None), "the record"
    )
    assert "alert: A cell has used up its energy budget" in cell.notes
    (used,) = [device.name for device in cell.devices if device.used]
    assert f"alert on {used}: It works" in cell.notes
    client.stop_channels()


def test_what_fired_before_a_cell_is_not_its_own():
    """Also where somebody acknowledges it meanwhile: it is told of again."""
    device = Device(uuid="GPU-0", index=0, name="Test")
    seen = Seen(1010.0, [device], Groups())

    def told(at: float, fired: float, **more: object) -> None:
        finding = Finding(rule="hot", title="Hot", uuid="GPU-0")
        alert = Alert(id=str(fired), finding=finding, since=START + fired, fired=START + fired, **more)
        seen.take(sample(at, events=(event(alert, 1000.0 + at),)), None)

    told(5, 5)
    told(12, 5, acknowledged=START + 12)
    assert seen.alerts == {}
    told(13, 13)
    told(14, 13, state="resolved", resolved=START + 14)
    assert list(seen.alerts) == ["13"]
