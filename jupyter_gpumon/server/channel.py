"""The channel: everybody who listens to this server's stream, and how often the source is asked to look for them.

All of it runs on the server's event loop, except ``write``, which the monitor's thread calls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from ..errors import CellError, WireError
from ..experiments import PostRun, Run
from ..exposition.scrapes import Scrapes
from ..model import Cell, Error, Hello, PostCell, Request, Sample, Subscribe
from ..monitor import Monitor
from ..rates import Rates
from ..wire import Stream, decode, encode
from .view import merged, narrowed

log = logging.getLogger("jupyter_gpumon")

LIMIT = 256 * 1024
"""Bytes in a message from a client."""

Encoded = dict[Subscribe, bytes | None]


class Transport(Protocol):
    """Sends one text message; calls ``done`` when the network has taken it, or never when the client is gone."""

    def __call__(self, text: bytes, done: Callable[[], None]) -> None:
        """Send."""


class Client:
    """One listener: what it wants, and the one sample that waits for it while it is slow.

    Args:
        transport: how to send to it.
        kernel: the kernel that speaks, found by its pid; None for browsers.
        pid: the process that speaks, over the Unix socket.
        local: it came over the Unix socket, and may have edges, measure, and post cells.
    """

    def __init__(
        self, transport: Transport, *, kernel: str | None = None, local: bool = False, pid: int | None = None
    ) -> None:
        self.kernel, self.local, self.pid = kernel, local, pid
        self.subscription = self._view = Subscribe()
        self._transport = transport
        self._busy = False
        self._hello: bytes | None = None
        self._error: bytes | None = None
        self._waiting: Sample | None = None
        self._last = float("-inf")
        self._every = 0.0

    def subscribe(self, wanted: Subscribe, interval: float) -> None:
        """Take a subscription, less what this client may not ask for."""
        if not self.local:
            wanted = replace(wanted, edges=False, measuring=False)
        self._every = max(wanted.every or 0.0, interval)
        self.subscription = wanted
        self._view = replace(wanted, every=None, measuring=False, patient=False)
        self._last = float("-inf")
        if self._waiting is not None and not self._busy and self._due(self._waiting):
            self._flush({})

    def hello(self, text: bytes) -> None:
        """Send a hello: now, or before the next sample if the client is still reading."""
        if self._busy:
            self._hello = text
        else:
            self._send(text)

    def error(self, message: str, hint: str = "") -> None:
        """Say what was wrong: now, or when the client has read what is on its way."""
        text = encode(Error(message=message, hint=hint))
        if self._busy:
            self._error = text
        else:
            self._send(text)

    def offer(self, sample: Sample, encoded: Encoded) -> None:
        """Send the sample if it is time and the client is ready; else keep it, merged with what waits already.

        Args:
            encoded: what other clients were sent of this very sample; shared by all of them.
        """
        if not sample.gpus and not sample.host and not sample.events and not self.subscription.edges:
            return
        if self._waiting is not None:
            sample, encoded = merged(self._waiting, sample), {}
        self._waiting = sample
        if not self._busy and self._due(sample):
            self._flush(encoded)

    def _due(self, sample: Sample) -> bool:
        # Nine tenths: a tick that comes a little early is not put off by a whole interval.
        fine = self.subscription.edges and not self.subscription.patient
        edges = bool(fine and (sample.edges or sample.powers))
        return edges or sample.mono < self._last or sample.mono - self._last >= 0.9 * self._every

    def _flush(self, encoded: Encoded) -> None:
        sample, self._waiting = self._waiting, None
        if sample is None:
            return
        if sample.gpus or sample.host:
            self._last = sample.mono
        view = self._view
        if view not in encoded:
            part = narrowed(sample, view)
            encoded[view] = None if part is None else encode(part)
        text = encoded[view]
        if text is not None:
            self._send(text)

    def _send(self, text: bytes) -> None:
        self._busy = True
        self._transport(text, self._done)

    def _done(self) -> None:
        self._busy = False
        if self._hello is not None:
            text, self._hello = self._hello, None
            self._send(text)
        elif self._error is not None:
            text, self._error = self._error, None
            self._send(text)
        elif self._waiting is not None and self._due(self._waiting):
            self._flush({})


class Channel:
    """Hands each sample to each client, encoding once per distinct subscription, and asks the source for its rate.

    Args:
        monitor: whose sink this is.
        loop: calls a function on the server's event loop (``IOLoop.add_callback``).
        interval: seconds between samples while somebody watches.
        idle: the same while nobody does; None samples at ``interval`` always.
        post: takes a cell record from the kernel that speaks.
        came: is told who joins and who leaves (False).
        post_run: takes how a run of the kernel that speaks stands.
    """

    def __init__(
        self,
        monitor: Monitor,
        loop: Callable[..., object],
        interval: float,
        idle: float | None,
        post: Callable[[Cell, Client], None],
        came: Callable[[Client, bool], object],
        post_run: Callable[[Run, Client], None],
    ) -> None:
        self.recording = False
        self.scrapes = Scrapes()
        self.rates: Rates | None = None
        self.reach: float | None = None
        self._monitor, self._loop, self._post, self._came = monitor, loop, post, came
        self._post_run = post_run
        self.interval, self.idle = interval, interval if idle is None else max(idle, interval)
        self._clients: set[Client] = set()
        self._asked: Request | None = None
        self._generation: tuple[str, int] | None = None

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def measuring(self) -> int:
        """How many kernels measure now."""
        # A copy: who scrapes is answered from another thread.
        return sum(client.subscription.measuring for client in tuple(self._clients))

    @property
    def kernels(self) -> frozenset[str]:
        """The kernels that are connected."""
        return frozenset(client.kernel for client in self._clients if client.kernel)

    @property
    def watched(self) -> bool:
        """Whether anybody looks: an open stream, a sink, or who scrapes metrics and will be back soon."""
        return bool(self._clients) or self.recording or self.scrapes.watching

    def join(self, client: Client, hello: bytes) -> None:
        """Let a client in: its hello first, then the latest sample, then what comes."""
        client.subscribe(client.subscription, self.interval)
        self._clients.add(client)
        self._came(client, True)
        client.hello(hello)
        if self._monitor.latest is not None:
            client.offer(replace(self._monitor.latest, events=(), edges=()), {})
        self.ask()

    def leave(self, client: Client) -> None:
        """Let it go; what it measured ends."""
        self._clients.discard(client)
        self._came(client, False)
        self.ask()

    def scraped(self) -> None:
        """Somebody scrapes metrics."""
        self.scrapes.note()
        self.ask()

    def ask(self) -> None:
        """Tell the source how often to look, if that has changed."""
        rate = self.interval if self.watched else self.idle
        request = Request(interval=rate, measuring=self.measuring > 0)
        if request != self._asked:
            self._asked = request
            self._monitor.ask(request)

    def dressed(self, hello: Hello) -> Hello:
        """A hello with what is this server's to say: the rates, and how far back it knows. Recordings do without."""
        return replace(hello, rates=self.rates, reach=self.reach)

    def price(self, rates: Rates) -> None:
        """Take other rates, and tell all clients."""
        self.rates = rates
        self.publish(self._monitor.hello)

    def write(self, message: Stream) -> None:
        """Take a message in the monitor's thread and publish it on the loop."""
        self._loop(self.publish, message)

    def publish(self, message: Stream) -> None:
        """Hand a message to all clients."""
        if isinstance(message, Hello):
            self._renewed(message)
            text = encode(self.dressed(message))
            for client in tuple(self._clients):
                client.hello(text)
            return
        encoded: Encoded = {}
        for client in tuple(self._clients):
            client.offer(message, encoded)

    def _renewed(self, hello: Hello) -> None:
        """A source that began anew has forgotten what it was asked."""
        generation = hello.boot_id, hello.generation
        if generation != self._generation:
            self._generation, self._asked = generation, None
            self.ask()

    def receive(self, client: Client, text: bytes | str) -> None:
        """Act on a message from a client; what it gets wrong it is told."""
        if len(text) > LIMIT:
            client.error(f"The message is longer than {LIMIT // 1024} KiB.", "Send less at a time.")
            return
        try:
            message = decode(text)
            if isinstance(message, Subscribe):
                client.subscribe(message, self.interval)
                self.ask()
            elif isinstance(message, PostCell):
                self._post(message.cell, client)
            elif isinstance(message, PostRun):
                self._post_run(message.run, client)
        except (WireError, CellError) as e:
            client.error(str(e), 'Clients send messages like {"type": "subscribe", "metrics": ["power"]}.')
