"""An experiment under way: what it cost, what is logged in it, and its record when it is over.

Logging only appends to a list. What a run cost is measured as ``measure()`` does it; what the devices did is noted in
the monitor's thread; statistics are made, and the run is kept, when it is over. A run never fails for want of a GPU.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import threading
import time
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from msgspec.structs import replace

from ..errors import GpuMonError, RunError
from ..experiments import Logged, PostRun, Run
from ..model import Cell, Hello
from ..runs import caches, origin, words
from ..runs.ending import derived, status_of, trouble_of
from ..runs.log import Log, number, numbers
from ..runs.store import RunStore, shared
from ..runs.timing import Generation, TokenTimer
from ..runs.usage import Usage
from . import context, open_runs
from .cells import Wish
from .connect import Connection, connection
from .later import later
from .measure import Measurement
from .measure import status_of as outcome_of
from .show import Shown
from .tasks import Tasks

atexit.register(open_runs.leave)  # what is registered last is called first: before the connection closes

TELL = 2.0
"""Seconds between two words to the server on how a run stands."""


class ActiveRun:
    """A run, from ``start`` to ``stop``: use it with ``with``. Its ``record`` can be asked for when it is over."""

    def __init__(self, name: str, tags: Mapping[str, object] | None, wish: Wish, show: bool) -> None:
        self.name, self.tags = _name(name), _tags(tags)
        self.id = str(uuid.uuid4())
        about = {**self.tags, "gpumon.run.id": self.id, "gpumon.run.name": self.name}
        self._wish, self._show, self._log = dataclasses.replace(wish, attributes=about), show, Log()
        self._notes: list[str] = []
        self._measurement: Measurement | None = None
        self._link: Connection | None = None
        self._record: Run | None = None
        self._over, self._complete = threading.Event(), threading.Lock()
        self._begun = False

    def start(self) -> ActiveRun:
        """Begin, where ``with`` does not fit: a run over many cells of a notebook. ``stop`` ends it.

        Raises:
            RunError: it has begun already.
            DeviceError: a device was asked for that there is not.
        """
        if self._begun:
            raise RunError(f"The run {self.name} has begun already; make another with gm.run(…).")
        self._begun = True
        self._origin = origin.origin(Hello(), Path.cwd(), context.notebook())
        self._caches, self._tasks = caches.now(), Tasks()
        self._store = self._opened()
        self._connect()
        self.time, self.mono = time.time(), time.monotonic()
        self._keep(self._now())
        try:
            self._begin()
        except BaseException:  # there is no such device, or it was interrupted: there was no run
            if self._store is not None:
                self._store.remove([self.id])
            raise
        open_runs.begun(self)
        self._tasks.follow()
        return self

    def _connect(self) -> None:
        """Have the samples, and have them finely; a run goes on without."""
        try:
            link = connection()
            link.ready()
            link.measure()
        except GpuMonError as e:
            self._trouble(str(e))
            return
        self._link = link

    def _begin(self) -> None:
        """From here on it counts."""
        self.time, self.mono = time.time(), time.monotonic()
        self._usage = Usage(self.mono)
        if self._link is not None:
            self._usage = Usage(self._link.now())
            self._measurement = Measurement(self._wish).__enter__()
            self._link.tape.follow(self._usage.take)
            threading.Thread(target=self._tell_now_and_then, name="gpumon-run", daemon=True).start()

    def stop(self, error: BaseException | None = None) -> None:
        """End it; what was raised in it is told in its record."""
        if self._over.is_set() or not self._begun:
            return
        link, measured = self._link, self._measurement
        if measured is not None:
            measured.__exit__(None if error is None else type(error), error, None)
        self._end, self.outcome = time.time(), outcome_of(error)
        self._over.set()
        if link is not None:
            self._usage.close(link.now())
            link.tape.unfollow(self._usage.take)
        self._tasks.unfollow()
        open_runs.ended(self)
        self._finish()
        self._keep(replace(self._now(), final=False))
        later(self.finish)
        if self._show:
            Shown().draw(words.bundle(self.record))

    def __enter__(self) -> ActiveRun:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(error)

    # What is logged

    def log_metric(self, name: str, value: object, *, kind: str | None = None, unit: str | None = None) -> None:
        """Log a value: a gauge's level (the default), a counter's growth, an observation of a histogram.

        Raises:
            RunError: the run has ended; or it is no number; or the metric is of another kind already.
        """
        if self._over.is_set():
            raise RunError(f"The run {self.name} has ended: log {name} within it.")
        self._log.metric(name, kind, unit).append((time.monotonic(), number(name, value)))

    def log_metrics(self, values: Mapping[str, object], *, kind: str | None = None) -> None:
        """Log several at once, a dict of names and numbers.

        Raises:
            RunError: as ``log_metric``; nothing is logged then.
        """
        for name, value in numbers(values).items():
            self.log_metric(name, value, kind=kind)

    def count(self, amount: float = 1, unit: str = "step") -> None:
        """Count what is being done: the record then says the energy per step, token, sample, …

        Raises:
            RunError: the run has ended; or it is no number.
        """
        self.log_metric(f"{unit}s", amount, kind="counter")
        if self._measurement is not None:
            self._measurement.count(number(unit, amount), unit)

    def generation(self, batch: int = 1) -> TokenTimer:
        """Time a model that generates, from here on: ``token()`` at each token, ``done()`` at the end.

        Logs ``ttft_s``, ``inter_token_latency_s``, ``e2e_latency_s``, ``tokens_per_s`` and ``output_tokens``, and
        counts the tokens.
        """
        return TokenTimer(batch, self._generated)

    def _generated(self, found: Generation) -> None:
        said = {
            "ttft_s": found.ttft, "inter_token_latency_s": found.inter_token, "e2e_latency_s": found.end_to_end,
            "tokens_per_s": found.rate,
        }  # fmt: skip
        if found.tokens:
            said["output_tokens"] = found.tokens
            self.count(found.tokens, "token")
        self.log_metrics({name: value for name, value in said.items() if value is not None}, kind="histogram")

    def tag(self, **tags: object) -> None:
        """Add tags, at any time before it ends."""
        self.tags |= _tags(tags)

    # What is made of it

    @property
    def record(self) -> Run:
        """The run as it is kept. Waits for the energy counters: three seconds at most.

        Raises:
            RunError: it has not ended yet.
        """
        if not self._over.is_set():
            raise RunError("There is no record before the run has ended.")
        self.finish()
        if self._record is None:
            raise RunError("There is no record: the run was not made.")
        return self._record

    def finish(self) -> None:
        """Complete the record when the counters have moved on, keep it, and tell the server. Safe to call again."""
        with self._complete:
            if self._record is not None:
                return
            cell = None if self._measurement is None else self._measurement.cell
            self._record = self._made(cell)
            self._keep(self._record)
            self._tell(self._record)
        open_runs.completed(self)

    def _finish(self) -> None:
        """What can be told at once, as metrics."""
        found = caches.metrics(caches.since(self._caches)) | self._tasks.metrics()
        self._said: dict[str, Logged] = {n: m for n, m in found.items() if not self._log.has(n)}
        if self._link is not None:
            self._origin = origin.renewed(self._origin, self._link.hello)
        else:
            self._origin = origin.renewed(self._origin, Hello())

    def _made(self, cell: Cell | None) -> Run:
        hello = self._link.hello if self._link is not None else None
        logged = self._log.logged(self.mono) | self._said
        usage = self._usage.columns({device.uuid: device.label for device in hello.devices} if hello else {})
        return Run(
            id=self.id,
            name=self.name,
            start=self.time,
            end=self._end,
            status=status_of(hello, self._usage, self.outcome, cell),
            outcome=self.outcome,
            simulated=bool(hello and hello.simulated),
            tags=self.tags,
            origin=self._origin,
            metrics=logged | derived(cell, logged),
            usage=usage,
            cell=cell,
            notes=(*self._notes, *trouble_of(hello)),
            kernel_id=context.kernel_id(),
        )

    def _now(self) -> Run:
        """How it stands."""
        return Run(
            id=self.id,
            name=self.name,
            start=self.time,
            end=time.time(),
            status="running",
            final=False,
            simulated=bool(self._link and self._link.hello.simulated),
            tags=self.tags,
            origin=self._origin,
            metrics=self._log.brief(),
            notes=tuple(self._notes),
            pid=os.getpid(),
            kernel_id=context.kernel_id(),
        )

    def _opened(self) -> RunStore | None:
        try:
            return shared()
        except RunError as e:
            self._trouble(str(e))
            return None

    def _keep(self, run: Run) -> None:
        if self._store is None:
            return
        try:
            self._store.save(run)
        except RunError as e:
            self._trouble(str(e))

    def _trouble(self, what: str) -> None:
        """Something is the matter that does not keep the code from running: say it, once."""
        if what not in self._notes:
            self._notes.append(what)
            warnings.warn(f"gpumon: {what}", stacklevel=4)

    def _tell_now_and_then(self) -> None:
        while not self._over.wait(TELL):
            self._tell(self._now())

    def _tell(self, run: Run) -> None:
        if self._link is not None:
            brief = {name: replace(metric, times=(), values=()) for name, metric in run.metrics.items()}
            self._link.tell(PostRun(run=replace(run, usage=None, metrics=brief)))

    def __repr__(self) -> str:
        if not self._over.is_set():
            return f"<gpumon run {self.name}: {'running' if self._begun else 'not begun'}>"
        return words.plain(self.record)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        if not self._over.is_set():
            return {"text/plain": repr(self)}
        return words.bundle(self.record)


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise RunError('A run needs a name of up to 200 characters: gm.run("baseline").')
    return name


def _tags(tags: Mapping[str, object] | None) -> dict[str, str]:
    if tags is not None and not isinstance(tags, Mapping):
        raise RunError(f'Tags are a dict, such as tags={{"batch": 32}}; not {type(tags).__name__}.')
    return {str(name): str(value) for name, value in (tags or {}).items()}
