"""``runs``: the experiments that were kept, two of them compared, their export. Read only: its code makes a run."""

from __future__ import annotations

import asyncio
import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..errors import RunError
from ..experiments import Run
from ..runs.compare import compare, group
from ..runs.exports import export, to_json
from ..runs.latest import shared
from .handlers import Route

T = TypeVar("T")
MOST = 1000
"""Runs in one answer."""


class RunRoute(Route):
    """What these routes have in common: the store is asked beside the loop, and what it refuses is said."""

    async def asked(self, question: Callable[[], T], status: int = 404) -> T:
        """The answer to a question to the store."""
        try:
            return await asyncio.get_running_loop().run_in_executor(None, question)
        except RunError as e:
            raise web.HTTPError(status, str(e)) from e

    def keys(self) -> list[str]:
        """The runs that are asked for: ids or names, with commas."""
        keys = self.names("ids")
        if not keys or len(keys) > MOST:
            raise web.HTTPError(400, f"Say which runs, {MOST} at most: ids=first,second")
        return keys


class RunsHandler(RunRoute):
    """``runs``: the list."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?name&branch&gpu&limit``, the newest first."""
        limit = int(min(max(self.number("limit", 200) or 200, 1), MOST))
        name, branch, gpu = (self.get_query_argument(word, "") for word in ("name", "branch", "gpu"))
        lines = await self.asked(lambda: shared().lines(name=name, branch=branch, gpu=gpu, limit=limit), 503)
        self.answer({"runs": lines, "store": shared().url})


class RunRecordsHandler(RunRoute):
    """``runs/records``: whole records."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?ids=a,b``: by id, or the newest of a name; with metrics and usage."""
        keys = self.keys()
        self.answer({"records": await self.asked(lambda: [shared().find(key)[0] for key in keys])})


class RunCompareHandler(RunRoute):
    """``runs/compare``: what differs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?first&second``: names, or ids."""
        first, second = (self.get_query_argument(word, "") for word in ("first", "second"))
        if not first or not second:
            raise web.HTTPError(400, "Say what is compared: compare?first=…&second=…, names or ids of runs.")
        store = shared()
        self.answer(await self.asked(lambda: compare(group(store, first), group(store, second))))


class RunExportHandler(RunRoute):
    """``runs/export``: files."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?ids=a,b&format=csv|json``: the four tables as a ZIP, or the records."""
        keys, kind = self.keys(), self.get_query_argument("format", "csv")
        if kind not in ("csv", "json"):
            raise web.HTTPError(400, f"Runs are exported as csv or json; not {kind!r}.")

        def files() -> bytes:
            runs = [shared().find(key)[0] for key in keys]
            return _zipped(runs) if kind == "csv" else f"[{','.join(map(to_json, runs))}]\n".encode()

        self.finish(
            await self.asked(files), set_content_type="application/zip" if kind == "csv" else "application/json"
        )


class BenchHandler(RunRoute):
    """``bench``: the last benchmark of this machine. It is not run from here: it would disturb whoever computes."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The latest result; null where there is none."""
        self.answer({"bench": await self.asked(lambda: shared().latest("bench"), 503)})

    @web.authenticated
    @authorized
    def post(self) -> None:
        """Refused: what loads a GPU is begun by who uses it."""
        raise web.HTTPError(
            405, "A benchmark is not begun from here. In a terminal: gpumon bench; in a notebook: %gpumon bench"
        )


def _zipped(runs: list[Run]) -> bytes:
    archive = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as into:
        for path in export(runs, Path(folder)):
            into.write(path, path.name)
    return archive.getvalue()


HANDLERS: dict[str, type[RunRoute]] = {
    "runs": RunsHandler,
    "runs/records": RunRecordsHandler,
    "runs/compare": RunCompareHandler,
    "runs/export": RunExportHandler,
    "bench": BenchHandler,
}
