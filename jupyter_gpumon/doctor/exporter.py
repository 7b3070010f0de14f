"""The exporter on its port, and whether Grafana's data sources hold what it exports."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml  # comes with jupyter_server

from .asking import ask, reached
from .words import Asked, Line, fault, ok, warning

_OURS = re.compile(r"^(gpumon_|DCGM_FI_|gpu_)", re.M)
_SERIES = 'count({__name__=~"gpumon_.+|DCGM_FI_.+"})'


def exporter(asked: Asked) -> Iterator[Line]:
    """``gpumon serve``: answering, not started, or its port taken by somebody else."""
    where = urlsplit(asked.exporter)
    name = f"exporter :{where.port}"
    answer = ask(asked.exporter)
    if answer.good and _OURS.search(answer.text):
        yield ok(name, f"answers with {sum(map(_is_series, answer.text.splitlines()))} series")
    elif answer.status == 401:
        yield ok(name, "answers, and asks for a password")
    elif answer.good and "gpumon" in answer.text:
        yield warning(name, "answers, but has no GPU to tell of", "See the line of the driver above.")
    elif _free(where.hostname or "", where.port or 0):
        yield ok(name, "is not running, and its port is free (start it with: gpumon serve)")
    else:
        said = f"{answer.status} {answer.text[:60]!r}" if answer.status else answer.text
        fix = (
            "Choose another port: gpumon serve --port PORT, and gpumon doctor --exporter http://127.0.0.1:PORT/metrics"
        )
        yield fault(name, f"another program has this port ({said})", fix)


def _is_series(line: str) -> bool:
    return bool(line) and not line.startswith("#")


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def datasources(asked: Asked) -> Iterator[Line]:
    """Grafana's data sources, where its provisioning files can be found."""
    files = [path for folder in asked.provisioning for path in sorted((folder / "datasources").glob("*.y*ml"))]
    if not files:
        yield ok("data source", "none is provisioned here (gpumon dashboards and gpumon up write one)")
    for path in files:
        yield from _file(path)


def _file(path: Path) -> Iterator[Line]:
    try:
        said = yaml.safe_load(path.read_text())
        found = said.get("datasources") or []
    except (OSError, yaml.YAMLError, AttributeError) as e:
        yield fault(
            "data source", f"{path} cannot be read: {' '.join(str(e).split())}", "Write it again: gpumon dashboards"
        )
        return
    for each in found:
        yield _source(path, each)


def _source(path: Path, said: Mapping[str, Any]) -> Line:
    name = f"data source {said.get('name')}"
    missing: list[str] = []
    url = _filled(str(said.get("url", "")), missing)
    if missing:
        fix = f"Set {', '.join(missing)} for Grafana, or correct {path}."
        return warning(name, f"its address is in a variable that is not set here: {', '.join(missing)}", fix)
    if said.get("type") == "prometheus":
        return _prometheus(name, path, url)
    why = reached(url if "://" in url else f"tcp://{url}")
    if why:
        return fault(name, f"{url} does not answer: {why}", f"Start it, or correct {path}.")
    return ok(name, f"somebody listens at {url}")


def _prometheus(name: str, path: Path, url: str) -> Line:
    answer = ask(f"{url.rstrip('/')}/api/v1/query?query={quote(_SERIES)}")
    if not answer.good:
        why = f"{answer.status} {answer.text}".removeprefix("0 ")
        return fault(name, f"{url} does not answer: {why}", f"Start Prometheus (gpumon up), or correct {path}.")
    found = json.loads(answer.text)["data"]["result"]
    if not found:
        fix = "Add a scrape job for this machine's exporter, http://127.0.0.1:9401/metrics (docs: Grafana)."
        return warning(name, f"Prometheus at {url} answers, and has no series of a GPU", fix)
    return ok(name, f"Prometheus at {url} has {found[0]['value'][1]} series of GPUs")


def _filled(text: str, missing: list[str]) -> str:
    """The text with variables put in, as Grafana does."""

    def value(found: re.Match[str]) -> str:
        variable = found[1] or found[2]
        if variable not in os.environ:
            missing.append(f"${variable}")
        return os.environ.get(variable, "")

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)
