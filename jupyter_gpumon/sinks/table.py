"""A recording as a table: one row per GPU per tick, with the host's values beside the GPU's, for CSV and Parquet.

The columns are read off the metric catalogue: ``power`` is ``power_watts``, the host's ``cpu`` is ``host_cpu_ratio``.
Unknown is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..errors import SourceError
from ..metrics import HOST_METRICS, Gpu, Host, Metric
from ..model import Device, Hello, Sample
from ..sources.tables import LABELS, PREFIX
from .columns import chosen, value

Value = str | float | None

HOST = tuple(metric for metric in HOST_METRICS.values() if metric.kind in ("gauge", "counter"))


class Columns(NamedTuple):
    """The metrics of a table."""

    gpu: tuple[Metric, ...]
    host: tuple[Metric, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The header, labels first."""
        host = (PREFIX + metric.column for metric in self.host)
        return (*LABELS, *(metric.column for metric in self.gpu), *host)


def choose(names: Iterable[str] | str = "") -> Columns:
    """The metrics that are named, the host's as ``host_cpu``; nothing is the default ones, ``all`` is every one.

    Raises:
        SourceError: there is no such metric.
    """
    listed = [name.strip() for name in (names.split(",") if isinstance(names, str) else names) if name.strip()]
    if not listed or "all" in listed:
        return Columns(chosen(listed), HOST)
    known = {PREFIX + metric.name: metric for metric in HOST}
    if unknown := [name for name in listed if name.startswith(PREFIX) and name not in known]:
        raise SourceError(f"There is no metric called {unknown[0]!r}. Of the host there are: {', '.join(known)}.")
    gpu = [name for name in listed if name not in known]
    host = tuple(metric for name, metric in known.items() if name in listed)
    return Columns(chosen(gpu) if gpu else (), host)


class Table:
    """Turns messages into rows.

    Args:
        columns: of metrics.
        run: the value of the column ``run``.
    """

    def __init__(self, columns: Columns | None = None, run: str = "") -> None:
        self.columns = choose() if columns is None else columns
        self.names = self.columns.names
        self.run = run
        self.hello = Hello()
        self._devices: dict[str, Device] = {}

    def greet(self, hello: Hello) -> None:
        """Take who speaks and which devices there are; a hello without devices takes none away."""
        self.hello = hello
        self._devices.update({device.uuid: device for device in hello.devices})

    def rows(self, sample: Sample) -> Iterator[tuple[Value, ...]]:
        """A row per GPU; one without a GPU where there is only the host; none for a sample of edges or events alone."""
        of_host = sample.host or Host()
        host: list[Value] = [getattr(of_host, metric.name) for metric in self.columns.host]
        for gpu in sample.gpus or ((Gpu(uuid=""),) if sample.host is not None else ()):
            yield (*self._labels(sample, gpu.uuid), *(value(gpu, metric) for metric in self.columns.gpu), *host)

    def _labels(self, sample: Sample, uuid: str) -> tuple[Value, ...]:
        device = self._devices.get(uuid)
        known = (device.label, device.name) if device else (None, None)
        return sample.time, sample.mono, self.run or None, self.hello.hostname or None, uuid or None, *known
