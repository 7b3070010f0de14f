"""What a user may see: which devices, and whose processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psutil
import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.model import Device, Edge, Event, Gpu, Hello, Process, Request, Sample
from jupyter_gpumon.server.allowed import Allowed, by_cuda
from jupyter_gpumon.server.owners import Kernels, Owners
from jupyter_gpumon.server.visible import Visible
from jupyter_gpumon.wire import encode

BOARD = "GPU-aaaa1111-0000-0000-0000-000000000000"
OTHER = "GPU-bbbb2222-0000-0000-0000-000000000000"
DEVICES = (
    Device(uuid=BOARD, index=0, name="H200", topology={OTHER: "nvlink"}),
    Device(uuid=OTHER, index=1, name="H200", mig=True, topology={BOARD: "nvlink"}),
    Device(uuid="MIG-one", index=1, name="H200 MIG", parent=OTHER, instance=0, gpu_instance=3, compute_instance=0),
    Device(uuid="MIG-two", index=1, name="H200 MIG", parent=OTHER, instance=1, gpu_instance=5, compute_instance=0),
)


class Source:
    """A source that yields these messages and remembers what it was asked."""

    def __init__(self, *messages) -> None:
        self.messages, self.asked = messages, []

    def stream(self, clock):
        yield from self.messages

    def ask(self, request) -> None:
        self.asked.append(request)

    def close(self) -> None: ...


def seen(*messages, show="own", allowed=(), owners=None):
    """What comes through."""
    source = Source(*messages)
    return list(Visible(source, owners or Owners(), show, allowed).stream(FakeClock()))


def labels_of(devices, allowed):
    """What a restriction leaves of them."""
    return [device.label for device in allowed.choose(devices)]


def test_alerts_of_another_server_are_not_passed_on():
    """They may name who uses that one; what is the matter is judged anew here."""
    alert = Event(
        kind="alert", time=1.0, mono=1.0, title="An idle GPU is held", uuid=BOARD, detail="on it: secret.ipynb"
    )
    xid = Event(kind="xid", time=1.0, mono=1.0, title="XID 31", uuid=BOARD, code=31)
    _, sample = seen(Hello(devices=DEVICES), Sample(time=1.0, mono=1.0, events=(alert, xid)))
    assert sample.events == (xid,)


@pytest.mark.parametrize(
    ("entries", "labels"),
    [
        (["0"], ["gpu0"]),
        (["1"], ["gpu1", "gpu1:0", "gpu1:1"]),
        (["1:1"], ["gpu1:1"]),
        (["gpu1:0", "gpu0"], ["gpu0", "gpu1:0"]),
        (["GPU-aaaa1111"], ["gpu0"]),
        ([OTHER], ["gpu1", "gpu1:0", "gpu1:1"]),
        (["MIG-two"], ["gpu1:1"]),
        ([f"MIG-{OTHER}/3/0"], ["gpu1:0"]),
        (["0", "-1", "1"], ["gpu0"]),
        (["7"], []),
        (["NoDevFiles"], []),
        ([], []),
    ],
)
def test_devices_are_named_as_cuda_names_them(entries, labels):
    """By index, UUID, its beginning, and both MIG forms; what names nothing ends the list."""
    assert labels_of(DEVICES, Allowed(entries=tuple(entries))) == labels


def test_an_unset_variable_restricts_nothing_and_an_empty_one_everything():
    """As CUDA reads it; indices count by PCI bus only where that is said."""
    assert by_cuda({}) == []
    assert by_cuda({"CUDA_VISIBLE_DEVICES": ""}) == [Allowed(entries=(), fastest_first=True)]
    ordered = {"CUDA_VISIBLE_DEVICES": " 0, GPU-aa ", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert by_cuda(ordered) == [Allowed(entries=("0", "GPU-aa"), fastest_first=False)]


MIXED = (*DEVICES, Device(uuid="GPU-cccc3333", index=2, name="L4"))


@pytest.mark.parametrize(
    ("devices", "environ", "labels"),
    [
        (DEVICES, {"CUDA_VISIBLE_DEVICES": "0"}, ["gpu0"]),
        (MIXED, {"CUDA_VISIBLE_DEVICES": "0"}, []),
        (MIXED, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, []),
        (MIXED, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, ["gpu0"]),
        (MIXED, {"CUDA_VISIBLE_DEVICES": "2,0,1"}, ["gpu0", "gpu1", "gpu1:0", "gpu1:1", "gpu2"]),
        (MIXED, {"CUDA_VISIBLE_DEVICES": "GPU-cccc3333"}, ["gpu2"]),
        (MIXED, {"CUDA_VISIBLE_DEVICES": "GPU-cccc3333,0"}, ["gpu2"]),
    ],
)
def test_an_index_that_may_mean_this_board_or_that_shows_neither(devices, environ, labels):
    """Boards of different models, counted by speed: only UUIDs, or all of them, are clear."""
    (allowed,) = by_cuda(environ)
    assert labels_of(devices, allowed) == labels


def test_an_unclear_index_is_said_once_in_the_log_and_on_every_page(caplog):
    """With what to do about it; a server that may show nothing for another reason names that one."""
    allowed = by_cuda({"CUDA_VISIBLE_DEVICES": "0"})
    for hello in seen(Hello(devices=MIXED), Hello(devices=MIXED), allowed=allowed):
        assert (hello.devices, hello.status.state) == ((), "no-gpus")
        assert "PCI_BUS_ID" in hello.status.hint
    assert len([record for record in caplog.records if "PCI_BUS_ID" in record.getMessage()]) == 1
    (hello,) = seen(Hello(devices=MIXED), allowed=[Allowed(entries=("7",))])
    assert "c.GpuMon.devices" in hello.status.hint


def test_nothing_of_a_device_that_may_not_be_seen_comes_through():
    """Neither values, edges, events, processes nor the topology name it; configuration and CUDA restrict together."""
    sample = Sample(
        time=1.0,
        mono=1.0,
        gpus=(Gpu(uuid=BOARD, power=1.0), Gpu(uuid=OTHER, power=2.0)),
        edges=(Edge(uuid=BOARD, since=0.0, mono=1.0, joules=1.0), Edge(uuid=OTHER, since=0.0, mono=1.0, joules=2.0)),
        events=(Event(kind="xid", time=1.0, mono=1.0, title="XID", uuid=OTHER),),
        processes=(Process(uuid=OTHER, pid=1),),
    )
    hello, sample = seen(
        Hello(devices=DEVICES), sample, allowed=[Allowed(entries=("0", "1:0")), Allowed(entries=("0",))]
    )
    assert [device.uuid for device in hello.devices] == [BOARD]
    for message in (hello, sample):
        assert OTHER not in encode(message).decode()
    assert sample.processes == ()


FOREIGN = (
    Process(uuid=BOARD, pid=1, name="secret-model", memory=3e9, utilization=0.5),
    Process(uuid=BOARD, pid=2, name="other", memory=1e9),
    Process(uuid=OTHER, pid=2, name="other"),
)


def processes(show, rows=FOREIGN, **more):
    hello = Hello(devices=DEVICES, pid_namespace=more.pop("pid_namespace", "host"))
    _, sample = seen(hello, Sample(time=1.0, mono=1.0, processes=rows), show=show, **more)
    return sample.processes


def test_foreign_processes_are_one_sum_per_device():
    """Without pids and names; what is unknown of all of them stays unknown."""
    assert processes("own") == (
        Process(uuid=BOARD, count=2, memory=4e9, utilization=0.5),
        Process(uuid=OTHER, count=1),
    )


def test_all_shows_foreign_processes_by_pid_and_never_by_name():
    """For an administrator of a shared machine."""
    assert [(row.pid, row.name, row.own, row.memory) for row in processes("all")] == [
        (1, None, False, 3e9),
        (2, None, False, 1e9),
        (2, None, False, None),
    ]


def test_none_shows_nothing_and_does_not_look():
    """The agent is asked not to read processes at all."""
    assert processes("none") is None
    source = Source(Hello())
    list(Visible(source, Owners(), "none", ()).stream(FakeClock()))
    assert source.asked == [Request(processes=False)]


@pytest.mark.parametrize("show", ["own", "all"])
def test_in_a_foreign_pid_namespace_nothing_is_named(show):
    """The driver's pid 1234 is not our 1234: rows become one sum, even where the number is ours."""
    rows = (Process(uuid=BOARD, pid=os.getpid(), memory=1e9),)
    assert processes(show, rows, pid_namespace="foreign") == (Process(uuid=BOARD, count=1, memory=1e9),)


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def child():
    """A process of ours with a child of its own: (its pid, the grandchild's)."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=-1, stdout=-1, text=True) as process:
        worker = int(process.stdout.readline())
        yield process.pid, worker
        process.kill()
        psutil.Process(worker).kill()


def test_a_child_of_a_kernel_belongs_to_the_kernels_notebook(child):
    """A data loader's worker is the notebook's."""
    kernel, worker = child
    owners = Owners(server=1)
    owners.kernels = Kernels(pids={kernel: "k1"}, notebooks={"k1": "train.ipynb"})
    named = owners.named(Process(uuid=BOARD, pid=worker, memory=5.0))
    assert (named.own, named.kernel, named.notebook, named.memory) == (True, "k1", "train.ipynb", 5.0)
    assert named.name == psutil.Process(worker).name()


def test_a_terminals_process_is_own_without_a_kernel(child):
    """So is everything else this server has started."""
    shell, program = child
    owners = Owners(server=2**22 + 1)
    owners.kernels = Kernels(terminals=frozenset([shell]))
    assert owners.named(Process(uuid=BOARD, pid=program)).own
    assert Owners(server=os.getpid()).named(Process(uuid=BOARD, pid=program)).own


def test_the_same_user_is_not_reason_enough(child):
    """Two servers of one user: neither sees the other's."""
    _, program = child
    assert Owners(server=2**22 + 1).named(Process(uuid=BOARD, pid=program)) is None


def test_a_pid_that_is_gone_is_nobodys():
    """No error."""
    assert Owners().named(Process(uuid=BOARD, pid=2**22 - 1)) is None


def test_an_own_process_stays_own_when_its_parent_dies():
    """A worker that is handed to init still counts for the notebook that started it."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=-1, stdout=-1, text=True) as process:
        worker = int(process.stdout.readline())
        owners = Owners(server=2**22 + 1)
        owners.kernels = Kernels(pids={process.pid: "k1"})
        assert owners.owner(worker).kernel == "k1"
        process.kill()
        process.wait()
        assert owners.owner(worker).kernel == "k1"
        psutil.Process(worker).kill()


@pytest.fixture
def gpumon_config():
    return {
        "source": "sim:gpus=3&script=training",
        "interval": 0.2,
        "idle_interval": 0.2,
        "devices": ["0", "2"],
        "show_processes": "own",
    }


async def test_a_restricted_server_shows_no_more_anywhere(monkeypatch, listen, jp_fetch):
    """Stream, hello, history, processes and energy know GPUs 0 and 2 only."""
    client = await listen(history=60)
    hello = await client.live()
    assert [device.index for device in hello.devices] == [0, 2]
    allowed = {device.uuid for device in hello.devices}
    sample = await client.sample(lambda sample: sample.gpus and sample.processes is not None)
    assert {gpu.uuid for gpu in sample.gpus} == allowed
    assert {process.uuid for process in sample.processes} <= allowed
    assert all(process.own or (process.pid is None and process.name is None) for process in sample.processes)

    async def get(route, **params):
        return json.loads((await jp_fetch("gpumon", "api", route, params=params)).body)

    assert {device["uuid"] for device in (await get("hello"))["devices"]} == allowed
    assert set((await get("samples"))["gpus"]) == allowed
    assert set((await get("energy", start=1, end=2))["energy"]) == allowed
