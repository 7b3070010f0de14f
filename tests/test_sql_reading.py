"""The past out of a database, as memory would tell it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jupyter_gpumon.history import History
from jupyter_gpumon.model import Gpu
from jupyter_gpumon.server.store import Store
from jupyter_gpumon.sinks import sql
from jupyter_gpumon.store.reading import Question, Reader
from jupyter_gpumon.store.retention import parse

from .contracts.sql import START, fed, sample, until

KEEP = "raw:1h,10s:2h,1min:30d,1h:2y"
GPUS = ("GPU-0", "GPU-1")


def asked(sink, since, end, **question):
    """What the reader of a sink's database answers, of both GPUs."""
    question = {"since": START + since, "until": START + end, "devices": GPUS, "hostname": "n1"} | question
    return Reader(sink.engine, sink.tables, sink.options.keep).columns(Question(**question))


def test_rows_are_means_with_their_extremes_and_a_counters_last_value(database):
    """10 s rows out of samples by the second; what is not known is not there."""
    sink = fed(database.url, [sample(n) for n in range(40)])
    found = asked(
        sink, 10, 30, step=10.0, spread=True, metrics=["power", "energy", "temperature"], host=["cpu", "disk_read"]
    )
    assert (found.time, found.step) == ([START + 20, START + 29.0], 10.0)
    assert found.gpus["GPU-0"] == {"power": [114.5, 124.5], "energy": [2900.0, 3900.0], "temperature": [40.0, 40.0]}
    assert set(found.gpus["GPU-1"]) == {"power", "energy"}
    assert (found.low["GPU-1"]["power"], found.high["GPU-1"]["power"]) == ([110.0, 120.0], [119.0, 129.0])
    assert found.host == {"cpu": [0.5, 0.5], "disk_read": [190.0, 290.0]}


def test_a_question_reaches_back_by_the_table_that_is_kept_so_long_and_its_end_is_from_the_finer_ones(database):
    """A day, of which an hour is as sampled: rows to the last second, without a doubled or a missing one."""
    begin = 20 * 3600
    samples = [sample(n) for n in range(0, begin, 60)] + [sample(n) for n in range(begin, begin + 3600, 10)]
    samples += [sample(n) for n in range(begin + 3600, begin + 3675)]
    sink = fed(database.url, samples, keep=KEEP)
    found = asked(sink, 0, begin + 3675, step=300.0, metrics=["power"])
    assert found.step == 300.0
    assert len(found.time) == (begin + 3675) / 300 + 0.75
    assert found.time[0] == START + 300
    assert found.time[-1] == pytest.approx(START + begin + 3674, abs=0.01)
    power = found.gpus["GPU-1"]["power"]
    assert power[0] == pytest.approx(100 + 120, abs=20)
    middles = [100 + 300 * n + 135 for n in range(len(power) - 1)]
    assert all(value == pytest.approx(middle, abs=20) for value, middle in zip(power, middles, strict=False))
    assert power[-1] == pytest.approx(100 + begin + 3600 + 37, abs=1)


def test_the_shorter_the_range_the_finer_the_rows_and_an_answer_is_bounded(database):
    """Like those of memory."""
    sink = fed(database.url, [sample(n) for n in range(0, 7200, 60)], keep=KEEP)
    spans = {600: 1.0, 7000: 10.0, 86_400: 60.0, 31_536_000: 3600.0}
    assert {span: asked(sink, 7200 - span, 7200, metrics=["power"]).step for span in spans} == spans
    assert asked(sink, 0, 7200, metrics=["power"], most=100).step == 180.0
    assert asked(sink, 0, 7200, metrics=["power"], step=25.0).step == 30.0


def test_only_what_was_asked_for_is_told(database):
    """Other GPUs in the same database are somebody else's."""
    sink = fed(database.url, [sample(n) for n in range(10)])
    assert set(asked(sink, 0, 10, devices=["GPU-1", "GPU-9"]).gpus) == {"GPU-1"}
    assert asked(sink, 0, 10, devices=[]).gpus == {}
    assert asked(sink, 0, 10, host=["cpu"], hostname="n2").host == {}
    assert asked(sink, 100, 200).time == []


def test_a_gap_is_no_row(sqlite):
    """A night in which the machine slept."""
    sink = fed(sqlite.fresh().url, [sample(0), sample(5), sample(65)])
    assert asked(sink, 0, 70, step=10.0, metrics=["power"]).time == [START + 10, START + 65]


def test_the_end_comes_from_memory_where_the_database_does_not_have_it_yet(tmp_path):
    """Samples wait up to ``commit_every``, and longer while it is away."""
    store = Store(f"sqlite:///{tmp_path}/x.db", tmp_path, [(0.0, 86_400.0)])
    fed(f"sqlite:///{tmp_path}/x.db", [sample(n) for n in range(60)])
    until(lambda: store.sink.ready, "the store's own writer")
    memory = History()
    for n in range(50, 120):
        memory.push(sample(n))
    question = {
        "since": START,
        "until": START + 120,
        "step": 10.0,
        "devices": GPUS,
        "metrics": ["power"],
        "hostname": "n1",
    }
    found = store.columns(memory, **question, spread=True, host=["cpu"])
    store.sink.close()
    assert found.time == sorted(set(found.time))
    assert found.time[-1] == START + 119
    assert len({len(found.time), *(len(each["power"]) for each in (*found.gpus.values(), *found.low.values()))}) == 1
    assert found.gpus["GPU-0"]["power"][0] == 104.5
    assert found.gpus["GPU-0"]["power"][-2] > 200


def test_a_store_that_does_not_answer_leaves_it_to_memory(server, tmp_path, caplog, monkeypatch):
    """It has been said why, once; and when it answers again, it is asked again."""
    monkeypatch.setattr(sql, "AGAIN", (0.05,))
    database = server.fresh()
    fed(database.url, [sample(0)])
    server.kill()
    store = Store(database.url, tmp_path)
    question = {"since": START, "until": START + 60, "devices": GPUS}
    until(lambda: store.sink.problem, "a problem")
    assert store.columns(History(), **question) is None
    server.start()
    found = until(lambda: store.columns(History(), **question), "an answer")
    assert set(found.gpus) == set(GPUS)
    store.sink.close()
    assert caplog.text.count("does not take samples") == 1


def test_the_embedded_store_is_a_file_in_a_folder_of_its_own(tmp_path):
    """``sqlite`` alone; as sampled for a day, and in longer steps for longer."""
    store = Store("sqlite", tmp_path)
    store.sink.write(sample(0))
    store.sink.close()
    assert (tmp_path / "gpumon" / "samples.db").exists()
    assert store.sink.options.keep == parse("raw:1d,10s:7d,1min:30d,1h:2y")
    assert store.reach == 2 * 31_536_000


def test_an_idle_gpu_among_busy_ones_has_its_own_rows(sqlite):
    """A GPU that was lost for a while has None there, not the others' rows."""
    samples = [
        sample(n) if n < 10 or n >= 20 else replace(sample(n), gpus=(Gpu(uuid="GPU-0", power=1.0),)) for n in range(30)
    ]
    found = asked(fed(sqlite.fresh().url, samples), 0, 30, step=10.0, metrics=["power"])
    assert found.gpus == {"GPU-0": {"power": [104.5, 1.0, 124.5]}, "GPU-1": {"power": [104.5, None, 124.5]}}
