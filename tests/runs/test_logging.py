"""What a run logs: kinds, units, statistics, caches, tokens; bad input gets a sentence."""

from __future__ import annotations

import functools
import math
import threading

import numpy as np
import pytest

from jupyter_gpumon.errors import RunError
from jupyter_gpumon.metrics import Host
from jupyter_gpumon.model import Gpu, Sample
from jupyter_gpumon.runs import caches, stats
from jupyter_gpumon.runs.log import KEPT, Log, number, numbers, unit_of, value_of
from jupyter_gpumon.runs.timing import TokenTimer, tokens
from jupyter_gpumon.runs.usage import MOST, Usage


def test_statistics_are_those_of_numpy():
    """Mean, sample standard deviation, percentiles by the usual definition."""
    values = list(np.random.default_rng(4).exponential(size=1001))
    said = stats.of(values)
    assert said.mean == pytest.approx(np.mean(values))
    assert said.std == pytest.approx(np.std(values, ddof=1))
    assert [said.median, said.p95, said.p99] == pytest.approx(list(np.percentile(values, [50, 95, 99])))
    assert (said.min, said.max, said.last, said.count) == (min(values), max(values), values[-1], 1001)


def test_one_value_has_no_spread_and_none_has_nothing():
    """Unknown is None, never 0."""
    assert stats.of([3.0]).std is None
    assert stats.of([3.0]).p99 == 3.0
    assert stats.of([]).mean is None


def test_what_counts_of_a_metric_is_by_its_kind():
    """A gauge's last value, a counter's sum, a histogram's median."""
    log = Log()
    for kind in ("gauge", "counter", "histogram"):
        for at, value in enumerate((1.0, 9.0, 2.0)):
            log.metric(kind, kind).append((float(at), value))
    assert {name: value_of(metric) for name, metric in log.logged(0.0).items()} == {
        "gauge": 2.0, "counter": 12.0, "histogram": 2.0,
    }  # fmt: skip


def test_many_threads_log_at_once_and_nothing_is_lost():
    """While another one puts by what came."""
    log, done = Log(), threading.Event()

    def take():
        while not done.is_set():
            log.brief()

    def write():
        for _ in range(20_000):
            log.metric("n", "counter").append((0.0, 1.0))

    reader = threading.Thread(target=take)
    writers = [threading.Thread(target=write) for _ in range(4)]
    [thread.start() for thread in (reader, *writers)]
    [thread.join() for thread in writers]
    done.set()
    reader.join()
    assert log.logged(0.0)["n"].stats.sum == 80_000


def test_values_to_draw_are_bounded_and_statistics_are_of_all():
    """A step a millisecond for a minute is kept as at most some thousand points."""
    log = Log()
    for at in range(60_000):
        log.metric("loss").append((float(at), float(at)))
    logged = log.logged(0.0)["loss"]
    assert len(logged.values) == len(logged.times) <= KEPT
    assert logged.stats.mean == pytest.approx(29_999.5)


def test_a_value_that_is_not_finite_is_told_apart():
    """A loss that becomes NaN stops no training, and spoils no mean."""
    log = Log()
    for value in (1.0, math.nan, math.inf, 3.0):
        log.metric("loss").append((0.0, value))
    logged = log.logged(0.0)["loss"]
    assert (logged.stats.mean, logged.stats.count, logged.skipped) == (2.0, 2, 2)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("ttft_s", "seconds"), ("model_load_time", ""), ("first_eager_forward_pass_time_secs", "seconds"),
     ("tokens_per_s", ""), ("peak_bytes", "bytes"), ("joules_per_token", ""), ("cache_hit_rate.kv", "ratio")],
)  # fmt: skip
def test_a_name_says_its_unit(name, unit):
    """As far as it does; a rate is no time."""
    assert unit_of(name) == unit


def test_numbers_of_every_library_are_numbers():
    """What has a float is one."""
    assert number("x", np.float32(0.5)) == 0.5
    assert numbers({"a": np.array(2), "b": True}) == {"a": 2.0, "b": 1.0}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: number("loss", "low"), "loss takes a number, not str"),
        (lambda: number("loss", None), "not NoneType"),
        (lambda: numbers([1]), "a dict of names and numbers, not list"),
        (lambda: Log().metric(""), "needs a name"),
        (lambda: Log().metric("x", "level"), "gauge, counter or histogram; not 'level'"),
        (lambda: (log := Log(), log.metric("x", "gauge"), log.metric("x", "counter")), "x is a gauge in this run"),
        (lambda: caches.watch_cache(len), "cache_info"),
        (lambda: tokens([2.0, 1.0]), "ascend"),
        (lambda: tokens([1.0], start=2.0), "ascend"),
        (lambda: tokens([1.0], batch=0), "at least one sequence"),
    ],
)
def test_bad_input_gets_a_sentence(wrong, says):
    """It says what was expected."""
    with pytest.raises(RunError, match=says):
        wrong()


@pytest.fixture
def watched():
    """No cache is watched before and after."""
    caches.unwatch()
    yield
    caches.unwatch()


def test_a_cache_tells_its_hits_since_the_run_began(watched):
    """Bare, and within another decorator; what was before does not count."""

    @functools.lru_cache
    def bare(x):
        return x

    @functools.wraps(bare)
    def wrapped(x):
        return bare(x)

    assert caches.watch_cache(wrapped, "kv") is wrapped
    bare(1)
    before = caches.now()
    for x in (1, 1, 1, 2):
        wrapped(x)
    assert caches.since(before)["kv"] == (3, 1)
    assert caches.metrics(caches.since(before))["cache_hit_rate"].stats.last == 0.75


def test_several_caches_have_a_rate_each_and_one_together(watched):
    """A pair from a callable counts as a cache; one that fails, or was never asked, is left out."""
    caches.watch_cache(lambda: (90, 10), "pages")
    caches.watch_cache(lambda: (0, 100), "cold")
    caches.watch_cache(lambda: 1 / 0, "broken")
    caches.watch_cache(lambda: (0, 0), "unused")
    found = {name: metric.stats.last for name, metric in caches.metrics(caches.since({})).items()}
    assert found == {
        "cache_hit_rate": 0.45, "cache_hit_rate.pages": 0.9, "cache_hit_rate.cold": 0.0,
        "cache_hits": 90.0, "cache_misses": 110.0,
    }  # fmt: skip


def test_a_cache_that_was_cleared_begins_anew(watched):
    """It has not a negative number of hits."""
    said = iter([(50, 50), (3, 1)])
    caches.watch_cache(lambda: next(said), "kv")
    assert caches.since(caches.now())["kv"] == (3, 1)


def test_tokens_are_timed():
    """First token, between tokens, the whole, and the rate over a batch."""
    found = tokens([1.5, 1.7, 1.9, 2.1], start=1.0, end=3.0, batch=8)
    assert found.ttft == 0.5
    assert found.inter_token == pytest.approx(0.2)
    assert (found.end_to_end, found.tokens, found.rate) == (2.0, 32, 16.0)


def test_a_generation_of_one_token_has_no_time_between_tokens():
    """And one of none has no first token, and no rate."""
    assert tokens([1.0]).inter_token is None
    assert tokens([], end=2.0)[:2] == (None, None)
    assert tokens([], end=2.0).rate is None


def test_a_timer_hands_on_what_is_streamed():
    """And tells its result once."""
    told = []
    timer = TokenTimer(batch=2, tell=told.append)
    assert list(timer.over("abc")) == ["a", "b", "c"]
    assert timer.done() is timer.result
    assert [found.tokens for found in told] == [6]


def sample(at: float, power: float = 100.0) -> Sample:
    """One GPU and a host, at this second."""
    return Sample(time=1000.0 + at, mono=at, gpus=(Gpu(uuid="A", power=power),), host=Host(cpu=0.5))


def test_usage_holds_the_samples_of_the_run_alone():
    """A row each, with the host's."""
    usage = Usage(2.0)
    for at in range(6):
        usage.take(sample(at, 100.0 + at))
    usage.close(4.0)
    usage.take(sample(6))
    columns = usage.columns({"A": "gpu0", "B": "gpu1"})
    assert columns.time == [1002.0, 1003.0, 1004.0, 1005.0]
    assert columns.gpus == {"gpu0": {"power": [102.0, 103.0, 104.0, 105.0]}}
    assert columns.host == {"cpu": [0.5] * 4}


def test_a_long_run_folds_its_rows_and_keeps_their_mean():
    """Hours by the second are some thousand rows; each of the same number of samples."""
    usage = Usage(0.0)
    for at in range(20_000):
        usage.take(sample(at, float(at)))
    columns = usage.columns({"A": "gpu0"})
    assert MOST / 2 <= len(columns.time) < MOST
    assert np.mean(columns.gpus["gpu0"]["power"]) == pytest.approx(10_000, rel=0.001)
    assert columns.time[-1] == 1000.0 + 19_999


def test_no_sample_is_no_usage():
    """Not a table of zeros."""
    assert Usage(0.0).columns({"A": "gpu0"}) is None
