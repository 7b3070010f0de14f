"""What a library records with OpenTelemetry's metrics API, logged in the run that is open: ``watch_opentelemetry()``.

Libraries that measure themselves (the continuous batching of transformers: time to first token, request latency, cache
memory) record with that API, and leave it to the program who listens. Here it is the run, value by value. Only the API
is needed (it comes with the extra ``otel``), and nothing is sent anywhere.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..errors import RunError
from .open_runs import current

_UNITS = {"s": "seconds", "By": "bytes", "J": "joules", "W": "watts", "1": "ratio"}
"""UCUM → the catalogue's unit; others are what the name says."""


class Told:
    """One instrument: ``add``, ``record`` or ``set`` logs a value. Where no run is open, nothing happens."""

    def __init__(self, kind: str, name: str, unit: str) -> None:
        self._kind, self._name, self._unit = kind, name, _UNITS.get(unit)

    def record(self, amount: float, *_: Any, **__: Any) -> None:
        """Log it; a library that records is never disturbed."""
        with suppress(RunError):
            current(self._name).log_metric(self._name, amount, kind=self._kind, unit=self._unit)

    add = set = record


def watch_opentelemetry() -> None:
    """From now on log in the open run what this process records with OpenTelemetry. Safe to call again.

    Instruments that are asked (observable ones) are not; counters, histograms and gauges are.

    Raises:
        RunError: OpenTelemetry is not installed, or its metrics go elsewhere already.
    """
    try:
        from opentelemetry import metrics
    except ImportError as e:
        raise RunError("OpenTelemetry is not installed: pip install 'jupyter-gpumon[otel]'") from e
    if getattr(metrics.get_meter_provider(), "of_gpumon", False):
        return
    ours = _provider(metrics)
    metrics.set_meter_provider(ours)
    if metrics.get_meter_provider() is not ours:
        raise RunError("This process's OpenTelemetry metrics go elsewhere already; call watch_opentelemetry() first.")


def _provider(metrics: Any) -> Any:
    """A meter provider whose instruments log; the classes are made here, so that who does not ask pays nothing."""

    class Meter(metrics.NoOpMeter):  # type: ignore[misc]
        def create_counter(self, name: str, unit: str = "", description: str = "") -> Told:  # noqa: ARG002
            return Told("counter", name, unit)

        def create_histogram(self, name: str, unit: str = "", *_: Any, **__: Any) -> Told:
            return Told("histogram", name, unit)

        def create_gauge(self, name: str, unit: str = "", *_: Any, **__: Any) -> Told:
            return Told("gauge", name, unit)

    class Provider(metrics.NoOpMeterProvider):  # type: ignore[misc]
        of_gpumon = True

        def get_meter(self, name: str, *_: Any, **__: Any) -> Meter:
            return Meter(name)

    return Provider()
