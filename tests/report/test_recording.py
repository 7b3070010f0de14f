"""A recording as evidence: what is charted, where the energy went, and what is worth knowing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Event, Hello, Sample
from jupyter_gpumon.report.accounts import CELLS_RAN, IDLE, UNTOLD, WORK, rows, together
from jupyter_gpumon.report.figures import figure, points
from jupyter_gpumon.report.page import page
from jupyter_gpumon.report.panels import Line, panels, rate
from jupyter_gpumon.report.recording import evidence
from jupyter_gpumon.wire import decode

from .conftest import record


def samples(path):
    """The samples of a recording."""
    messages = (decode(line) for line in path.read_bytes().splitlines())
    return [message for message in messages if isinstance(message, Sample) and message.gpus]


def test_the_charts_keep_every_peak(tmp_path):
    """A single sample of 790 W in a quarter of an hour is in the chart, though a row is of several samples."""

    def spike(message):
        if isinstance(message, Sample) and message.time == 1_795_302_000.0 + 500:
            return replace(message, gpus=tuple(replace(gpu, power=790.25) for gpu in message.gpus))
        return message

    found = evidence(record(tmp_path / "x.jsonl", 900, spike, gpus="8"))
    assert found.columns.step > 2
    (power,) = [panel for panel in panels(found.columns, found.devices) if panel.title == "Power"]
    assert [max(line.high) for line in power.lines] == [pytest.approx(790.25, abs=0.1)] * 8
    assert all(max(line.mean) < 750 for line in power.lines)
    trace = next(trace for trace in figure([power], found.columns.time, found.columns.step)["data"])
    assert max(y for y in trace["y"] if y is not None) == pytest.approx(790.25, abs=0.1)
    assert len(trace["x"]) == len(trace["y"])


def test_the_energy_adds_up_to_what_the_counters_grew_by(minute):
    """Parts and total; the interval is one update of the counter at the highest power."""
    found = evidence(minute)
    seen = samples(minute)
    for place, account in enumerate(found.accounts):
        grown = seen[-1].gpus[place].energy - seen[0].gpus[place].energy
        assert account.energy.joules == pytest.approx(grown)
        assert sum(account.parts.values()) == pytest.approx(grown)
        highest = max(sample.gpus[place].power for sample in seen)
        assert account.energy.high - grown == pytest.approx(0.1 * highest)
    assert together(found.accounts).joules == pytest.approx(sum(one.energy.joules for one in found.accounts))
    head, lines = rows(found.accounts)
    assert list(head) == ["where it went", "gpu0", "gpu1", "together", "share"]
    assert [line[0] for line in lines][:3] == [IDLE, WORK, "total"]


def test_what_was_drawn_while_cells_ran_is_told_apart(tmp_path):
    """By the cells a server announced; one cell is counted once though it was announced twice."""

    def cells(message):
        if isinstance(message, Sample) and message.time in (1_795_302_040.0, 1_795_302_041.0):
            event = Event(kind="cell", time=1_795_302_010.0, until=1_795_302_030.0, mono=0.0, title="fit", detail="a")
            return replace(message, events=(event,))
        return message

    path = record(tmp_path / "x.jsonl", 60, cells, gpus="1")
    found = evidence(path)
    values = {sample.time: sample.gpus[0].energy for sample in samples(path)}
    (account,) = found.accounts
    assert account.parts[CELLS_RAN] == pytest.approx(values[1_795_302_030.0] - values[1_795_302_010.0])
    assert [(band.title, band.end - band.start) for band in found.bands] == [("fit", 20.0)]


def test_what_went_wrong_is_found(tmp_path):
    """XIDs and errors first; heat, full memory and gaps after them; each says which GPU, and when."""
    found = evidence(record(tmp_path / "x.jsonl", 60, gpus="2", script="ecc")).findings
    assert found[0].level == "critical"
    assert any("XID" in one.title and one.device for one in found)
    assert [one.level for one in found] == sorted(
        (one.level for one in found), key=["critical", "warning", "info"].index
    )

    def full(message):
        if isinstance(message, Sample):
            gpus = tuple(replace(gpu, memory_used=0.97 * gpu.memory_total) for gpu in message.gpus)
            return replace(message, gpus=gpus, missed=2)
        return message

    titles = [(one.title, one.device) for one in evidence(record(tmp_path / "y.jsonl", 20, full, gpus="1")).findings]
    assert [title for title, device in titles if "emory" in title and device == "gpu0"] == ["GPU memory is full"]
    assert any("were left out" in title for title, _ in titles)
    held = evidence(record(tmp_path / "z.jsonl", 300, gpus="1", script="throttle")).findings
    assert any(one.title.startswith("Held back by") and "% of the time" in one.detail for one in held)


def test_nothing_is_found_where_all_is_well(minute):
    """No finding is better than a made one."""
    assert evidence(minute).findings == []


def test_a_report_names_nobody_unless_asked(minute):
    """Boards by model; host and UUIDs only with identify."""
    said = str(evidence(minute).environment)
    assert "2 × Simulated H200" in said
    assert "GPU-" not in said
    hello = decode(minute.read_bytes().splitlines()[0])
    assert isinstance(hello, Hello)
    assert hello.hostname not in said
    assert hello.hostname in str(evidence(minute, identify=True).environment)
    assert "GPU-" in str(evidence(minute, identify=True).environment)


def test_a_recording_of_one_sample_has_no_charts_and_is_told(tmp_path):
    """There is no line through one point."""
    made = page(evidence(record(tmp_path / "x.jsonl", 0, gpus="1")))
    assert "A recording of 1 samples" in made
    assert "<svg class" not in made


def test_a_board_that_does_not_say_whether_it_is_busy_is_not_said_to_be(tmp_path):
    """As one that is split into instances."""

    def silent(message):
        if isinstance(message, Sample):
            return replace(message, gpus=tuple(replace(gpu, utilization=None) for gpu in message.gpus))
        return message

    (account,) = evidence(record(tmp_path / "x.jsonl", 20, silent, gpus="1")).accounts
    assert account.parts == {UNTOLD: account.energy.joules}


def test_a_file_that_is_no_recording_is_refused(tmp_path):
    """In a sentence that says what is missing."""
    path = tmp_path / "x.jsonl"
    path.write_text('{"type":"hello"}\n')
    with pytest.raises(SourceError, match="holds no sample"):
        evidence(path)


def test_a_rate_is_unknown_across_a_gap_and_where_a_counter_began_anew():
    """Growth per second, None elsewhere."""
    assert rate([0.0, 10.0, 5.0, 15.0, None, 40.0], [0, 1, 2, 3, 4, 5], 1.0) == [None, 10.0, None, 10.0, None, None]
    assert rate([0.0, 10.0], [0, 60], 1.0) == [None, None]


def test_a_figure_is_one_plotly_takes(minute):
    """With a panel per quantity over one time axis, and one entry in the legend per GPU."""
    plotly = pytest.importorskip("plotly.graph_objects")
    found = evidence(minute)
    made = figure(panels(found.columns, found.devices), found.columns.time, found.columns.step, "x")
    drawn = plotly.Figure(made)
    assert {trace.xaxis for trace in drawn.data} == {"x"}
    assert [trace.name for trace in drawn.data if trace.showlegend] == ["gpu0", "gpu1"]
    assert len({trace.yaxis for trace in drawn.data}) == len([name for name in made["layout"] if name[:5] == "yaxis"])


def test_an_unknown_value_breaks_the_line():
    """It is neither zero nor bridged."""
    line = Line("gpu0", "#000", *[[1.0, None, 3.0]] * 3)
    assert points(line, [0, 1, 2], 1.0) == ([0, None, 2], [1.0, None, 3.0])
    assert points(line._replace(low=[1.0, 2.0, 3.0], high=[1.0, 2.0, 3.0]), [0, 1, 60], 1.0)[1] == [1.0, 2.0, None, 3.0]
