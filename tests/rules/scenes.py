"""What advice is tried on: healthy machines, where it is to be silent, and a fault for every rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.model import Cell, CellDevice, Device, Hello, Host, Repeats, Sample, Status
from jupyter_gpumon.report.advice import of_stream
from jupyter_gpumon.rules.advice import FACTS, Allocator, Stretch
from jupyter_gpumon.sources.sim import open_backend
from jupyter_gpumon.wire import Stream

from .feed import START, hello, sample

GB = 1e9
CALM = Host(cpu=0.2, cpu_count=16.0, load=3.0)
Row = Callable[[float], dict[str, object]]


def simulated(script: str, seconds: int = 300, host: Host | None = CALM, **params: str) -> Iterator[Stream]:
    """A simulated driver, read by the second a little irregularly, as a sampler does."""
    clock = FakeClock()
    backend = open_backend({"script": script, "gpus": "2", **params}, clock)
    yield Hello(simulated=True, devices=tuple(backend.devices()), status=Status(state="live"))
    for second in range(seconds):
        gpus = tuple(backend.read(frozenset(FACTS)))
        yield Sample(time=clock.time(), mono=clock.mono(), gpus=gpus, host=host, processes=tuple(backend.processes()))
        clock.advance(1.0 + (0.07 if second % 3 else -0.11))


def made(
    *rows: Row, seconds: int = 180, host: Callable[[float], Host] = lambda _: CALM, **device: object
) -> Iterator[Stream]:
    """A stream by hand: what each GPU says at each second."""
    yield hello(len(rows), memory_total=80 * GB, **device)
    for second in range(seconds):
        yield sample(float(second), *(row(second) for row in rows), host=host(second), processes=())


def steady(**values: object) -> Row:
    """The same all the time; with what every GPU says."""
    return lambda _: {"memory_used": 60 * GB, "memory_total": 80 * GB, "temperature": 60.0} | values


def growing(metric: str, rate: float, **values: object) -> Row:
    """A counter that grows so fast, beside a steady load."""
    return lambda at: steady(**values)(at) | {metric: rate * at}


def cell(number: int = 0, **fields: object) -> Cell:
    """A record of ten seconds on one GPU."""
    begin = START + 12.0 * number
    known = {
        "id": str(number), "start": begin, "end": begin + 10, "kernel_id": "k",
        "devices": (CellDevice(name="gpu0", model="Test"),), "mean": {"gpu0": {"utilization": 0.9}},
    }  # fmt: skip
    return Cell(**{**known, **fields})


def holding(number: int, before: float, peak: float, **fields: object) -> Cell:
    """A cell that began with so many bytes in use and reached so many."""
    tables = {"peak": {"gpu0": {"memory_used": peak}}, "rise": {"gpu0": {"memory_used": peak - before}}}
    return cell(number, **tables, **fields)


def about(cells: list[Cell], **more: object) -> Stretch:
    """The last of these cells, with the others before it; without samples."""
    devices = (Device(uuid="GPU-0", index=0, name="Test", memory_total=80 * GB),)
    last = cells[-1]
    return Stretch(start=last.start, end=last.end, devices=devices, cell=last, cells=tuple(cells), **more)


def working(**more: object) -> Stretch:
    """A well used GPU, and what else is known beside it."""
    return Stretch(start=START, end=START + 60, devices=hello(1, memory_total=80 * GB).devices, **more)


def _reader(at: float) -> dict[str, object]:
    """Four seconds of waiting, two of computing."""
    return steady(utilization=0.95 if at % 6 >= 4 else 0.0)(at)


def _linked(*rates: float, **values: object) -> list[Row]:
    return [growing("nvlink_tx", rate, utilization=0.95, nvlink_active=18.0, **values) for rate in rates]


TORN = Allocator(allocated=20e9, reserved=40e9, split=15e9, peak=30e9, retries=3)
HOPPER = {"architecture": "hopper", "nvlinks": 18}

HEALTHY: Mapping[str, Callable[[], Stretch]] = {
    "idle": lambda: of_stream(simulated("idle")),
    "training": lambda: of_stream(simulated("training")),
    "training, 8 GPUs": lambda: of_stream(simulated("training", gpus="8")),
    "training, T4": lambda: of_stream(simulated("training", model="T4")),
    "inference": lambda: of_stream(simulated("inference")),
    "inference, T4": lambda: of_stream(simulated("inference", model="T4")),
    "mig": lambda: of_stream(simulated("mig")),
    "lost": lambda: of_stream(simulated("lost")),
    "ecc": lambda: of_stream(simulated("ecc")),
    "machine without a GPU": lambda: of_stream([Hello(status=Status(state="no-gpus")), sample(0), sample(60)]),
    "GPU that says nothing": lambda: of_stream(made(lambda _: {})),
    "idle kernel": lambda: of_stream(made(lambda at: steady(utilization=0.9 if at < 4 else 0.0)(at))),
    "short cells, and somebody who reads": lambda: of_stream(
        made(lambda at: steady(utilization=0.6 if at % 40 < 3 else 0.0)(at), seconds=600)
    ),
    "cells that load once": lambda: about(
        [holding(i, b, p) for i, (b, p) in enumerate([(0, 1e9), (1e9, 20e9), (20e9, 21e9), (20e9, 21e9), (20e9, 22e9)])]
    ),
}  # fmt: skip
"""Nothing is to be said of them."""

FAULTS: Mapping[str, tuple[str, Callable[[], Stretch]]] = {
    "sim input-bound": ("input-bound", lambda: of_stream(simulated("input-bound"))),
    "busy CPUs": (
        "input-bound",
        lambda: of_stream(
            made(steady(utilization=0.25), seconds=60, host=lambda _: Host(cpu=0.97, cpu_count=4.0, load=4.2))
        ),
    ),
    "regular gaps": ("input-bound", lambda: of_stream(made(_reader))),
    "25 % busy": ("low-utilization", lambda: of_stream(made(steady(utilization=0.25)))),
    "sim throttle, heat": ("thermal", lambda: of_stream(simulated("throttle"))),
    "own threshold": (
        "thermal", lambda: of_stream(made(steady(utilization=0.9, temperature=83.0), temperature_slowdown=82.0)),
    ),
    "sim throttle, power": ("power-capped", lambda: of_stream(simulated("throttle"))),
    "limit lowered": (
        "power-capped",
        lambda: of_stream(
            made(growing("held_power_cap", 0.6, utilization=0.9, power_limit=200.0), power_limit_default=350.0)
        ),
    ),
    "sim leak": ("memory-leak", lambda: of_stream(simulated("leak"))),
    "leak over ten cells": (
        "memory-leak", lambda: about([holding(i, (2 + i) * 1e9, (3.1 + i) * 1e9) for i in range(10)]),
    ),
    "leak over steps": (
        "memory-leak",
        lambda: about([holding(i, (2 + i) * 1e8, (3.1 + i) * 1e8, within=("e",), title="step") for i in range(8)]),
    ),
    "unused memory": ("memory-headroom", lambda: of_stream(made(steady(utilization=0.6, memory_used=20 * GB)))),
    "two batches": (
        "memory-headroom",
        lambda: about([holding(i, 2e9, 2e9 + b * 2e8, attributes={"batch": b}) for i, b in enumerate((16, 32))]),
    ),
    "torn blocks": (
        "fragmentation",
        lambda: working(allocators={"gpu0": TORN}),
    ),
    "no tensor cores": (
        "full-precision",
        lambda: of_stream(
            made(steady(utilization=0.98, sm_activity=0.9, tensor_activity=0.0, fp32_activity=0.5), seconds=60)
        ),
    ),
    "a tenth of the benchmark": (
        "below-peak", lambda: about([cell(counts={"flop": 5e12})], bench={"matrix_gflops": 5000.0}),
    ),
    "slow benchmark": (
        "below-peak",
        lambda: Stretch(
            start=START, end=START + 60, bench={"matrix_gflops": 4000.0},
            columns=(one := of_stream(made(steady(utilization=0.9), cores=16896, clock_sm_max=1.98e9))).columns,
            devices=one.devices,
        ),
    ),
    "one of four": (
        "one-of-many",
        lambda: of_stream(made(steady(utilization=0.9), *[steady(utilization=0.0, memory_used=2e8)] * 3)),
    ),
    "links down": (
        "nvlink-low",
        lambda: of_stream(made(*[growing("nvlink_tx", 9e9, utilization=0.95, nvlink_active=12.0)] * 2, **HOPPER)),
    ),
    "one talks less": ("nvlink-low", lambda: of_stream(made(*_linked(20e9, 20e9, 20e9, 4e9), **HOPPER))),
    "waiting for links": (
        "nvlink-low", lambda: of_stream(made(*_linked(40e9, 40e9, sm_activity=0.2), **HOPPER)),
    ),
    "over PCIe": (
        "nvlink-low",
        lambda: of_stream(
            made(
                *[lambda at: steady(utilization=0.9, pcie_tx=6e9 * at, pcie_rx=6e9 * at, nvlink_tx=0.0)(at)] * 2,
                **HOPPER, topology={"GPU-0": "nvlink", "GPU-1": "nvlink"},
            )
        ),
    ),
    "more threads than CPUs": (
        "cpu-oversubscription",
        lambda: of_stream(made(steady(utilization=0.7), host=lambda _: Host(cpu=0.7, cpu_count=8.0, load=24.0))),
    ),
    "cache too small": ("cache-misses", lambda: working(caches={"tokenize": (300, 700)})),
    "compiling first": (
        "warm-up",
        lambda: about(
            [cell(i, cell_id="a", end=START + 12 * i + (9.0 if i == 0 else 0.4)) for i in range(5)]
        ),
    ),
    "compiling first, repeated": (
        "warm-up",
        lambda: about([cell(repeats=Repeats(runs=9, first=900.0, mean=40.0, joules=(39.0, 41.0), seconds=0.1))]),
    ),
}  # fmt: skip
"""Each with the rule that is to find it."""
