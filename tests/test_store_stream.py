"""A database read back as a stream: what convert and export take from it."""

from __future__ import annotations

import pytest

from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.sinks.urls import open_sink
from jupyter_gpumon.store.stream import Store

from .contracts.sink import PROMISES, Place
from .contracts.sql import HELLO, START, fed, sample, xid

EVER = (0.0, 9e9)


def samples(store: Store, *window: float, step: float = 0.0) -> list[Sample]:
    return [message for message in store.messages(*(window or EVER), step) if isinstance(message, Sample)]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_an_embedded_database_keeps_the_promises_of_a_sink(sqlite, promise):
    """The same body of tests as for files; the sink is read by another connection."""
    url = sqlite.fresh().url
    promise(Place(lambda run: open_sink(url, run), lambda: samples(Store(url))))


def test_what_was_written_comes_back_in_order(database):
    """Values, the host's beside them, events and devices; also more than is fetched at a time."""
    written = [sample(n, events=(xid(n),) if n == 7 else ()) for n in range(20)]
    fed(database.url, written)
    store = Store(database.url)
    hello, *kept = list(store.messages(*EVER))
    assert isinstance(hello, Hello)
    assert [(device.uuid, device.label, device.name) for device in hello.devices] == [
        (device.uuid, device.label, device.name) for device in HELLO.devices
    ]
    assert hello.hostname == "n1"
    assert [(s.time, s.gpus, s.host) for s in kept] == [(s.time, s.gpus, s.host) for s in written]
    assert [(event.title, event.uuid) for event in kept[7].events] == [("XID 79", "GPU-1")]
    assert store.span() == (START, START + 19)


def test_a_window_and_a_run_of_it_are_read_alone(database):
    """Both bounds are in it; a name is a value."""
    fed(database.url, [sample(n) for n in range(10)], run="a'b")
    fed(database.url, [sample(n) for n in range(100, 105)], run="other")
    assert [s.time - START for s in samples(Store(database.url), START + 2, START + 4)] == [2, 3, 4]
    store = Store(database.url, "a'b")
    assert len(samples(store)) == 10
    assert (store.run(), Store(database.url).run()) == ("a'b", "")


def test_a_step_that_there_is_a_table_for_is_read_from_it(database):
    """Of a rollup the means; of a step that it does not divide, the samples."""
    fed(database.url, [sample(n) for n in range(61)], keep="raw:1d,10s:7d")
    store = Store(database.url)
    coarse = samples(store, step=20.0)
    assert len(coarse) < 10 < len(samples(store, step=15.0))
    assert [s.gpus[0].power for s in coarse[:2]] == [104.5, 114.5]
