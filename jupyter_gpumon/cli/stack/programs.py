"""The programs that ``gpumon up`` starts: how each is found, how one gets it, and what it is told.

All listen on the loopback interface only. What they keep lies in one folder.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...dashboards.files import write

HERE = "127.0.0.1"
PASSWORD_FILE = "grafana-password"  # noqa: S105 - a file's name
GRAFANA_HOMES = ("/usr/share/grafana", "/opt/homebrew/share/grafana", "/usr/local/share/grafana")


@dataclass(frozen=True)
class Wish:
    """What the user asks for: ports, the GPUs' source, and where everything is kept."""

    folder: Path
    ports: Mapping[str, int]
    source: str | None = None

    def address(self, name: str) -> str:
        """Where one of the programs listens."""
        return f"{HERE}:{self.ports[name]}"


class Call(NamedTuple):
    """A command line and what its environment has in addition."""

    words: Sequence[str]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Program:
    """One that can be started."""

    name: str
    port: int
    """Where it listens unless told otherwise."""
    path: str
    """What answers once it is ready."""
    call: Callable[[Wish, str], Call]
    commands: tuple[str, ...] = ()
    """Names of the executable, the preferred one first; none for our own."""
    get: str = ""
    """How one gets it, in a sentence."""
    hints: Sequence[str] = field(default=())
    """What to say once it runs; ``{folder}`` is filled in."""

    def found(self) -> str | None:
        """Path of the executable; None where it is not installed."""
        if not self.commands:
            return sys.executable
        return next((path for path in map(_which, self.commands) if path), None)


def _which(command: str) -> str | None:
    return shutil.which(command) or shutil.which(command, path="/usr/sbin:/usr/local/sbin:/usr/share/grafana/bin")


SAFE = {"PYTHONSAFEPATH": "1"}
"""A ``psutil.py`` in the user's folder is not to be imported in place of the real one."""


def _exporter(wish: Wish, program: str) -> Call:
    source = ["--source", wish.source] if wish.source else []
    return Call([program, "-m", "jupyter_gpumon", "serve", "--port", str(wish.ports["exporter"]), *source], SAFE)


def _prometheus(wish: Wish, program: str) -> Call:
    files(wish)
    words = [
        f"--config.file={wish.folder / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={wish.folder / 'prometheus-data'}",
        "--storage.tsdb.retention.time=30d",
        f"--web.listen-address={wish.address('prometheus')}",
    ]
    return Call([program, *words], {})


def _grafana(wish: Wish, program: str) -> Call:
    files(wish)
    home = next((home for home in GRAFANA_HOMES if Path(home).exists()), str(Path(program).resolve().parent.parent))
    words = [program, *(["server"] if Path(program).name == "grafana" else []), f"--homepath={home}"]
    return Call(words, _grafana_variables(wish))


def _grafana_variables(wish: Wish) -> dict[str, str]:
    """Settings that a configuration file would hold: ``GF_<section>_<key>``. No anonymous visitors, no calls home."""
    settings = {
        "SERVER_HTTP_ADDR": HERE,
        "SERVER_HTTP_PORT": str(wish.ports["grafana"]),
        "PATHS_DATA": str(wish.folder / "grafana-data"),
        "PATHS_LOGS": str(wish.folder / "logs"),
        "PATHS_PROVISIONING": str(wish.folder / "grafana" / "provisioning"),
        "SECURITY_ADMIN_PASSWORD": _password(wish.folder / PASSWORD_FILE),
        "AUTH_ANONYMOUS_ENABLED": "false",
        "USERS_ALLOW_SIGN_UP": "false",
        "ANALYTICS_REPORTING_ENABLED": "false",
        "ANALYTICS_CHECK_FOR_UPDATES": "false",
        "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    }
    return {f"GF_{key}": value for key, value in settings.items()}


def _password(path: Path) -> str:
    """The administrator's, drawn once and readable by this user alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12) + "\n")
    return path.read_text().strip()


def files(wish: Wish) -> None:
    """Write configuration, rules and dashboards for these ports."""
    write(
        wish.folder,
        targets=[wish.address("exporter")],
        prometheus=f"http://{wish.address('prometheus')}",
        interval="5s",
        overwrite=True,
    )


PROGRAMS = {
    program.name: program
    for program in (
        Program("exporter", 9401, "/metrics", _exporter),
        Program(
            "prometheus",
            9090,
            "/-/ready",
            _prometheus,
            ("prometheus",),
            "Get it with: apt install prometheus, brew install prometheus, or from prometheus.io/download.",
        ),
        Program(
            "grafana",
            3000,
            "/api/health",
            _grafana,
            ("grafana-server", "grafana"),
            "Get it as grafana.com/docs/grafana/latest/setup-grafana tells, or use the containers of "
            "examples/prometheus-grafana.",
            ["Log in as admin with the password in {folder}/" + PASSWORD_FILE],
        ),
    )
}
"""In the order in which they are started."""
