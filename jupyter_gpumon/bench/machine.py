"""A matrix product and a copy in memory, on a GPU against the CPU: medians over repetitions, kept as a run.

The product of two n × n matrices is 2·n³ operations; a copy moves its bytes twice, read and written. Both are single
precision. Each repetition is waited for to its end, and the first ones, which compile and allocate, do not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from ..errors import RunError
from ..experiments import Run
from ..kernel.connect import Connection, connection
from ..kernel.run import ActiveRun
from ..kernel.run import run as begin
from ..model import Device
from ..units import quantity
from .libraries import Library, Operands, on_cpu, on_gpu

KIND = "bench"
"""The tag by which a run is known as a benchmark."""
BUSY = 0.1
"""Utilization from which on a GPU is busy: what is measured beside another's work is neither's."""
_LONGEST = 10.0
"""Seconds after which no further repetition is begun, once there are three."""
_FEWEST = 3


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    size: int = 4096
    """Rows of the matrices."""
    copied: int = 256 * 2**20
    """Bytes that are copied."""
    repeats: int = 20
    warmup: int = 3
    library: str = "auto"
    device: int = 0
    force: bool = False
    """Also on a GPU that is busy."""
    name: str = "bench"
    """Of the run that is kept."""


@dataclass(frozen=True)
class Timing:
    """Seconds that each repetition took."""

    matrix: list[float]
    memory: list[float]


def run(plan: Plan | None = None, *, say: Callable[[str], object] = lambda _: None, gpu: Library | None = None) -> Run:
    """Measure, and keep the result as a run.

    Args:
        plan: what; the usual by default.
        say: told what is being done, and what is not.
        gpu: computes on the GPU; found where it is not given.

    Raises:
        RunError: the GPU is busy, or the plan cannot be what it says.
    """
    plan = _checked(plan or Plan())
    cpu, reason = on_cpu(), ""
    if gpu is None:
        gpu, reason = on_gpu(plan.library, plan.device)
    link = connection()
    link.ready()
    if gpu is None:
        say(f"{reason} The CPU's baseline alone is measured.")
    else:
        refuse_where_busy(link, gpu, plan)
    say(f"CPU: {cpu.name}, {plan.size} × {plan.size}, {quantity(plan.copied, 'bytes')} …")
    # With a GPU the baseline comes first: the run's energy is then that of the GPU's part alone.
    base = None if gpu is None else measured(cpu, plan)
    with begin(plan.name, tags=_tags(plan, cpu, gpu, link), devices=_names(link, gpu)) as active:
        base = base or measured(cpu, plan)
        log(active, plan, base, "cpu_")
        if gpu is not None:
            say(f"GPU: {gpu.device} with {gpu.name} …")
            found = measured(gpu, plan)
            log(active, plan, found, "")
            _speedups(active, base, found)
    return active.record


def _checked(plan: Plan) -> Plan:
    if plan.size < 1 or plan.copied < 4 or plan.repeats < 1 or plan.warmup < 0:
        raise RunError(
            "A benchmark takes a size from 1, at least 4 bytes, one repetition or more, and no negative warm-up."
        )
    return plan


def refuse_where_busy(link: Connection, gpu: Library, plan: Plan) -> None:
    """Say no where another works on the GPU.

    Raises:
        RunError: one does, and it is not forced.
    """
    device = device_of(link, gpu)
    now = None if device is None or link.latest is None else {g.uuid: g for g in link.latest.gpus}.get(device.uuid)
    if now is None or now.utilization is None or now.utilization < BUSY or plan.force or device is None:
        return
    raise RunError(
        f"{device.label} is {quantity(now.utilization, 'ratio')} busy: a benchmark would disturb that work, "
        "and measure it too. Wait, choose another GPU, or force it (--force)."
    )


def device_of(link: Connection, gpu: Library | None) -> Device | None:
    """The device that a library computes on: by its UUID; the only one there is where the library tells none."""
    devices = [device for device in link.hello.devices if device.state != "gone"]
    found = next((device for device in devices if gpu is not None and device.uuid == gpu.uuid), None)
    return found or (devices[0] if gpu is not None and gpu.uuid is None and len(devices) == 1 else None)


def _names(link: Connection, gpu: Library | None) -> list[str] | None:
    device = device_of(link, gpu)
    return None if device is None or device.parent is not None else [device.label]


def _tags(plan: Plan, cpu: Library, gpu: Library | None, link: Connection) -> dict[str, object]:
    device = device_of(link, gpu)
    said = {
        "kind": KIND, "size": plan.size, "copied": plan.copied, "precision": "float32", "cpu_library": cpu.name,
        "library": gpu and gpu.name, "gpu_name": gpu and gpu.device, "gpu": device and device.label,
        "uuid": device.uuid if device else gpu and gpu.uuid,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def measured(library: Library, plan: Plan) -> Timing:
    """Seconds of each repetition of both."""
    operands = library.operands(plan.size, plan.copied)
    return Timing(*(_repeated(library, one, operands, plan) for one in (library.matmul, library.copy)))


def _repeated(library: Library, one: Callable[[Operands], None], operands: Operands, plan: Plan) -> list[float]:
    began, taken = time.perf_counter(), list[float]()
    for at in range(plan.warmup + plan.repeats):
        library.finish()
        start = time.perf_counter()
        one(operands)
        library.finish()
        end = time.perf_counter()
        if at >= plan.warmup:
            taken.append(end - start)
        if len(taken) >= _FEWEST and end - began > _LONGEST:
            break
    return taken


def log(active: ActiveRun, plan: Plan, found: Timing, side: str) -> None:
    """Each repetition as a metric: seconds, operations and bytes a second."""
    for seconds in found.matrix:
        active.log_metric(f"{side}matrix_s", seconds, kind="histogram")
        active.log_metric(f"{side}matrix_gflops", 2 * plan.size**3 / seconds / 1e9, kind="histogram")
        active.log_metric(f"{side}matrix_throughput", 1 / seconds, kind="histogram")
    for seconds in found.memory:
        active.log_metric(f"{side}memory_s", seconds, kind="histogram")
        active.log_metric(f"{side}memory_bandwidth_gbs", 2 * plan.copied / seconds / 1e9, kind="histogram")
        active.log_metric(f"{side}memory_throughput", 1 / seconds, kind="histogram")


def _speedups(active: ActiveRun, base: Timing, found: Timing) -> None:
    """How many times as fast as the CPU, by the medians; over all, their mean."""
    matrix = median(base.matrix) / median(found.matrix)
    memory = median(base.memory) / median(found.memory)
    active.log_metrics({"matrix_speedup": matrix, "memory_speedup": memory, "overall_speedup": (matrix + memory) / 2})
