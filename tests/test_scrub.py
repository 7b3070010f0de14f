"""Scrubbed streams name nobody, and still join."""

from __future__ import annotations

import itertools
import types
import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpumon import model
from jupyter_gpumon.model import Device, Edge, Event, Gpu, Hello, PowerRun, Process, Sample, Sensor, Status
from jupyter_gpumon.scrub import KEPT, Scrubber
from jupyter_gpumon.wire import encode

WORDS = {"version", "software", "driver", "nvml", "cuda", "pid_namespace", "kind", "state", "level", "clock_events"}
"""Text that is kept as it is: versions, and words out of a list."""


def named(kind: type, count: itertools.count) -> object:
    """A struct of which every text is a secret of its own, every list has two, and nothing is left out."""
    hints = typing.get_type_hints(kind)
    return kind(**{name: _filled(hints[name], name, kind, count) for name in kind.__struct_fields__})


def _filled(hint: object, name: str, owner: type, count: itertools.count) -> object:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _filled(next(a for a in arguments if a is not type(None)), name, owner, count)
    if origin is tuple:
        return tuple(_filled(arguments[0], name, owner, count) for _ in range(2))
    if origin is list:
        return [_filled(arguments[0], name, owner, count)]
    if origin is dict:
        return {_filled(arguments[0], name, owner, count): _filled(arguments[1], name, owner, count)}
    if hint is str:
        return (
            "kept" if name in WORDS or (owner is Device and name in KEPT) or owner is Sensor else f"secret{next(count)}"
        )
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return named(hint, count)
    return next(count) + 7_000_000 if hint is int and name == "pid" else hint(1)


@pytest.mark.parametrize("kind", [Hello, Sample])
def test_no_text_that_was_in_a_message_is_in_it_afterwards(kind):
    """Every text of every struct is a secret, also those that are added to the model later."""
    count = itertools.count()
    message = named(kind, count)
    assert next(count) > 15
    assert b"secret" in encode(message)
    scrubbed = encode(Scrubber("").message(message))
    assert b"secret" not in scrubbed
    assert b"700000" not in scrubbed, "a process id"


TEXT = st.text("abcdef0123456789-/:.@ üé", min_size=8, max_size=40).map(lambda text: f"<{text}>")


@given(st.lists(TEXT, min_size=12, max_size=12, unique=True))
def test_nothing_that_names_anybody_is_left(secrets):
    """Whatever the names are: UUIDs, hosts, users, addresses, paths, programs."""
    uuid, other, pci, host, user, path, program, kernel, notebook, title, hint, boot = secrets
    device = Device(
        uuid=uuid, index=0, name="NVIDIA H200", pci=pci, parent=other, detail=path, topology={other: "nvlink"}
    )
    hello = Hello(
        hostname=host, user=user, source=f"replay:{path}", boot_id=boot, devices=(device,),
        status=Status(state="mismatch", message=title, hint=hint), host_absent={"cpu_energy": f"permission: {path}"},
        events=(Event(kind="xid", time=1, mono=1, title=title, detail=program),),
    )  # fmt: skip
    sample = Sample(
        time=1, mono=1, gpus=(Gpu(uuid=uuid, power=5.0),), edges=(Edge(uuid=uuid, since=1, mono=1, joules=1),),
        powers=(PowerRun(uuid=uuid, kind="instant", monos=(1.0,), watts=(1.0,)),),
        processes=(Process(uuid=uuid, pid=77, name=program, kernel=kernel, notebook=notebook, memory=1.0),),
        events=(Event(kind="xid", time=1, mono=1, title=title, detail=path, uuid=uuid, code=79),),
    )  # fmt: skip
    scrubber = Scrubber("a key")
    said = (encode(scrubber.message(hello)) + encode(scrubber.message(sample))).decode()
    assert not [secret for secret in secrets if secret in said or secret.strip("<>") in said]
    assert "NVIDIA H200" in said
    assert '"xid 79"' in said


def test_stand_ins_join_rows_of_all_messages_and_recordings():
    """The same board is the same everywhere, and another one another; a key of one's own makes them one's own."""
    device = Device(uuid="GPU-1", index=0, name="x")
    child = Device(uuid="MIG-2", index=0, name="x", parent="GPU-1")
    hello = Scrubber("k").message(Hello(devices=(device, child)))
    sample = Scrubber("k").message(Sample(time=1, mono=1, gpus=(Gpu(uuid="GPU-1"), Gpu(uuid="MIG-2"))))
    assert [d.uuid for d in hello.devices] == [g.uuid for g in sample.gpus]
    assert hello.devices[1].parent == hello.devices[0].uuid != hello.devices[1].uuid
    assert [g.uuid.partition("-")[0] for g in sample.gpus] == ["GPU", "MIG"]
    assert Scrubber("other").stand_in("GPU-1") != Scrubber("k").stand_in("GPU-1")


def test_what_is_measured_stays():
    """Values, stamps, models, how many processes there are and what memory they hold."""
    gpu = Gpu(uuid="GPU-1", power=5.0, clock_events=("idle",))
    processes = tuple(Process(uuid="GPU-1", pid=n, memory=10.0) for n in (1, 2))
    before = Sample(time=1, mono=2, gpus=(gpu,), host=model.Host(cpu=0.5), processes=processes, missed=3)
    after = Scrubber("").message(before)
    assert (after.time, after.mono, after.host, after.missed) == (1, 2, before.host, 3)
    assert (after.gpus[0].power, after.gpus[0].clock_events) == (5.0, ("idle",))
    assert [(p.pid, p.count, p.memory) for p in after.processes] == [(None, 2, 20.0)]


def test_the_key_can_come_from_the_environment(monkeypatch):
    """So that it is in no command line."""
    monkeypatch.setenv("GPUMON_SCRUB_KEY", "mine")
    assert Scrubber().stand_in("GPU-1") == Scrubber("mine").stand_in("GPU-1")
