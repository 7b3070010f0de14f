"""A run as a report: what it logged, what it cost, what the devices did; nobody's machine unless asked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jupyter_gpumon.errors import GpuMonError
from jupyter_gpumon.experiments import Logged, Origin, Run, Stats
from jupyter_gpumon.model import Columns
from jupyter_gpumon.report import chosen
from jupyter_gpumon.report.page import page
from jupyter_gpumon.report.run import evidence
from jupyter_gpumon.runs.store import shared

from .notebooks import FIT

RUN = Run(
    id="0" * 32,
    name="base<line>",
    start=FIT.start,
    end=FIT.end,
    tags={"batch": "32"},
    origin=Origin(hostname="secret-host", repository="secret-repository", commit="abc123", gpus=("NVIDIA H200",)),
    metrics={"loss": Logged(stats=Stats(count=8, last=0.125, mean=0.34))},
    usage=Columns(
        time=[FIT.start, FIT.start + 6, FIT.end],
        step=6.0,
        gpus={"gpu0": {"power": [300.0, 350.0, 340.0], "utilization": [0.5, 0.9, 1.0]}},
    ),
    cell=FIT,
)


def test_a_run_is_told_with_its_metrics_its_energy_and_its_charts():
    """Everything is escaped; machine and repository are named only where they are asked for."""
    made = page(evidence(RUN)).replace("\u00a0", " ")
    for words in ("base&lt;line&gt;", "loss", "0.125", "abc123", "4.13 kJ ±0.61 %", "batch", "gpu0 mean 330 W"):
        assert words in made, words
    assert "secret" not in made
    assert "secret-host" in page(evidence(RUN, identify=True))


def test_how_the_monitoring_went_is_a_finding():
    """And how the code ended."""
    found = evidence(replace(RUN, status="partial", outcome="error", cell=None, usage=None)).findings
    assert [one.level for one in found] == ["warning", "warning"]
    assert "Nothing was found" not in page(evidence(replace(RUN, status="failed", cell=None)))


def test_a_run_that_is_kept_is_found_by_its_name(tmp_path):
    """What is neither a file nor a run is refused, with the runs that there are."""
    url = f"sqlite:///{tmp_path / 'runs.sqlite'}"
    shared(url).save(RUN)
    assert chosen.evidence(RUN.name, store=url).title == RUN.name
    with pytest.raises(GpuMonError, match="There are: base"):
        chosen.evidence("other", store=url)
