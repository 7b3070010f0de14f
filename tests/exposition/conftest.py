"""A page that follows the messages a test says, read back with prometheus_client's own parsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from jupyter_gpumon.exposition.following import Following
from jupyter_gpumon.exposition.page import Page
from jupyter_gpumon.model import Device, Gpu, Hello, Sample
from jupyter_gpumon.tally import Tally
from jupyter_gpumon.wire import Stream

BOARD = Device(
    uuid="GPU-a",
    index=0,
    name="NVIDIA H200",
    pci="00000000:19:00.0",
    power_limit_max=700.0,
    topology={"GPU-b": "nvlink"},
)
OTHER = Device(uuid="GPU-b", index=1, name="NVIDIA H200", pci="00000000:29:00.0", topology={"GPU-a": "node"})
SLICE = Device(
    uuid="MIG-c",
    index=1,
    name="NVIDIA H200 MIG 1g.18gb",
    parent="GPU-b",
    instance=0,
    gpu_instance=7,
    compute_instance=0,
)


class Series(dict[str, dict[frozenset[tuple[str, str]], float]]):
    """What a page says: name → labels → number."""

    def __init__(self, text: str, read: Callable[[str], Iterator[Any]]) -> None:
        super().__init__()
        self.families = {family.name: family for family in read(text)}
        for family in self.families.values():
            for sample in family.samples:
                # The parser calls every counter's numbers _total, also DCGM's, which are not called so.
                name = sample.name if sample.name in text else sample.name.removesuffix("_total")
                known, labels = self.setdefault(name, {}), frozenset(sample.labels.items())
                assert labels not in known, f"{sample.name} {sample.labels} is there twice"
                known[labels] = sample.value

    def of(self, name: str, /, **labels: str) -> float | None:
        """The one number of this name whose labels are among others these; None where there is none."""
        wanted = frozenset(labels.items())
        found = [value for have, value in self.get(name, {}).items() if wanted <= have]
        assert len(found) <= 1, f"{name} {labels}: {found}"
        return found[0] if found else None

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of each number of this name."""
        return [dict(labels) for labels in self.get(name, {})]


class Told:
    """A page that is told messages."""

    def __init__(self) -> None:
        self.following = Following(Tally())
        self.page = Page(self.following)
        self._mono = 1000.0

    def tell(self, *messages: Stream) -> Told:
        """Let these come."""
        for message in messages:
            self.following.tally.write(message)
            self.following.write(message)
        return self

    def look(self, *gpus: Gpu, after: float = 1.0, **more: Any) -> Told:
        """Let a sample come, ``after`` seconds after the one before."""
        self._mono += after
        return self.tell(Sample(time=1.8e9 + self._mono, mono=self._mono, gpus=gpus, **more))

    def series(self, names: str | None = None, accept: str = "") -> Series:
        """What the page says now."""
        text, kind = self.page.text(accept, names)
        return Series(text, read_openmetrics if kind.startswith("application") else read_text)


@pytest.fixture
def told() -> Told:
    """One with two boards, one of which has a MIG instance."""
    return Told().tell(Hello(hostname="node1", driver="580.95.05", devices=(BOARD, OTHER, SLICE)))
