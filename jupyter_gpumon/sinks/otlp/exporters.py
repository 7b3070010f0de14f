"""The only module that knows OpenTelemetry's SDK: our points and spans as its own, and its exporters. Imported in the
sink's thread, so that who does not use it does not pay for it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Protocol

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from ... import __version__
from ...model import Hello
from .address import Receiver
from .points import Point
from .spans import Span

SCOPE = InstrumentationScope("jupyter_gpumon", __version__)


class Exporter(Protocol):
    """Sends what it is given, and can be stopped from another thread."""

    def send(self, hello: Hello) -> bool:
        """Send it all; whether it has arrived."""

    def stop(self) -> None:
        """Give up what is under way."""


class Metrics:
    """Sends points."""

    def __init__(self, receiver: Receiver) -> None:
        self._exporter = _metric_exporter(receiver)
        self.points: list[Point] = []

    def send(self, hello: Hello) -> bool:
        """Send the points."""
        metrics = [_metric(points) for points in _by_name(self.points)]
        scope = ScopeMetrics(SCOPE, metrics, schema_url="")
        data = MetricsData([ResourceMetrics(resource(hello), [scope], schema_url="")])
        return self._exporter.export(data) is MetricExportResult.SUCCESS

    def stop(self) -> None:
        """Give up what is under way."""
        self._exporter.shutdown()


class Traces:
    """Sends spans."""

    def __init__(self, receiver: Receiver) -> None:
        self._exporter = _span_exporter(receiver)
        self.spans: list[Span] = []

    def send(self, hello: Hello) -> bool:
        """Send the spans."""
        about = resource(hello)
        return self._exporter.export([_readable(span, about) for span in self.spans]) is SpanExportResult.SUCCESS

    def stop(self) -> None:
        """Give up what is under way."""
        self._exporter.shutdown()


def resource(hello: Hello) -> Resource:
    """Who speaks: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what we would say."""
    ours = {"service.name": "jupyter-gpumon", "service.version": __version__, "host.name": hello.hostname}
    simulated = {"gpumon.simulated": True} if hello.simulated else {}
    found = Resource.create()
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    known = {**found.attributes, **simulated}
    for key, value in ours.items():
        if value and (key not in known or (key == "service.name" and not named)):
            known[key] = value
    return Resource(known)


def _by_name(points: Iterable[Point]) -> Iterable[list[Point]]:
    found: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        found.setdefault((point.convention.name, point.convention.instrument), []).append(point)
    return found.values()


def _metric(points: list[Point]) -> Metric:
    convention = points[0].convention
    if convention.instrument == "histogram":
        buckets = Histogram([_buckets(point) for point in points], AggregationTemporality.CUMULATIVE)
        return Metric(convention.name, convention.help, convention.unit, buckets)
    counts = convention.instrument != "gauge"
    numbers = [
        NumberDataPoint(point.attributes, point.start if counts else 0, point.time, point.value) for point in points
    ]
    data: Sum | Gauge = (
        Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=convention.instrument == "counter")
        if counts
        else Gauge(numbers)
    )
    return Metric(convention.name, convention.help, convention.unit, data)


def _buckets(point: Point) -> HistogramDataPoint:
    said = point.value
    return HistogramDataPoint(
        attributes=point.attributes,
        start_time_unix_nano=point.start,
        time_unix_nano=point.time,
        count=said.count,
        sum=said.sum,
        bucket_counts=said.counts,
        explicit_bounds=said.bounds,
        min=said.min,
        max=said.max,
    )


def _readable(span: Span, about: Resource) -> ReadableSpan:
    status = Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK)
    return ReadableSpan(
        span.name,
        context=_context(span.trace, span.id),
        parent=None if span.parent is None else _context(span.trace, span.parent),
        resource=about,
        attributes=span.attributes,
        status=status,
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=SCOPE,
    )


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _metric_exporter(receiver: Receiver) -> MetricExporter:
    if receiver.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc

        return Grpc(endpoint=receiver.endpoint)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as Http

    return Http(endpoint=receiver.endpoint)


def _span_exporter(receiver: Receiver) -> SpanExporter:
    if receiver.protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        return Grpc(endpoint=receiver.endpoint)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http(endpoint=receiver.endpoint)
