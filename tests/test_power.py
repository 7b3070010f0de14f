"""Energy from readings of power: the curve they make, what a sensor may have missed, and when nothing can be said."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_gpumon.energy import beat, estimate, pseudo, sampled
from jupyter_gpumon.energy.curve import Marks
from jupyter_gpumon.energy.ledger import Ledger
from jupyter_gpumon.energy.power import PowerTrace
from jupyter_gpumon.model import Device, Gpu, Hello, PowerRun, Sample
from tests.energy.rig import METERS, Truth, readings

GPU = "GPU-1"


def device(architecture: str = "Ada", **more: object) -> Device:
    """A board without an energy counter."""
    absent = {"energy": "unsupported"}
    return Device(
        uuid=GPU, index=0, name="X", architecture=architecture, power_limit_max=700.0, absent=absent, **more
    )  # fmt: skip


def trace(
    truth: Truth, meter: str, kind: str, until: float, poll: float = 0.025, architecture: str = "Ada"
) -> PowerTrace:
    """All readings of a simulated sensor."""
    found = PowerTrace(600.0, Marks())
    found.meet(device(architecture))
    for mono, watts in readings(truth, METERS[meter], until, random.Random(f"{meter} {poll}"), poll=poll):
        found.add(mono, watts, kind)
    return found


def loads(*pieces: tuple[float, float], rest: float = 60.0) -> Truth:
    """Level pieces (seconds, watts), with noise, between long rests."""
    return Truth(
        [(12.0, rest, rest), *((seconds, watts, watts) for seconds, watts in pieces), (12.0, rest, rest)], noise=1
    )


@pytest.mark.parametrize("poll", [0.023, 0.04, 0.07])
def test_the_times_of_updates_are_found_to_a_millisecond(poll):
    """Reads at any pace bracket the changes; most agree on one grid, also if a few are wrong."""
    rng = random.Random(3)
    truth = 0.0421
    spans = []
    for n in range(200):
        at = truth + 0.1003 * n
        since = at - rng.random() * poll
        spans.append((since, since + poll))
    spans[17] = (spans[17][0] + 0.05, spans[17][1] + 0.05)
    found = beat.find(spans, 0.1)
    assert found.period == pytest.approx(0.1003, rel=2e-4)
    assert found.last(spans[100][1]) == pytest.approx(truth + 0.1003 * 100, abs=0.002)


def test_reads_as_seldom_as_updates_tell_no_grid():
    """Each bracket is as long as a period: any phase would do, so none is made up."""
    assert beat.find([(0.1 * n, 0.1 * n + 0.1) for n in range(100)], 0.1) is None


def test_an_unknown_update_period_is_found():
    """The longest of the usual ones that fits: 50 ms, where reads come every 11 ms."""
    rng = random.Random(5)
    spans = [
        (at - 0.011 * share, at + 0.011 * (1 - share)) for at, share in ((0.05 * n, rng.random()) for n in range(80))
    ]
    assert beat.find(spans, None).period == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize(("meter", "kind"), [("instant", "instant"), ("average", "average")])
def test_a_short_load_is_found_in_full(meter, kind):
    """100 ms of 400 W, of which a plain mean of one second shows a tenth."""
    truth = loads((0.1, 400.0))
    energy = trace(truth, meter, kind, 24.0).measure(12.0, 12.1)
    true = truth.between(12.0, 12.1)
    assert energy.joules == pytest.approx(true, rel=0.03)
    assert energy.low <= true <= energy.high
    assert energy.high - energy.low < 0.2 * true
    assert energy.least <= energy.low
    assert energy.high <= energy.most
    assert (energy.method, energy.final, energy.warning) == ("power", True, "")
    assert energy.idle == pytest.approx(6.0, rel=0.05)


def test_a_neighbour_within_the_averaging_window_widens_the_interval():
    """Another load ended 150 ms before and one begins 150 ms after: less is known, it is said, and it still holds."""
    alone, among = loads((0.3, 300.0)), loads((0.3, 400.0), (0.15, 60.0), (0.3, 300.0), (0.15, 60.0), (0.3, 400.0))
    first = trace(alone, "average", "average", 24.0).measure(12.0, 12.3)
    crowded = trace(among, "average", "average", 24.0)
    second = crowded.measure(12.45, 12.75)
    true = among.between(12.45, 12.75)
    assert second.low <= true <= second.high
    assert second.high - second.low > 1.5 * (first.high - first.low)


def test_what_began_in_the_middle_of_a_load_is_unsure():
    """Readings that begin while a load of unknown past runs: the chains of windows may be apart, and it is said."""
    truth = Truth([(3.0, 400.0, 400.0), (0.4, 100.0, 100.0), (0.5, 400.0, 400.0), (20.0, 60.0, 60.0)])
    late = PowerTrace(600.0, Marks())
    late.meet(device())
    for mono, watts in readings(truth, METERS["average"], 10.0, random.Random(1), poll=0.025):
        if mono > 3.5:
            late.add(mono, watts, "average")
    energy = late.measure(3.6, 3.9)
    true = truth.between(3.6, 3.9)
    assert energy.joules is None or energy.high - energy.low > 0.2 * true
    assert (energy.low or 0.0) <= true <= energy.high


def test_chains_are_set_straight_after_half_a_minute():
    """A load that began unseen leaves its pattern in the chains; a long level stretch takes it out again."""
    updates = [pseudo.Update(0.1 * n, 0.1 * n, 0.1 * n, 300.0 if n > 9 else 300.0 - 20 * n) for n in range(600)]
    curve = pseudo.deconvolved(updates, 1.0, near=350.0)
    slots = [b.joules - a.joules for a, b in zip(curve.points[-50:], curve.points[-49:], strict=False)]
    assert max(slots) - min(slots) < 0.01
    assert max(slots) == pytest.approx(30.0, rel=0.01)
    early = [b.joules - a.joules for a, b in zip(curve.points[20:60], curve.points[21:61], strict=False)]
    assert max(early) - min(early) > 1.0


@pytest.mark.parametrize("seconds", [0.05, 0.3, 2.0, 10.0])
def test_a_sensor_that_looks_a_quarter_of_the_time_says_so(seconds):
    """A constant load: the interval holds, narrows with time, and the aliasing it cannot exclude is said."""
    truth = loads((seconds, 300.0))
    energy = trace(truth, "duty", "instant", 24 + seconds, architecture="Hopper").measure(12.0, 12.0 + seconds)
    assert (energy.low or 0.0) <= 300 * seconds <= energy.high
    assert "aliasing possible" in energy.warning
    assert "25 % of the time" in energy.warning
    assert energy.joules is None or energy.joules == pytest.approx(300 * seconds, rel=0.02)
    assert seconds < 1 or energy.joules


def test_a_load_that_repeats_is_said_to():
    """2 Hz seen by looks of 25 ms: five looks a turn are no more than one turn, however long it lasts."""
    pieces = [piece for _ in range(20) for piece in ((0.25, 400.0), (0.25, 100.0))]
    truth = loads(*pieces)
    energy = trace(truth, "duty", "instant", 40.0, architecture="Hopper").measure(12.0, 22.0)
    assert "the load repeats every 0.5 s" in energy.warning
    assert energy.low <= truth.between(12.0, 22.0) <= energy.high
    assert energy.high - energy.low > 0.3 * energy.joules


def test_what_repeats_is_told_from_what_only_changes():
    """A ramp and noise resemble themselves, but do not repeat."""
    rng = random.Random(2)
    assert sampled.repetition([400.0, 400, 100, 100] * 6) == 4
    assert sampled.repetition([60.0 + 5 * n for n in range(40)]) is None
    assert sampled.repetition([rng.uniform(60, 500) for _ in range(60)]) is None
    assert sampled.repetition([300.0] * 40) is None


def test_more_looks_leave_less_unseen():
    """Ten looks leave a quarter of the time open, a hundred three percent; looking always leaves nothing."""
    few, many = sampled.doubt([300.0] * 10, 0.25, 60.0, 700.0), sampled.doubt([300.0] * 100, 0.25, 60.0, 700.0)
    assert many[0] < few[0] / 5
    assert sampled.doubt([300.0, 200.0] * 5, 1.0, 60.0, 700.0) == (0.0, 0.0)


def test_the_finer_kind_is_taken():
    """Readings of 100 ms in full go before a mean of one second; on a board that looks little, it is as good."""
    truth = loads((0.3, 400.0))
    both = trace(truth, "average", "average", 24.0)
    for mono, watts in readings(truth, METERS["instant"], 24.0, random.Random(9), poll=1.0):
        both.add(mono, watts, "instant")
    assert both._best(12.0, 12.3) == "average"
    for mono, watts in readings(truth, METERS["instant"], 24.0, random.Random(8), poll=0.025):
        both.add(mono, watts, "instant")
    assert both._best(12.0, 12.3) == "instant"


def test_what_is_final_stays():
    """Whatever comes later, and whichever windows are marked later."""
    truth = loads((0.3, 400.0), (0.2, 60.0), (0.3, 300.0))
    kept = trace(truth, "average", "average", 13.0)
    first = kept.measure(12.0, 12.3)
    assert first.final
    for mono, watts in readings(truth, METERS["average"], 24.0, random.Random("average 0.025"), poll=0.025):
        kept.add(mono, watts, "average")
    kept.measure(12.5, 12.8)
    assert kept.measure(12.0, 12.3) == first


def test_it_is_not_final_before_the_readings_after_it():
    """What is said earlier holds the truth, too."""
    truth = loads((2.0, 400.0))
    early = trace(truth, "average", "average", 14.1)
    energy = early.measure(12.0, 14.0)
    assert not early.settled(14.0)
    assert not energy.final
    assert (energy.low or 0.0) <= truth.between(12.0, 14.0) <= energy.high


def test_a_hole_in_the_readings_gives_no_number():
    """Nobody knows what happened in ten seconds without a reading; before and after it goes on."""
    holey = PowerTrace(600.0, Marks())
    holey.meet(device())
    for n in range(2000):
        if not 20 < 0.025 * n < 30:
            holey.add(0.025 * n, 60.0 + 0.01 * (n // 4 % 3))
    assert holey.measure(18.0, 32.0).joules is None
    assert holey.measure(18.0, 32.0).high is None
    assert holey.measure(33.0, 34.0).joules == pytest.approx(60.0, rel=0.01)
    assert holey.at([18.0, 32.0]) == [None, None]


def test_moments_add_up_however_they_are_asked():
    """The curve that attribution reads goes on from call to call, and grows by what the window took."""
    truth = loads((2.0, 400.0), (1.0, 60.0), (1.0, 200.0))
    kept = trace(truth, "instant", "instant", 24.0)
    whole = kept.at([11.0, 17.0])
    parts = [kept.at([a, b]) for a, b in ((17.0, 17.0), (17.0, 18.5), (18.5, 20.0))]
    assert parts[0][0] == pytest.approx(whole[1], abs=0.5)
    assert parts[1][1] == pytest.approx(parts[2][0], abs=1e-6)
    assert whole[1] - whole[0] == pytest.approx(truth.between(11.0, 17.0), rel=0.01)


def test_readings_come_with_samples_and_in_any_order():
    """The ledger takes runs of readings for boards without a counter, also a run that comes late."""
    truth = loads((0.3, 400.0))
    told = readings(truth, METERS["average"], 24.0, random.Random(4), poll=0.025)
    ledger = Ledger()
    ledger.take(Hello(devices=(device(),)))
    runs = [told[n : n + 8] for n in range(0, len(told), 8)]
    runs[20:22] = [runs[21], runs[20]]
    for run in runs:
        monos, watts = zip(*run, strict=True)
        power = PowerRun(uuid=GPU, kind="average", monos=monos, watts=watts)
        ledger.take(Sample(time=monos[-1], mono=monos[-1], powers=(power,)))
    energy = ledger.measure(GPU, 12.0, 12.3)
    assert energy.method == "power"
    assert energy.joules == pytest.approx(truth.between(12.0, 12.3), rel=0.02)


def test_a_sample_s_own_reading_is_of_the_kind_that_the_board_tells():
    """Where the finest that a board has is a mean of one second, so is what samples hold: they anchor the chains."""
    truth = loads((0.3, 400.0))
    told = readings(truth, METERS["average"], 24.0, random.Random(4), poll=0.025)
    some = PowerTrace(600.0, Marks())
    some.meet(device())
    some.take(PowerRun(uuid=GPU, kind="average", monos=(0.0,), watts=(told[0][1],)))
    for mono, watts in told:
        if mono > 11.7 or int(mono) != int(mono - 0.025):
            some.add(mono, watts)
    energy = some.measure(12.0, 12.3)
    assert energy.joules == pytest.approx(truth.between(12.0, 12.3), rel=0.02)
    assert energy.low <= truth.between(12.0, 12.3) <= energy.high


def test_without_any_power_it_is_an_estimate_and_never_nothing():
    """A virtual GPU that tells its load alone: ±50 %, said to be an estimate, and not zero at rest."""
    ledger = Ledger()
    ledger.take(Hello(devices=(device(),)))
    for second in range(20):
        gpu = Gpu(uuid=GPU, utilization=1.0 if 5 <= second <= 10 else 0.0, power_limit=300.0)
        ledger.take(Sample(time=second, mono=float(second), gpus=(gpu,)))
    busy, idle = ledger.measure(GPU, 6.0, 10.0), ledger.measure(GPU, 12.0, 16.0)
    assert busy.method == idle.method == "estimate"
    assert busy.joules == pytest.approx(1200.0)
    assert (busy.low, busy.high) == (pytest.approx(600.0), pytest.approx(1800.0))
    assert idle.joules == pytest.approx(4 * 300 * estimate.AT_REST)
    assert busy.warning == estimate.WARNING


@settings(max_examples=60)
@given(
    steps=st.lists(st.tuples(st.floats(1e-4, 6), st.floats(0, 800)), min_size=1, max_size=60),
    kind=st.sampled_from(["instant", "average", "buffer"]),
    architecture=st.sampled_from(["Ada", "Hopper", "Pascal", "Blackwell"]),
    start=st.floats(0, 60),
    seconds=st.floats(0, 30),
)
def test_whatever_is_read_it_answers(steps, kind, architecture, start, seconds):
    """Any readings and any window: no error, never 0 J, and intervals in order."""
    some, mono = PowerTrace(600.0, Marks()), 0.0
    some.meet(device(architecture))
    for pause, watts in steps:
        mono += pause
        some.add(mono, watts, kind)
    energy = some.measure(start, start + seconds)
    assert some.at([start, start + seconds]) is not None
    if energy.joules is not None:
        assert 0 < energy.low <= energy.joules
        assert energy.high is None or energy.joules <= energy.high
        assert energy.least is None or energy.least <= energy.joules
        assert energy.most is None or energy.joules <= energy.most
