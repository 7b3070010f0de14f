"""A kernel that dies in a cell: the server closes the record, and what comes after a restart is told apart from it."""

from __future__ import annotations

import json

import pytest

from .conftest import eventually

DIES = """
import os, signal, time
begun = time.monotonic()
while time.monotonic() < begun + 3: sum(range(1000))
os.kill(os.getpid(), signal.SIGKILL)
"""


DIES_AFTER_A_PART = """
import time
import jupyter_gpumon as gm
begun = time.monotonic()
with gm.measure("part"):
    while time.monotonic() < begun + 2: sum(range(1000))
time.sleep(1.5)  # long enough for the record to be told
""" + DIES.replace("+ 3", "+ 1")


@pytest.fixture
def gpumon_config():
    """GPUs that follow this server's kernels."""
    return {"source": "sim:gpus=2&script=notebook", "interval": 0.2, "idle_interval": 0.4, "region": "DE"}


@pytest.fixture
def kernel(jp_fetch, jp_serverapp, http_server_client):
    """``await kernel()`` → its id, its manager and a client; summaries are on."""

    async def start():
        body = json.dumps({"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}})
        answer = json.loads((await jp_fetch("api", "sessions", method="POST", body=body)).body)
        manager = jp_serverapp.kernel_manager.get_kernel(answer["kernel"]["id"])
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        await client.execute_interactive("%load_ext jupyter_gpumon\n%gpumon summary on", timeout=60)
        return answer["kernel"]["id"], manager, client

    return start


def _records(gpumon, status):
    return [cell for cell in gpumon.service.cells if cell.status == status]


async def test_a_cell_whose_kernel_dies_is_closed_by_the_server(gpumon, kernel):
    """At the last sign of life, as incomplete, with the energy of the GPU it was on from the server's own ledger."""
    kernel_id, manager, client = await kernel()
    manager.stop_restarter()
    client.execute(DIES)
    await eventually(lambda: len(gpumon.service.unfinished), "the window is known")
    (cell,) = await eventually(lambda: _records(gpumon, "incomplete"), "the record")
    assert cell.kernel_id == kernel_id
    assert cell.final
    assert 2 < cell.duration < 10
    assert "closed by the server" in cell.notes[0]
    (device,) = cell.devices
    energy = cell.energy[device.name]
    assert energy.joules is not None
    assert energy.joules > 60 * cell.duration
    assert (cell.footprint.region, cell.footprint.joules) == ("DE", energy.joules)
    assert len(gpumon.service.unfinished) == 0
    client.stop_channels()


async def test_what_was_measured_in_such_a_cell_is_in_the_books_once(gpumon, kernel):
    """The part has a record of its own, and the server's record of the cell says what it took without."""
    _, manager, client = await kernel()
    manager.stop_restarter()
    before = sum(board.cells for board in gpumon.service.keeper.books({}).start.devices.values())
    client.execute(DIES_AFTER_A_PART)
    (cell,) = await eventually(lambda: _records(gpumon, "incomplete"), "the record")
    client.stop_channels()
    (part,) = [each for each in _records(gpumon, "ok") if each.title == "part"]
    (name,) = [device.name for device in cell.devices]
    assert part.within == (cell.id,)
    took, inner = cell.energy[name].joules, part.energy[name].joules
    assert took > inner > 60
    assert cell.exclusive[name].joules == pytest.approx(took - inner)
    books = gpumon.service.keeper.books({}).start.devices.values()
    assert sum(board.cells for board in books) - before == pytest.approx(took)


async def test_a_restart_in_a_cell_leaves_an_incomplete_record_and_joins_nothing(gpumon, kernel):
    """The cell of before ends with the old process; the one after is a record of its own."""
    _, manager, client = await kernel()
    client.execute("import time; time.sleep(60)")
    await eventually(lambda: len(gpumon.service.unfinished), "the window is known")
    await manager.restart_kernel(now=True)
    await client.wait_for_ready(timeout=60)
    (before,) = await eventually(lambda: _records(gpumon, "incomplete"), "the record")
    await client.execute_interactive("%load_ext jupyter_gpumon\n%gpumon summary on", timeout=60)
    await client.execute_interactive("import time; time.sleep(1)", timeout=60)
    (after,) = await eventually(lambda: [c for c in _records(gpumon, "ok") if c.final and c.duration > 0.9], "the next")
    assert after.kernel_id == before.kernel_id
    assert after.start > before.end
    assert before.duration < 59
    client.stop_channels()


async def test_a_cell_that_ends_is_recorded_by_its_kernel_alone(gpumon, kernel):
    """Also one that lasts: nothing is left open when the kernel ends later."""
    _, manager, client = await kernel()
    await client.execute_interactive("import time; time.sleep(2)", timeout=60)
    await eventually(lambda: [c for c in _records(gpumon, "ok") if c.final and c.duration > 1.9], "the record")
    await eventually(lambda: not len(gpumon.service.unfinished), "nothing is open")
    client.stop_channels()
    await manager.shutdown_kernel(now=True)
    assert _records(gpumon, "incomplete") == []
