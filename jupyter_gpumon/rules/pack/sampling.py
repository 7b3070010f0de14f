"""Whether the sampler itself keeps up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...findings import Finding
from ...units import quantity
from ..expression import Node, parse
from ..window import Window
from .written import Written

MOST, FEW = 0.3, 0.1
_MISSED = parse("mean(missed, 2 min) > 0").node.parts[0]


class Late(Written):
    """Samples are left out, because the driver or the machine is too slow for the rate that was asked for."""

    id, title = "sampler-late", "The sampler cannot keep up"
    help = "More than 30 % of the samples of the last 2 min were left out."
    ends = "Less than 10 % were."
    steps = (
        "See in gpumon doctor which calls of the driver are slow.",
        "Sample less often: c.GpuMon.interval = 5",
        "Where the machine is overloaded, take some of its load away.",
    )

    def conditions(self) -> Iterable[Node]:
        """The share that was left out."""
        return (_MISSED,)

    def check(self, window: Window) -> Iterator[Finding]:
        """One, where that is so."""
        share = _share(window)
        if share is not None and share > MOST:
            yield self.found(None, f"{quantity(share, 'ratio')} of the samples were left out", share, "ratio")

    def still(self, window: Window, finding: Finding) -> bool:  # noqa: ARG002 - Rule
        """Until nearly all are taken."""
        share = _share(window)
        return share is not None and share > FEW


def _share(window: Window) -> float | None:
    column = window.column(_MISSED)
    return column[0] if column else None
