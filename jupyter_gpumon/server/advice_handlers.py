"""``advice``: what could be done better, in a stretch of time or a cell."""

from __future__ import annotations

import asyncio
import time

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from ..findings import Finding
from ..model import Cell
from ..report.advice import bench_of
from ..rules.advice import FACTS, HOST_FACTS, Stretch, advise
from ..runs.latest import LastBench
from .handlers import Route
from .service import Service

WINDOW = 600.0
"""Seconds up to now that are looked at where nobody says which."""
_METRICS = (*FACTS, *(f"host.{name}" for name in HOST_FACTS))
_bench = LastBench()


class AdviceAnswer(Struct, frozen=True, kw_only=True):
    """Advice on a stretch of time, the gravest first (``gpumon/api/advice``)."""

    findings: tuple[Finding, ...]
    since: float
    until: float


class AdviceHandler(Route):
    """``advice``: findings with numbers, evidence, confidence, steps and code."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?since&until`` in Unix seconds, or the last ``?seconds``, 600 by default; ``?cell``: of a measured cell."""
        since, until, length = self.number("since"), self.number("until"), self.number("seconds", WINDOW)
        cell = self._cell(self.get_query_argument("cell", None))
        now = self.service.monitor.latest.time if self.service.monitor.latest else time.time()
        until = cell.end if cell else now if until is None else until
        since = cell.start if cell else until - (length or 0.0) if since is None else since
        if since > until:
            raise web.HTTPError(400, "Say since and until in Unix seconds, since first: advice?since=…&until=…")
        loop = asyncio.get_running_loop()
        self.answer(await loop.run_in_executor(None, lambda: answer(self.service, since, until, cell)))

    def _cell(self, id: str | None) -> Cell | None:
        if not id:
            return None
        found = next((cell for cell in self.service.cells if cell.id == id), None)
        if found is None:
            raise web.HTTPError(404, f"There is no record of a cell {id}; gpumon/api/cells lists them.")
        return found


def answer(service: Service, since: float, until: float, cell: Cell | None) -> AdviceAnswer:
    """The advice on that time, or on that cell."""
    before = tuple(one for one in service.cells if one.final and one.end <= until)
    same = (one for one in before if cell is None or one.kernel_id == cell.kernel_id)
    stretch = Stretch(
        start=since,
        end=until,
        devices=service.monitor.hello.devices,
        columns=service.columns(since, until, None, None, _METRICS, False),
        cell=cell,
        cells=tuple(one for one in same if cell is not None or one.end >= since),
        processes=service.processes(),
        bench=bench_of(_bench()[0]),
    )
    return AdviceAnswer(findings=tuple(advise(stretch)), since=since, until=until)


HANDLERS: dict[str, type[Route]] = {"advice": AdviceHandler}
