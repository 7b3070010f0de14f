"""Some of the devices and metrics of a stream; the others are left out."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from ..devices import choose
from ..metrics import Gpu, Host
from ..model import Hello, Sample
from ..sinks.table import Columns
from ..sinks.urls import scheme_of
from ..sources.tables import PREFIX
from ..wire import Stream


class Only:
    """Leaves the others out of a stream.

    Args:
        names: of devices (``0``, ``gpu1``, ``0:1``, a UUID), with commas between them; nothing is all of them.
    """

    def __init__(self, names: str) -> None:
        self._names = [name.strip() for name in names.split(",") if name.strip()]
        self._uuids: Collection[str] = ()

    def message(self, message: Stream) -> Stream:
        """The message without what is of other devices.

        Raises:
            DeviceError: there is no such device; the text names those that there are.
        """
        if not self._names:
            return message
        return self._hello(message) if isinstance(message, Hello) else self._sample(message)

    def _hello(self, hello: Hello) -> Hello:
        if not hello.devices:
            return hello
        kept = choose(hello.devices, self._names)
        self._uuids = frozenset(device.uuid for device in kept)
        return replace(hello, devices=tuple(kept))

    def _sample(self, sample: Sample) -> Sample:
        processes = sample.processes
        return replace(
            sample,
            gpus=tuple(gpu for gpu in sample.gpus if gpu.uuid in self._uuids),
            processes=None if processes is None else tuple(each for each in processes if each.uuid in self._uuids),
            edges=tuple(edge for edge in sample.edges if edge.uuid in self._uuids),
            links=sample.links and tuple(link for link in sample.links if link.uuid in self._uuids),
            powers=tuple(run for run in sample.powers if run.uuid in self._uuids),
            events=tuple(event for event in sample.events if event.uuid is None or event.uuid in self._uuids),
        )


class Metrics:
    """Leaves other metrics out of a stream.

    Args:
        columns: those that stay, of the GPU and of the host.
    """

    def __init__(self, columns: Columns) -> None:
        self._gpu = tuple(metric.name for metric in columns.gpu)
        self._host = tuple(metric.name for metric in columns.host)

    def message(self, message: Stream) -> Stream:
        """The message with these metrics alone."""
        if isinstance(message, Hello):
            return message
        gpus = tuple(Gpu(uuid=gpu.uuid, **{name: getattr(gpu, name) for name in self._gpu}) for gpu in message.gpus)
        of = message.host
        host = None if of is None or not self._host else Host(**{name: getattr(of, name) for name in self._host})
        return replace(message, gpus=gpus, host=host)


def with_columns(url: str, columns: Columns) -> str:
    """The URL of a table (CSV, Parquet, SQL) with these columns alone; another as it is."""
    scheme = scheme_of(url)
    gpu = [metric.name for metric in columns.gpu]
    host = [f"{PREFIX}{metric.name}" for metric in columns.host]
    if scheme in ("csv", "parquet") and "seed=" not in url:
        names = [*gpu, *host]
    elif "://" in url and scheme != "otlp":
        names = gpu  # a database has a table of the host's own
    else:
        names = []
    return f"{url}{'&' if '?' in url else '?'}columns={','.join(names)}" if names and "columns=" not in url else url
