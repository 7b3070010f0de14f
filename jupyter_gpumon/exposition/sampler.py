"""The sampler's own state as metrics: what stays when the GPUs' series vanish, and says why they did."""

from __future__ import annotations

from msgspec import Struct

from ..model import Hello
from .families import Families, Labels
from .following import Following

SAMPLER = "gpumon_sampler_"
USUAL = ("no-driver", "stalled", "disconnected", "lost", "error")


class SinkTold(Struct, frozen=True, kw_only=True):
    """How one destination of the samples is doing."""

    name: str
    """Its URL, without passwords."""
    well: bool
    dropped: int
    waiting: int


class Watchers(Struct, frozen=True, kw_only=True):
    """Who looks, as far as the process that is scraped knows."""

    clients: int | None = None
    """Open streams: browser tabs and kernels."""
    measuring: int | None = None
    """Kernels that measure now."""
    sinks: tuple[SinkTold, ...] = ()


def collect(found: Families, following: Following, watchers: Watchers) -> None:
    """Add how the sampler is doing."""
    hello, tally = following.hello, following.tally
    labels = Labels(hostname=hello.hostname)

    def gauge(name: str, value: float | None, help: str, unit: str = "") -> None:
        found.gauge(SAMPLER + name, help, unit).add(labels, value)

    def counter(name: str, value: float | None, help: str) -> None:
        found.counter(SAMPLER + name, help).add(labels, value)

    gauge("up", following.fresh, "1 where there are numbers; where 0, the state and the last error say why.")
    state = found.gauge(SAMPLER + "state", "The state of the driver or of the way to it; always 1.")
    state.add(labels.plus(state=hello.status.state), 1)
    gauge("age_seconds", following.age, "Time since the last sample.", "seconds")
    gauge("duration_seconds", tally.took, "Time the last look at the driver and the host took.", "seconds")
    gauge("interval_seconds", hello.interval, "Time between samples now.", "seconds")
    gauge("generation", hello.generation, "How often the driver was opened anew.")
    counter("samples", tally.samples, "Samples taken since this process began.")
    counter("missed_ticks", tally.missed, "Samples left out because the driver or the machine was too slow.")
    gauge("clients", watchers.clients, "Open streams: browser tabs and kernels.")
    gauge("measuring", watchers.measuring, "Kernels that measure now.")
    _errors(found, labels, following)
    _sinks(found, labels, watchers)
    _about(found, labels, hello)


def _errors(found: Families, labels: Labels, following: Following) -> None:
    said = "How often something began to be the matter with the driver (no-driver, stalled, …) or a GPU (lost, error)."
    errors = found.counter(SAMPLER + "errors", said)
    # The usual ones are there from the start: a series that appears with its first error shows no growth.
    counted = dict(following.tally.errors)
    for code in dict.fromkeys((*USUAL, *counted)):
        errors.add(labels.plus(code=code), counted.get(code, 0))


def _sinks(found: Families, labels: Labels, watchers: Watchers) -> None:
    up = found.gauge("gpumon_sink_up", "1 where a destination of the samples takes them.")
    waiting = found.gauge("gpumon_sink_waiting", "Messages that wait for a destination.")
    dropped = found.counter(
        "gpumon_sink_dropped", "Messages that are lost: a destination was too slow, or away too long."
    )
    for sink in watchers.sinks:
        own = labels.plus(sink=sink.name)
        up.add(own, sink.well)
        waiting.add(own, sink.waiting)
        dropped.add(own, sink.dropped)


def _about(found: Families, labels: Labels, hello: Hello) -> None:
    about = found.gauge("gpumon_info", "Which jupyter-gpumon this is, and what it reads; always 1.")
    source = hello.source.partition(":")[0]  # the rest may be a path, or hold a token
    about.add(labels.plus(version=hello.software, source=source, driver=hello.driver, cuda=hello.cuda), 1)
