"""Receivers of OTLP, built from opentelemetry-proto: one by gRPC (grpcio) and one by HTTP (http.server).

``otlp("grpc")`` or ``otlp("http")`` starts one on a free loopback port, with ``tls=(certificate, key)`` encrypted; it
ends with the test, and keeps what it was sent. ``receiver.code`` makes it answer with an error.
"""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from . import PATIENCE, free_port


@dataclass
class Received:
    """One point of a metric, or one span, with what its resource says."""

    name: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    said: Any
    """The protobuf message itself: a ``NumberDataPoint`` or a ``Span``."""
    kind: str = ""
    """``gauge`` or ``sum``; of a sum also whether it is monotonic."""
    unit: str = ""

    @property
    def value(self) -> float:
        """A point's value."""
        return getattr(self.said, self.said.WhichOneof("value"))


@dataclass
class Receiver:
    """One that runs."""

    protocol: str
    port: int
    tls: tuple[Path, Path] | None = None
    """Files of its certificate and of the key; None takes what is not encrypted."""
    points: list[Received] = field(default_factory=list)
    spans: list[Received] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    requests: int = 0
    code: int = 0
    """What every request is answered with instead of being taken: an HTTP status, or a gRPC status code."""

    @property
    def url(self) -> str:
        """The sink's."""
        return f"otlp:{self.protocol}{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def until(self, when: Callable[[Receiver], Any], what: str) -> Any:
        """Wait until this holds, and return what it gave."""
        end = time.monotonic() + PATIENCE
        while not (found := when(self)):
            assert time.monotonic() < end, f"never: {what}"
            time.sleep(0.02)
        return found

    def named(self, name: str) -> list[Received]:
        """The points of this metric."""
        return [point for point in self.points if point.name == name]

    def take_metrics(self, request: Any) -> None:
        """Keep the points of a request."""
        for group in request.resource_metrics:
            about = _plain(group.resource.attributes)
            for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
                data = getattr(metric, metric.WhichOneof("data"))
                kind = metric.WhichOneof("data") + (" monotonic" if getattr(data, "is_monotonic", False) else "")
                self.points += [
                    Received(metric.name, _plain(p.attributes), about, p, kind, metric.unit) for p in data.data_points
                ]

    def take_traces(self, request: Any) -> None:
        """Keep the spans of a request."""
        for group in request.resource_spans:
            about = _plain(group.resource.attributes)
            spans = [span for scope in group.scope_spans for span in scope.spans]
            self.spans += [Received(span.name, _plain(span.attributes), about, span) for span in spans]


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@pytest.fixture
def otlp() -> Iterator[Callable[..., Receiver]]:
    """``otlp("grpc")``, ``otlp("http", port=…)``."""
    pytest.importorskip("opentelemetry.proto")
    with ExitStack() as stack:

        def start(protocol: str, port: int = 0, tls: tuple[Path, Path] | None = None) -> Receiver:
            receiver = Receiver(protocol, port or free_port(), tls)
            stack.callback(_grpc(receiver) if protocol == "grpc" else _http(receiver))
            return receiver

        yield start


def _http(receiver: Receiver) -> Callable[[], None]:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.requests += 1
            if not receiver.code:
                receiver.headers.append({key.lower(): value for key, value in self.headers.items()})
                if self.path == "/v1/metrics":
                    receiver.take_metrics(ExportMetricsServiceRequest.FromString(body))
                elif self.path == "/v1/traces":
                    receiver.take_traces(ExportTraceServiceRequest.FromString(body))
            self.send_response(receiver.code or 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler)
    if receiver.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*receiver.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop


def _grpc(receiver: Receiver) -> Callable[[], None]:
    import grpc
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

    codes = {code.value[0]: code for code in grpc.StatusCode}

    def taken(context: Any) -> None:
        receiver.requests += 1
        if receiver.code:
            context.abort(codes[receiver.code], "not here")
        receiver.headers.append({key: str(value) for key, value in context.invocation_metadata()})

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            taken(context)
            receiver.take_metrics(request)
            return metrics_service_pb2.ExportMetricsServiceResponse()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            taken(context)
            receiver.take_traces(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(4))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    address = f"127.0.0.1:{receiver.port}"
    if receiver.tls:
        certificate, key = (path.read_bytes() for path in receiver.tls)
        assert server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
    else:
        assert server.add_insecure_port(address)
    server.start()
    return lambda: server.stop(0).wait()
