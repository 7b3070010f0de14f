"""OpenTelemetry: GPU and host as metrics, cells and ``gm.span()`` as spans, over OTLP by gRPC or HTTP (extra ``otel``).

``otlp:http://host:4318``, ``otlp:grpc://host:4317``, or ``otlp:`` and the standard ``OTEL_EXPORTER_OTLP_*`` variables.
"""

from __future__ import annotations

from .address import receivers
from .sink import OtlpSink


def open_sink(url: str) -> OtlpSink:
    """The sink of ``otlp:…``. The receiver need not be there yet.

    Raises:
        SourceError: the URL or a variable cannot be understood, or the extra is not installed.
    """
    return OtlpSink(url, receivers(url))
