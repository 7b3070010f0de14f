"""Policies on a real server with real kernels: the guilty one and no other, a countdown that can be stopped, undone."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import psutil
import pytest
from msgspec.structs import replace
from tornado.httpclient import HTTPClientError

from jupyter_gpumon.findings import Action, Alert, Finding
from jupyter_gpumon.model import Process
from jupyter_gpumon.server.policies import means
from tests.notify.receiver import Receiver

from .conftest import SECONDS, eventually

BUSY = "while True: sum(range(10000))"
HOLDS = "memory_used > 2 GB"
"""What a kernel that has computed for a second or two holds; one that has not holds less."""


def policy(do: str = "interrupt", **more) -> dict:
    return {"id": "full", "when": HOLDS, "for": 1, "do": do, "grace": 0} | more


@pytest.fixture
def policies():
    """Those in force; a test overrides it by ``pytest.mark.parametrize``."""
    return [policy()]


@pytest.fixture
def receiver():
    """A webhook."""
    found = Receiver().begin()
    yield found
    found.end()


@pytest.fixture
def gpumon_config(policies, receiver, monkeypatch):
    """One small GPU that follows this server's kernels."""
    monkeypatch.setenv("POLICY_HOOK", receiver.url)
    return {
        "source": "sim:gpus=1&model=T4&script=notebook",
        "interval": 0.2,
        "idle_interval": 0.2,
        "policies": policies,
        "rules": [{"id": "mine", "when": HOLDS}],
    }


class Kernel:
    """A real one, of a notebook."""

    def __init__(self, id: str, manager, client) -> None:
        self.id, self.manager, self.client = id, manager, client

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.manager.provisioner.pid)

    async def works(self) -> None:
        """Wait until it has computed for another while."""
        before = sum(self.process.cpu_times()[:2])
        await eventually(lambda: sum(self.process.cpu_times()[:2]) > before + 0.3, "it goes on")

    def begin(self, code: str) -> str:
        """Let it run, and do not wait."""
        return self.client.execute(code)

    async def ended(self, message: str) -> dict:
        """How that went."""
        while True:
            reply = await asyncio.wait_for(self.client.get_shell_msg(), 240)
            if reply["parent_header"]["msg_id"] == message:
                return reply["content"]


@pytest.fixture
def kernel(jp_fetch, jp_serverapp, http_server_client):
    """``await kernel("a.ipynb")``."""
    clients = []

    async def start(notebook: str) -> Kernel:
        body = json.dumps({"path": notebook, "type": "notebook", "name": "", "kernel": {"name": "python3"}})
        answer = json.loads((await jp_fetch("api", "sessions", method="POST", body=body)).body)
        manager = jp_serverapp.kernel_manager.get_kernel(answer["kernel"]["id"])
        client = manager.client()
        client.start_channels()
        clients.append(client)
        await client.wait_for_ready(timeout=60)
        return Kernel(answer["kernel"]["id"], manager, client)

    yield start
    for client in clients:
        client.stop_channels()


@pytest.fixture
def actions(gpumon, jp_fetch):
    """``await actions("done")``: the first action in that state, as the API tells it."""

    async def of(state: str, seconds: float = 3 * SECONDS) -> dict:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = json.loads((await jp_fetch("gpumon", "api", "policies")).body)
            found = [action for action in answer["actions"] if action.get("state", "waiting") == state]
            if found:
                return found[0]
            await asyncio.sleep(0.05)
        raise AssertionError(f"never {state}: {answer}")

    return of


def seen(*rows: Process):
    """What would be on the devices."""

    async def processes():
        return rows

    return processes


def fired(**finding) -> Alert:
    """An alert of the rule "x" at this moment."""
    now = time.time()
    return Alert(id=f"a{now}", finding=Finding(**({"rule": "x", "title": "Full"} | finding)), since=now, fired=now)


FULL = {"id": "full", "when": "memory_used / memory_total > 95 %", "for": 2, "do": "interrupt", "grace": 1}


@pytest.mark.parametrize("policies", [[FULL]])
async def test_memory_above_95_percent_interrupts_the_guilty_kernel_and_no_other(kernel, actions, listen):
    """It is announced on every page first; the other kernel's cell runs to its end."""
    listener = await listen()
    innocent, culprit = await kernel("innocent.ipynb"), await kernel("guilty.ipynb")
    begun, waits = culprit.begin(BUSY), innocent.begin("import time; time.sleep(1); 'still here'")
    done = await actions("done", 120)
    assert (done["kernel"], done["notebook"]) == (culprit.id, "guilty.ipynb")
    assert done["what"] == "interrupt the kernel of guilty.ipynb"
    assert done["cause"].startswith("memory_used / memory_total > 95 %: Memory 15.")
    assert (await culprit.ended(begun))["ename"] == "KeyboardInterrupt"
    assert (await innocent.ended(waits))["status"] == "ok"
    announced = await listener.sample(lambda s: any(e.kind == "policy" for e in s.events))
    event = next(event for event in announced.events if event.kind == "policy")
    assert event.action.state == "waiting"
    assert event.title == "Policy full: interrupt the kernel of guilty.ipynb (in 1 s)"
    listener.close()


@pytest.mark.parametrize("policies", [[policy(grace=30)]])
async def test_a_countdown_can_be_stopped(kernel, actions, jp_fetch):
    """By its action or its policy, once; the cell goes on, and it is kept who did it."""
    culprit = await kernel("a.ipynb")
    culprit.begin(BUSY)
    waiting = await actions("waiting")
    assert 0 < waiting["due"] - time.time() <= 30
    answer = await jp_fetch("gpumon", "api", "policies", waiting["id"], "cancel", method="POST", body="")
    assert json.loads(answer.body)["state"] == "cancelled"
    cancelled = await actions("cancelled")
    assert cancelled["by"]
    with pytest.raises(HTTPClientError) as gone:
        await jp_fetch("gpumon", "api", "policies", "full", "cancel", method="POST", body="")
    assert gone.value.code == 404
    await culprit.works()


@pytest.mark.parametrize("policies", [[policy(grace=30)]])
async def test_a_countdown_ends_when_the_alert_is_over(kernel, actions):
    """What has ended by itself is not interrupted."""
    culprit = await kernel("a.ipynb")
    culprit.begin(BUSY)
    await actions("waiting")
    await culprit.manager.shutdown_kernel(now=True)
    assert (await actions("over"))["do"] == "interrupt"


@pytest.mark.parametrize("policies", [[policy(dry_run=True), policy("stop", id="other", dry_run=True)]])
async def test_a_dry_run_does_nothing_but_say_it(kernel, actions, gpumon):
    """Neither interrupted nor stopped."""
    culprit = await kernel("a.ipynb")
    culprit.begin(BUSY)
    found = await actions("dry-run")
    assert found["kernel"] == culprit.id
    await asyncio.sleep(0.5)
    await culprit.works()
    assert {action.state for action in gpumon.service.policies._written.recent} == {"dry-run"}


PAUSE = policy("pause", **{"for": 0.3}, when="utilization > 5 %", clear="utilization < 2 %")


@pytest.mark.parametrize("policies", [[PAUSE]])
async def test_a_paused_kernel_goes_on_when_the_alert_is_over(kernel, actions):
    """SIGSTOP, and SIGCONT: it computes on where it was."""
    culprit = await kernel("a.ipynb")
    begun = culprit.begin("for n in range(1000): sum(range(100000))\nn")
    paused = await actions("done")
    assert paused["pids"] == [culprit.process.pid]
    assert "paused" in paused["result"]
    undone = await actions("undone")
    assert undone["id"] == paused["id"]
    assert undone["result"] == "1 go on"
    assert (await culprit.ended(begun))["status"] == "ok"


@pytest.mark.parametrize("policies", [[policy("pause", when="memory_used > 1 GB", undo=False)]])
async def test_what_is_paused_goes_on_when_the_server_ends(kernel, actions, gpumon):
    """Nobody else would know that it is to be woken."""
    culprit = await kernel("a.ipynb")
    culprit.begin(BUSY)
    await actions("done")
    await eventually(lambda: culprit.process.status() == psutil.STATUS_STOPPED, "it stands still")
    await gpumon.service.policies.close()
    await eventually(lambda: culprit.process.status() != psutil.STATUS_STOPPED, "it goes on")


@pytest.mark.parametrize("policies", [[{"id": "p", "rule": "mine", "do": "interrupt", "grace": 0}]])
async def test_a_policy_waits_for_an_alert_of_the_servers_rules(kernel, actions):
    """Those that stand in the Alerts tab."""
    culprit = await kernel("a.ipynb")
    begun = culprit.begin(BUSY)
    assert (await actions("done"))["rule"] == "mine"
    assert (await culprit.ended(begun))["ename"] == "KeyboardInterrupt"


@pytest.mark.parametrize("policies", [[policy("stop")]])
async def test_a_kernel_can_be_shut_down(kernel, actions, jp_serverapp):
    """The guilty one."""
    innocent, culprit = await kernel("b.ipynb"), await kernel("a.ipynb")
    culprit.begin(BUSY)
    assert (await actions("done"))["kernel"] == culprit.id
    assert jp_serverapp.kernel_manager.list_kernel_ids() == [innocent.id]


@pytest.mark.parametrize("policies", [[{"id": "p", "rule": "x", "do": "stop", "grace": 0}]])
async def test_another_users_process_is_refused(kernel, gpumon, actions, caplog):
    """It holds more than the kernel does: nothing is done, and it is said and written down."""
    mine = await kernel("a.ipynb")
    rows = [
        Process(uuid="GPU-0", pid=mine.process.pid, own=True, kernel=mine.id, memory=1e9),
        Process(uuid="GPU-0", memory=40e9),
    ]
    gpumon.service.policies._processes = seen(*rows)
    gpumon.service.policies.take(fired(uuid="GPU-0"))
    refused = await actions("refused")
    assert refused["result"].startswith("another user's process holds more")
    assert "refused" in caplog.text
    gpumon.service.policies.take(fired(uuid="GPU-0", pid=1))
    await asyncio.sleep(0.3)
    assert (await actions("refused"))["result"] == "process 1 belongs to somebody else"
    assert mine.process.is_running()
    file = gpumon.service.policies._written._path
    assert "another user" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("policies", [[{"id": "p", "rule": "x", "do": "interrupt", "grace": 0, "for": 0.5}]])
async def test_a_rule_has_to_fire_for_as_long_as_the_policy_says(kernel, gpumon, actions):
    """One that is over before is nothing."""
    mine = await kernel("a.ipynb")
    gpumon.service.policies._processes = seen()
    short = fired(kernel=mine.id)
    gpumon.service.policies.take(short)
    gpumon.service.policies.take(replace(short, state="resolved", resolved=time.time()))
    await asyncio.sleep(0.7)
    assert not gpumon.service.policies._written.recent
    begun = mine.begin("import time; time.sleep(60)")
    gpumon.service.policies.take(fired(kernel=mine.id))
    await actions("done")
    assert (await mine.ended(begun))["ename"] == "KeyboardInterrupt"


@pytest.mark.parametrize("policies", [[{"id": "p", "rule": "x", "do": "power-limit", "limit": 0.8, "grace": 0}]])
async def test_a_power_limit_is_put_back_when_the_alert_is_over(gpumon, actions, http_server_client, monkeypatch):
    """To what it was; a board of the simulation has none that could be set."""
    asked = []

    def set_limit(uuid: str, limit: float) -> tuple[float, float]:
        asked.append((uuid, limit))
        return 700.0, 560.0

    monkeypatch.setattr(means, "set_limit", set_limit)
    alert = fired(uuid="GPU-0")
    gpumon.service.policies.take(alert)
    assert (await actions("done"))["result"] == "560 W instead of 700 W"
    gpumon.service.policies.take(replace(alert, state="resolved", resolved=time.time()))
    assert (await actions("undone"))["result"] == "700 W again"
    assert asked == [("GPU-0", 0.8), ("GPU-0", 700.0)]


STAYS = policy("pause", when="memory_used > 1 GB", undo=False)


@pytest.mark.parametrize("policies", [[STAYS, {"id": "p", "rule": "x", "do": "resume"}]])
async def test_what_was_paused_can_be_let_go_on_by_another_policy(kernel, actions, gpumon):
    """On that GPU, and only what policies had paused."""
    culprit = await kernel("a.ipynb")
    culprit.begin(BUSY)
    paused = await actions("done")
    await eventually(lambda: culprit.process.status() == psutil.STATUS_STOPPED, "it stands still")
    gpumon.service.policies.take(fired(uuid=paused["uuid"]))
    await eventually(lambda: culprit.process.status() != psutil.STATUS_STOPPED, "it goes on")
    assert (await actions("done"))["result"] == "1 go on"


TELLS = "import os, sys; open(sys.argv[1], 'w').write(os.environ['GPUMON_TITLE'] + os.environ['GPUMON_RULE'])"


@pytest.mark.parametrize("policies", [[{"id": "p", "rule": "x", "do": "run", "command": ["false"], "grace": 0}]])
async def test_a_command_that_fails_says_so(gpumon, actions, http_server_client):
    """With its exit code."""
    gpumon.service.policies.take(fired())
    assert "false ended with 1" in (await actions("failed"))["result"]


async def test_a_command_is_told_what_it_is_about(gpumon, actions, http_server_client, tmp_path):
    """By variables; nothing of it goes through a shell."""
    from jupyter_gpumon.server.policies.policy import read_policy

    file = tmp_path / "told"
    command = [sys.executable, "-c", TELLS, str(file)]
    gpumon.service.policies.policies = (
        read_policy({"id": "p", "rule": "x", "do": "run", "command": command, "grace": 0}),
    )
    gpumon.service.policies.take(fired(title="Full; rm -rf $HOME "))
    assert (await actions("done"))["what"] == f"run {sys.executable}"
    assert file.read_text() == "Full; rm -rf $HOME x"


@pytest.mark.parametrize("policies", [[{"id": "p", "rule": "x", "do": "webhook", "to": "webhook:$POLICY_HOOK"}]])
async def test_a_webhook_is_told_of_it_and_of_its_end(gpumon, actions, http_server_client, receiver):
    """Only of what the policy is for; its address is shown nowhere."""
    alert = fired()
    gpumon.service.policies.take(alert)
    done = await actions("done")
    assert done["what"] == "tell webhook:…"
    gpumon.service.policies.take(replace(alert, state="resolved", resolved=time.time()))
    end = time.monotonic() + SECONDS
    while len(receiver.taken) < 2:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert [body["state"] for body in receiver.taken] == ["firing", "resolved"]


@pytest.mark.parametrize("policies", [[{"id": "p", "do": "dance"}, {"id": "q", "rule": "x", "do": "notify"}]])
async def test_what_cannot_be_used_is_said_and_the_others_are_in_force(gpumon, jp_fetch, actions):
    """In the answer; a notice in the page is what a policy does at the least."""
    answer = json.loads((await jp_fetch("gpumon", "api", "policies")).body)
    assert [one["id"] for one in answer["policies"]] == ["q"]
    assert answer["problems"][0].startswith('The policy p: "do" is one of')
    gpumon.service.policies.take(fired())
    assert Action(**(await actions("done"))).what == "say so in the page"
