"""The countdown of a policy on the page, and its button; with a real kernel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from .conftest import expect
from .lab import Lab

POLICIES = [
    {"id": "full", "when": "memory_used > 2 GB", "for": 1, "do": "interrupt", "grace": 30},
    {"id": "said", "when": "memory_used > 2 GB", "do": "notify"},
]


@pytest.fixture
def server(tmp_path) -> Iterator[Lab]:
    """A JupyterLab with policies, on a small GPU that follows its kernels."""
    lab = Lab(tmp_path, "sim:gpus=1&model=T4&script=notebook")
    (tmp_path / "config").mkdir(exist_ok=True)
    config = {"GpuMon": {"policies": POLICIES, "interval": 0.5, "alerts": False}}
    (tmp_path / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
    lab.start()
    yield lab
    lab.stop()


def actions(server: Lab, state: str) -> list[dict]:
    found = server.api("gpumon/api/policies")["actions"]
    return [action for action in found if action.get("state", "waiting") == state]


@pytest.mark.ui
def test_a_countdown_shows_what_will_be_done_and_cancel_stops_it(server, visit):
    """It counts down; after the button it says who stopped it, and the cell goes on."""
    name = server.notebook("train.ipynb", source="while True: sum(range(10000))")
    view = visit(server).open()
    view.notebook(name)
    view.run("notebook:run-all-cells")
    toast = view.page.locator(".Toastify__toast", has_text="interrupt the kernel of train.ipynb")
    toast.wait_for()
    expect(view.page.locator(".Toastify__toast", has_text="Policy said: memory_used > 2 GB: Memory")).to_have_count(1)
    begun = toast.inner_text()
    assert "Policy full in " in begun
    assert "Memory" in begun
    view.wait("before => !document.body.innerText.includes(before)", begun.split(":")[0])
    view.picture("policy-countdown")
    toast.get_by_role("button", name="Cancel").click()
    view.page.locator(".Toastify__toast", has_text="cancelled by").wait_for()
    view.picture("policy-cancelled")
    assert actions(server, "cancelled")[0]["policy"] == "full"
    assert not actions(server, "waiting")
    time.sleep(1)
    expect(view.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    assert view.errors == []


@pytest.mark.ui
def test_a_page_that_is_opened_in_between_shows_it_too_and_how_it_ended(server, visit):
    """Whoever comes later still has the button; afterwards what was done is found."""
    body = {"path": "x.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    assert server.api("api/sessions", "POST", body)
    first = visit(server).open()
    first.page.evaluate(
        """async () => {
            const sessions = jupyterapp.serviceManager.sessions;
            await sessions.refreshRunning();
            const session = sessions.connectTo({ model: [...sessions.running()][0] });
            session.kernel.requestExecute({ code: 'while True: sum(range(10000))' });
        }"""
    )
    waiting = "policy full in"
    first.page.locator(".Toastify__toast", has_text="interrupt the kernel of x.ipynb").wait_for()
    second = visit(server).open()
    second.page.locator(".Toastify__toast", has_text="interrupt the kernel of x.ipynb").wait_for()
    assert waiting in second.page.locator("body").inner_text().lower()
    second.page.locator(".Toastify__toast", has_text="Policy full, done").wait_for()
    first.page.locator(".Toastify__toast", has_text="Policy full, done").wait_for()
    assert actions(server, "done")
