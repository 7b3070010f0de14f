"""Which optional packages are there, and which features need those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from .. import __version__
from .settings import Settings
from .words import Asked, Line, fault, ok

EXTRAS = {
    "mysql": (("PyMySQL",), "samples into MariaDB and MySQL"),
    "postgresql": (("psycopg",), "samples into PostgreSQL"),
    "parquet": (("pyarrow",), "Parquet files"),
    "exporter": (("bcrypt",), "hashed passwords at gpumon serve"),
    "report": (("plotly", "nbconvert"), "reports and exported notebooks"),
    "otel": (
        ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-exporter-otlp-proto-grpc"),
        "OpenTelemetry",
    ),
    "notify": (("apprise",), "alerts to chats, mail and phones by Apprise"),
}
"""Extra → what it brings, and what for."""

SCHEMES = {
    "mysql": "mysql", "mariadb": "mysql", "postgresql": "postgresql", "parquet": "parquet", "otlp": "otel",
    "apprise": "notify",
}  # fmt: skip
"""Scheme of a sink → the extra that it needs."""


def extras(asked: Asked) -> Iterator[Line]:
    """Fault where a sink needs what is not there, else a word on what it would be good for."""
    needed = needs(asked.settings)
    for extra, (packages, purpose) in EXTRAS.items():
        missing = [name for name in packages if not _installed(name)]
        command = f"pip install 'jupyter-gpumon[{extra}]'"
        if not missing:
            yield ok(f"extra {extra}", f"installed: {purpose}")
        elif extra in needed:
            yield fault(f"extra {extra}", f"a configured sink needs {', '.join(missing)}", f"Run: {command}")
        else:
            yield ok(f"extra {extra}", f"not installed; for {purpose}: {command}")


def needs(settings: Settings) -> set[str]:
    """The extras that the configured sinks need."""
    urls = [*(url for _, url in settings.urls()), *(settings.value("notify") or ())]
    schemes = {url.partition(":")[0].partition("+")[0].lower() for url in urls}
    return {SCHEMES[scheme] for scheme in schemes if scheme in SCHEMES}


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def configuration(asked: Asked) -> Iterator[Line]:
    """What the configuration files say that no server can take."""
    said = [setting for setting in asked.settings.settings if setting.origin != "default"]
    for problem in asked.settings.problems:
        yield fault("configuration", problem, "Correct that line; gpumon doctor --config shows what is in force.")
    if not asked.settings.problems:
        names = ", ".join(setting.name for setting in said) or "defaults throughout"
        yield ok("configuration", f"jupyter-gpumon {__version__}; set: {names}")
