"""Where OTLP goes: from the sink's URL, or from the standard variables where the URL names no receiver."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import parse_qs, urlsplit, urlunsplit

from msgspec import Struct

from ...errors import SourceError
from ..urls import shown

SIGNALS = ("metrics", "traces")
_PROTOCOLS = {"http": "http/protobuf", "https": "http/protobuf", "grpc": "grpc", "grpcs": "grpc"}
_PACKAGES = {
    "grpc": "opentelemetry-exporter-otlp-proto-grpc",
    "http/protobuf": "opentelemetry-exporter-otlp-proto-http",
}


class Receiver(Struct, frozen=True, kw_only=True):
    """Who takes one signal."""

    protocol: str
    """``grpc`` or ``http/protobuf``."""
    endpoint: str | None = None
    """None leaves it to the variables, and to the exporter's default on this machine."""


def receivers(url: str, variables: Mapping[str, str] = os.environ) -> dict[str, Receiver]:
    """Signal (``metrics``, ``traces``) → its receiver.

    Raises:
        SourceError: what is asked for cannot be, or needs the extra; the text says what to do.
    """
    parts = urlsplit(url.partition(":")[2])
    query = parse_qs(parts.query)
    if query.keys() - {"signals"}:
        raise SourceError(f"{shown(url)!r}: after the question mark only signals=metrics,traces may stand.")
    signals = _signals(url, query.get("signals", [""])[0], variables)
    found = {signal: _receiver(url, signal, variables) for signal in signals}
    for receiver in found.values():
        _installed(receiver.protocol)
    return found


def _signals(url: str, asked: str, variables: Mapping[str, str]) -> list[str]:
    if asked:
        names = asked.split(",")
        if set(names) - set(SIGNALS):
            raise SourceError(f"{shown(url)!r}: the signals are metrics and traces, as in signals=metrics.")
        return names
    names = [signal for signal in SIGNALS if variables.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp") != "none"]
    if not names:
        raise SourceError("OTEL_METRICS_EXPORTER and OTEL_TRACES_EXPORTER are both none: nothing is left to be sent.")
    return names


def _receiver(url: str, signal: str, variables: Mapping[str, str]) -> Receiver:
    parts = urlsplit(url.partition(":")[2])
    if not parts.scheme and not parts.path:
        return Receiver(protocol=_asked(signal, variables))
    protocol = _PROTOCOLS.get(parts.scheme)
    if protocol is None or not parts.netloc:
        raise SourceError(
            f"{shown(url)!r} names no OTLP receiver. Write otlp:http://host:4318 or otlp:grpc://host:4317 (https and "
            "grpcs with TLS), or otlp: and set OTEL_EXPORTER_OTLP_ENDPOINT."
        )
    secure = parts.scheme in ("https", "grpcs")
    path = f"{parts.path.rstrip('/')}/v1/{signal}" if protocol != "grpc" else ""
    return Receiver(protocol=protocol, endpoint=urlunsplit(("https" if secure else "http", parts.netloc, path, "", "")))


def _asked(signal: str, variables: Mapping[str, str]) -> str:
    name = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    protocol = variables.get(name) or variables.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    if protocol not in _PACKAGES:
        raise SourceError(f"The OTLP protocol {protocol!r} is not spoken here; set {name} to grpc or http/protobuf.")
    return protocol


def _installed(protocol: str) -> None:
    try:
        version(_PACKAGES[protocol])  # asks for the metadata alone: the libraries are imported in the sink's thread
    except PackageNotFoundError as e:
        raise SourceError("An otlp: sink needs OpenTelemetry's exporters: pip install 'jupyter-gpumon[otel]'") from e
