"""The Jupyter servers of this user that run, and what their sampler says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir

from .asking import Answer, ask


def running() -> Iterator[Mapping[str, Any]]:
    """What Jupyter notes of each: ``url``, ``port``, ``pid``, ``token``."""
    if not any(Path(jupyter_runtime_dir()).glob("jpserver-*.json")):
        return  # Where there is none, nobody waits for all of jupyter_server to be imported.
    from jupyter_server.serverapp import list_running_servers

    yield from list_running_servers(jupyter_runtime_dir())


def asked(server: Mapping[str, Any], path: str) -> Answer:
    """GET a path below the server's base URL, with its own token."""
    headers = {"Authorization": f"token {server['token']}"} if server.get("token") else {}
    return ask(f"{server.get('url', '')}{path}", headers)


def destinations() -> list[dict[str, Any]]:
    """Per server with jupyter-gpumon that can be asked: ``url``, ``port``, and ``sinks`` as ``gpumon/api/sampler``
    tells them."""
    found = []
    for server in running():
        answer = asked(server, "gpumon/api/sampler")
        if answer.good:
            sinks = json.loads(answer.text).get("sinks", [])
            found.append({"url": str(server.get("url", "")), "port": server.get("port"), "sinks": sinks})
    return found
