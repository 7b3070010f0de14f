"""Who is sent what and when: clients without a network."""

from __future__ import annotations

import pytest

from jupyter_gpumon.model import Edge, Error, Event, Gpu, Hello, Host, Process, Sample, Subscribe
from jupyter_gpumon.server.channel import Client
from jupyter_gpumon.server.view import MOST_EDGES, MOST_EVENTS, merged, narrowed
from jupyter_gpumon.wire import decode, encode


def sample(mono: float, **more) -> Sample:
    """One sample of two GPUs."""
    gpus = (Gpu(uuid="GPU-a", power=mono, temperature=50.0), Gpu(uuid="GPU-b", power=2 * mono))
    return Sample(time=1000.0 + mono, mono=mono, gpus=gpus, **more)


def event(mono: float) -> Event:
    return Event(kind="note", time=mono, mono=mono, title=str(mono))


def edge(mono: float) -> Edge:
    return Edge(uuid="GPU-a", since=mono - 0.1, mono=mono, joules=mono)


class Network:
    """Takes texts; says that one is gone only when it is told to."""

    def __init__(self, *, fast: bool = True) -> None:
        self.fast, self.texts, self._done = fast, [], None

    def __call__(self, text, done) -> None:
        self.texts.append(text)
        self._done = done
        if self.fast:
            done()

    def drain(self) -> None:
        """The network has taken the last text."""
        self._done()

    @property
    def messages(self):
        return [decode(text) for text in self.texts]


def client(
    network: Network, subscribe: Subscribe | None = None, *, local: bool = False, interval: float = 1.0
) -> Client:
    made = Client(network, local=local)
    made.subscribe(subscribe or Subscribe(), interval)
    return made


def test_a_sample_is_encoded_once_for_all_who_want_the_same():
    """Ten tabs are sent the same bytes; one that wants less gets its own."""
    networks = [Network() for _ in range(10)]
    clients = [client(network) for network in networks]
    lesser = Network()
    clients.append(client(lesser, Subscribe(metrics=("power",))))
    encoded = {}
    for each in clients:
        each.offer(sample(1.0), encoded)
    assert len(encoded) == 2
    assert all(network.texts[0] is networks[0].texts[0] for network in networks)
    assert lesser.messages[0].gpus[0] == Gpu(uuid="GPU-a", power=1.0)


def test_a_client_that_is_still_reading_is_told_what_was_wrong_after_it():
    """Before the next sample, and once."""
    network = Network(fast=False)
    slow = client(network)
    slow.offer(sample(1.0), {})
    slow.error("Too long.")
    slow.offer(sample(2.0), {})
    for _ in range(3):
        network.drain()
    assert [type(message) for message in network.messages] == [Sample, Error, Sample]
    assert network.messages[1].message == "Too long."


def test_a_slow_client_gets_the_latest_with_all_events():
    """What came meanwhile is one sample, not a queue."""
    network = Network(fast=False)
    slow = client(network)
    for mono in range(1, 6):
        slow.offer(sample(float(mono), events=(event(mono),)), {})
    assert len(network.texts) == 1
    network.drain()
    assert len(network.texts) == 2
    last = network.messages[1]
    assert last.gpus[0].power == 5.0
    assert [each.mono for each in last.events] == [2, 3, 4, 5]


def test_what_waits_for_a_slow_client_is_bounded():
    """A flood of events and edges for an hour: the newest stay."""
    network = Network(fast=False)
    slow = client(network, Subscribe(edges=True), local=True)
    for mono in range(1, 4000):
        slow.offer(sample(float(mono), events=(event(mono),), edges=tuple(edge(mono) for _ in range(8))), {})
    network.drain()
    last = network.messages[1]
    assert (len(last.events), len(last.edges)) == (MOST_EVENTS, MOST_EDGES)
    assert last.events[-1].mono == last.edges[-1].mono == 3999


def test_a_hello_overtakes_what_waits():
    """The newest one."""
    network = Network(fast=False)
    slow = client(network)
    slow.offer(sample(1.0), {})
    slow.offer(sample(2.0), {})
    slow.hello(encode(Hello(hostname="old")))
    slow.hello(encode(Hello(hostname="new")))
    network.drain()
    assert network.messages[-1].hostname == "new"
    network.drain()
    assert network.messages[-1].mono == 2.0
    assert len(network.texts) == 3


def test_a_client_that_wants_fewer_samples_misses_no_event():
    """Every five seconds, with all that happened."""
    network = Network()
    rare = client(network, Subscribe(every=5.0))
    for mono in range(1, 12):
        rare.offer(sample(float(mono), events=(event(mono),)), {})
    assert [message.mono for message in network.messages] == [1.0, 6.0, 11.0]
    assert [each.mono for message in network.messages for each in message.events] == list(range(1, 12))


def test_edges_wait_for_the_next_sample_where_the_listener_is_patient():
    """A computing kernel is woken once a second; from the moment its cell has ended it gets what waits, at once."""
    network = Network()
    kernel = client(network, Subscribe(edges=True, patient=True), local=True)
    kernel.offer(sample(1.0), {})
    kernel.offer(Sample(time=1.0, mono=1.2, edges=(edge(1.2),)), {})
    kernel.offer(Sample(time=1.0, mono=1.3, edges=(edge(1.3),)), {})
    assert len(network.messages) == 1
    kernel.offer(sample(2.0), {})
    assert [e.mono for e in network.messages[-1].edges] == [1.2, 1.3]
    kernel.offer(Sample(time=2.0, mono=2.1, edges=(edge(2.1),)), {})
    kernel.subscribe(Subscribe(edges=True), 1.0)
    assert [e.mono for e in network.messages[-1].edges] == [2.1]


def test_edges_go_to_those_who_asked_at_once_and_to_nobody_else():
    """A browser is not woken for a sample that carries only edges."""
    browser, kernel = Network(), Network()
    edges = Sample(time=1.0, mono=1.2, edges=(edge(1.2),))
    client(browser).offer(edges, {})
    listening = client(kernel, Subscribe(edges=True), local=True)
    listening.offer(sample(1.0), {})
    listening.offer(edges, {})
    assert browser.texts == []
    assert kernel.messages[1].edges == (edge(1.2),)


def test_a_browser_may_not_ask_for_edges_or_measuring():
    """Whatever it sends."""
    asked = client(Network(), Subscribe(edges=True, measuring=True)).subscription
    assert (asked.edges, asked.measuring) == (False, False)


def test_a_view_keeps_only_what_was_asked_for():
    """Devices, metrics, host, processes, edges."""
    whole = sample(
        1.0,
        host=Host(cpu=0.5),
        processes=(Process(uuid="GPU-a", pid=1), Process(uuid="GPU-b", pid=2)),
        edges=(edge(1.0),),
    )
    part = narrowed(whole, Subscribe(devices=("GPU-b",), metrics=("power",), host=False))
    assert part == Sample(
        time=1001.0, mono=1.0, gpus=(Gpu(uuid="GPU-b", power=2.0),), processes=(Process(uuid="GPU-b", pid=2),)
    )
    assert narrowed(Sample(time=1.0, mono=1.0, edges=(edge(1.0),)), Subscribe()) is None


@pytest.mark.parametrize("newer", [Sample(time=2.0, mono=2.0), Sample(time=2.0, mono=2.0, edges=(edge(2.0),))])
def test_a_merged_sample_loses_no_values_to_one_that_has_none(newer):
    """GPUs, host and processes of the older stay where the newer did not look."""
    older = sample(1.0, host=Host(cpu=0.5), processes=(Process(uuid="GPU-a", pid=1),), missed=2)
    both = merged(older, newer)
    assert (both.gpus, both.host, both.processes, both.missed) == (older.gpus, older.host, older.processes, 2)
    assert both.mono == 2.0
