"""``gpumon dmon``, from its words to its lines."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from ...clock import Clock, SystemClock
from ...dcgm import DCGM, Field
from ...devices import choose
from ...errors import GpuMonError
from ...model import Device, Hello, Request, Sample
from ...report.tables import as_text
from ...sources import Source
from .fields import OURS
from .lines import Lines
from .look import Looker

LEAST, MOST = 0.05, 60.0
"""Seconds between two rounds."""
_ALL = ("-1", "*", "all")
_UNITS = {"": 1e-3, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0}
PATIENCE = 10.0
"""Seconds to wait for a first sample."""


class DelayError(GpuMonError):
    """A delay that cannot be."""


def seconds(delay: str) -> float:
    """A delay: milliseconds as DCGM takes them (``2000``), or with its unit (``500ms``, ``2s``).

    Raises:
        DelayError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|)\s*", delay)
    value = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not value or value > MOST:
        raise DelayError(f"{delay!r} is not a delay. Write milliseconds, or a unit: 1000, 500ms, 2s; from 50ms to 60s.")
    return max(LEAST, value)


def listing() -> str:
    """All fields: DCGM's with their ids, then ours."""
    rows = [(str(field.id), field.short, field.name, field.unit, _title(field)) for field in DCGM]
    rows += [("", "", field.name, field.unit, _title(field)) for field in OURS]
    table = as_text(("id", "short", "name", "unit", "what it is"), rows, words=5)
    return "\n".join(line.rstrip() for line in table.splitlines())


def _title(field: Field) -> str:
    from ...metrics import METRICS

    return METRICS[field.metric].help if field.metric in METRICS else ""


def follow(
    source: Source, fields: Sequence[Field], lines: Lines, *, which: Iterable[str], every: float, count: int | None
) -> int:
    """Print rounds until so many have been printed, the stream ends, or Ctrl-C.

    Returns:
        0, or 1 where no GPU was seen.

    Raises:
        DeviceError: a device was asked for that there is not.
    """
    looker, clock, printed, last = Looker(), SystemClock(), 0, float("-inf")
    wanted = [name for each in which for name in each.split(",") if name]
    rates = any(field.rate for field in fields)
    source.ask(Request(interval=every, processes=False))
    try:
        with suppress(KeyboardInterrupt):
            for seen, sample in enumerate(_samples(source, looker, clock)):
                early = sample.mono - last < 0.9 * every  # a recording, or a server, has its own rate
                if (rates and not seen) or early:
                    continue  # how fast counters grow is known from the second on
                looks = [looker.look(device) for device in _chosen(looker.hello.devices, wanted)]
                sys.stdout.write(("" if printed else lines.header()) + lines.round(sample.time, looks))
                sys.stdout.flush()
                printed, last = printed + 1, sample.mono
                if count is not None and printed >= count:
                    break
    except BrokenPipeError:  # whoever read it has seen enough; what is left is for nobody
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        source.close()
    if not printed:
        status = looker.hello.status
        sys.stderr.write(f"{status.message or 'No GPU was seen.'} {status.hint}".strip() + "\n")
    return 0 if printed else 1


def _samples(source: Source, looker: Looker, clock: Clock) -> Iterator[Sample]:
    """The samples that hold GPUs, as they come; ends where none will ever come."""
    seen, end = False, clock.mono() + PATIENCE
    for message in source.stream(clock):
        if isinstance(message, Hello):
            looker.meet(message)
        elif message.gpus:
            looker.take(message)
            seen = True
            yield message
        hopeless = looker.hello.status.state not in ("live", "starting", "restarting", "stalled")
        if not seen and (hopeless or clock.mono() > end):
            return


def _chosen(devices: Sequence[Device], wanted: Sequence[str]) -> list[Device]:
    """Those that were asked for (``0``, ``gpu:0``, ``0:1``); all that are there where nothing was, or ``-1``."""
    if not wanted or set(wanted) & set(_ALL):
        return [device for device in devices if device.state != "gone"]
    return choose(devices, [name.removeprefix("gpu:") for name in wanted])
