"""``health`` and ``links``: how each GPU stands and is linked; and that somebody has seen an XID."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from .handlers import Route
from .sockets import Local


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of an XID."""

    uuid: str
    code: int
    action: Literal["acknowledge", "unacknowledge", "clear"] = "acknowledge"


class HealthHandler(Route):
    """``health``: PASS, WARN or FAIL per watch and GPU."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """As the latest sample has it."""
        self.answer(await asyncio.get_running_loop().run_in_executor(None, self.service.checkup.health))


class AcknowledgeHandler(Route):
    """``health/acknowledge``: an XID was seen, was not after all, or is to be forgotten."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """``{"uuid", "code", "action"}``; answers as ``health``."""
        try:
            said = msgspec.json.decode(self.request.body, type=Acknowledgement)
        except msgspec.DecodeError as e:
            raise web.HTTPError(400, f'Say {{"uuid": "GPU-…", "code": 79, "action": "acknowledge"}}: {e}.') from e
        checkup = self.service.checkup
        if said.action == "clear":
            known = checkup.clear(said.uuid, said.code)
        else:
            known = checkup.acknowledge(said.uuid, said.code, time.time() if said.action == "acknowledge" else None)
        if not known:
            raise web.HTTPError(404, f"No XID {said.code} is known of {said.uuid}.")
        self.answer(await asyncio.get_running_loop().run_in_executor(None, checkup.health))


class LocalHealth(Local):
    """The same for who may use the Unix socket: this user's kernels and commands."""

    async def get(self) -> None:
        """As the latest sample has it."""
        self.answer(await asyncio.get_running_loop().run_in_executor(None, self.service.checkup.health))


class LinksHandler(Route):
    """``links``: PCIe, NVLinks, topology and MIG."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Looked at now."""
        self.answer(await self.service.links.asked())


class LocalLinks(Local):
    """The same over the Unix socket."""

    async def get(self) -> None:
        """Looked at now."""
        self.answer(await self.service.links.asked())


HANDLERS: dict[str, type[web.RequestHandler]] = {
    "health": HealthHandler,
    "health/acknowledge": AcknowledgeHandler,
    "links": LinksHandler,
}
LOCAL: dict[str, type[web.RequestHandler]] = {"health": LocalHealth, "links": LocalLinks}
