"""The language of rules: what it says, and what it refuses and where."""

from __future__ import annotations

import random

import pytest

from jupyter_gpumon.errors import RuleError
from jupyter_gpumon.model import Hello, Host
from jupyter_gpumon.rules import Window
from jupyter_gpumon.rules.expression import parse
from jupyter_gpumon.rules.expression.nodes import Name, Over
from jupyter_gpumon.rules.running import running

from .feed import fed, hello, sample

GPU = {
    "temperature": 86.0,
    "power": 300.0,
    "power_limit": 700.0,
    "memory_used": 75e9,
    "utilization": 0.5,
    "clock_events": ("thermal",),
}


def now(text: str, **values: object) -> object:
    """What a condition is for one GPU at one moment."""
    window = Window()
    window.push(hello(memory_total=80e9, temperature_slowdown=89.0))
    window.push(sample(0, GPU | values, host=Host(cpu=0.9)))
    return window.column(parse(text).node)[0]


@pytest.mark.parametrize(
    "text",
    [
        "temperature > 85",
        "memory_used / memory_total > 0.9",
        "memory_used > 70 GB and utilization < 60 %",
        "temperature > temperature_slowdown - 5",
        "not temperature > 90",
        '"thermal" in clock_events',
        "host.cpu > 80 %",
        "abs(temperature - 90) < 5 C",
        "power < 0.5 * power_limit or temperature > 200",
        "-temperature < -85",
        "(power > 200 W) and (power < 0.4 kW)",
        "power * 2 + 1 == 601",
        "processes == 0 or utilization > 40 %",
        "temperature > first(temperature_slowdown, 95 C) - 5",
        "first(fan, utilization) == 0.5",
    ],
)
def test_what_is_true_is_found(text):
    """Arithmetic, units, constants of the device, host metrics, sets."""
    assert now(text) is True


@pytest.mark.parametrize(
    "text", ["temperature > 86", "utilization > 50 %", '"power_brake" in clock_events', "power / 0.001 < 1"]
)
def test_what_is_not_true_is_not(text):
    """At its edge, too."""
    assert now(text) is False


@pytest.mark.parametrize(
    "text", ["fan > 0", "fan > 0 and power > 1", "not fan > 0", "power / ecc_corrected > 1", "fan > 0 or power > 500"]
)
def test_what_is_unknown_is_not_true(text):
    """A metric that is not there fires nothing, and is not 0."""
    assert now(text) is None


def test_known_is_enough_where_the_rest_does_not_matter():
    """None and False is False, None or True is True; dividing by zero is unknown."""
    assert now("fan > 0 and power > 500") is False
    assert now("fan > 0 or power > 100") is True
    assert now("power / utilization > 0", utilization=0.0) is None


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("temperature >", 14, "expected"),
        ("temprature > 85", 1, "did you mean temperature"),
        ("utilization > 85", 15, "85 %"),
        ("power > 40 GB", 7, "cannot be compared"),
        ("power > 40 volts", 12, "not a unit"),
        ("power", 1, "true or false"),
        ("power > 1 > 2", 11, "two things at a time"),
        ("mean(power) > 3", 11, "how far to look back"),
        ("mean(power, 60 W) > 3", 13, "a time"),
        ("mean(power, 90 d) > 3", 13, "up to a day"),
        ("mode(power, 60 s) > 3", 1, "no function mode"),
        ('"hot" in clock_events', 1, "never has"),
        ("clock_events > 1", 1, "is a set"),
        ("(power > 1", 11, "is missing"),
        ("power > 1)", 10, "not expected"),
        ("power > 1 and", 14, "expected"),
        ("power > 1 and 3", 15, "true or false"),
        ("not power", 5, "true or false"),
        ("1 > 2", 3, "always the same"),
        ("first(power) > 1", 12, "where that is not known"),
        ("first(power, 3 GB) > 1", 1, "cannot be compared"),
        ("first(power, (temperature > 3)) > 1", 27, "takes a number"),
        ("rate(pcie_rx, 1 min) > 5 W", 22, "cannot be compared"),
        ("power / 0 > 2", 9, "divides by zero"),
        ("power; import os", 6, "not part of"),
        ("__import__('os').system('id')", 17, "not part of"),
        ("power > 1e999", 9, "too large"),
        ("", 1, "expected"),
        ("x" * 2000, 1001, "at most"),
        ("(" * 60 + "power", 41, "inside one another"),
    ],
)
def test_a_mistake_is_refused_with_its_column(text, column, says):
    """And with what to do."""
    with pytest.raises(RuleError, match=says) as caught:
        parse(text)
    assert caught.value.column == column


ATOMS = (
    "power", "temperature", "memory_used", "85", "40 GB", "60 s", "0.5", "%", ">", "<", "==", "and", "or", "not", "in",
    "(", ")", ",", "mean", "rate", "fleet_max", '"thermal"', "clock_events", "host.cpu", "-", "+", "*", "/",
    "__class__", "eval", "exec('1')", "lambda", "power.__init__", "import os", "\x00", "'", '"', "\\", "{", "}",
    "@", "🙂", "\n", "1e400", "0x10", "__import__('os')", "open('/etc/passwd')", "f''", "[1]", ":=", ";", "~",
    "99999999999999999999", "абв",
)  # fmt: skip


def test_a_thousand_expressions_at_random_end_in_a_clear_refusal_or_in_a_condition():
    """Nothing raises anything else or says nothing, and what is read works out."""
    chance, refusals = random.Random(5), []
    window = Window()
    window.push(hello())
    window.push(sample(0, GPU))
    while len(refusals) < 1000:
        text = " ".join(chance.choice(ATOMS) for _ in range(chance.randint(1, 12)))
        try:
            node = parse(text).node
        except RuleError as e:
            refusals.append((text, e))
        else:
            window.watch(node)
            assert window.column(node)[0] in (True, False, None)
    assert all(str(e) for _, e in refusals)
    assert all(1 <= (e.column or 0) <= len(text) + 1 for text, e in refusals)


@pytest.mark.parametrize(
    "text", ["__import__('os').mkdir({})", "().__class__.__bases__", "exec(\"open({}, 'w')\") > 1", "power > open({})"]
)
def test_nothing_of_python_is_run(tmp_path, text):
    """What would leave a trace leaves none."""
    with pytest.raises(RuleError):
        parse(text.format(repr(str(tmp_path / "trace"))))
    assert not list(tmp_path.iterdir())


def looked_back(text: str, values, seconds: float = 100, step: float = 1.0) -> list[object]:
    """What a condition's left side was at each moment."""
    window, found = Window(), []
    node = parse(text).node.left
    window.watch(node)
    window.push(hello())
    for _ in fed(window, seconds, values, step):
        found += window.column(node)
    return found


def test_the_mean_over_a_time_is_that_of_the_time_and_unknown_before_it_has_passed():
    """A step at 50 s is in the mean of 16 s after 16 s, and in the first 14 s nothing is known."""
    found = looked_back("mean(power, 16 s) > 0", lambda t: {"power": 100.0 if t < 50 else 200.0})
    assert found[:14] == [None] * 14
    assert found[20] == pytest.approx(100.0)
    assert 140 < found[58] < 160
    assert found[70] == pytest.approx(200.0)


def test_the_mean_weighs_each_value_by_its_time():
    """Ten seconds of 0 in one sample, then ten of 100 in ten."""
    window, node = Window(), parse("mean(power, 16 s) > 0").node.left
    window.watch(node)
    window.push(hello())
    for at, power in ((0.0, 0.0), (8.0, 0.0), *((8.0 + n, 100.0) for n in range(1, 9))):
        window.push(sample(at, {"power": power}))
    assert window.column(node)[0] == pytest.approx(50.0)


def test_extremes_over_a_time_leave_with_it():
    """A spike is the greatest for as long as it was asked for, and no longer than a sixteenth more."""
    found = looked_back("max(power, 32 s) > 0", lambda t: {"power": 500.0 if t == 40 else 100.0})
    assert found[39] == 100.0
    assert found[40] == found[71] == 500.0
    assert found[76] == 100.0
    assert looked_back("min(power, 16 s) > 0", lambda t: {"power": 100.0 + t})[100] == pytest.approx(184.0, abs=2)


def test_a_rate_is_per_second_and_knows_that_counters_begin_again():
    """100 MB/s, also across a driver that was loaded again; a gauge's change may be negative."""
    found = looked_back("rate(pcie_rx, 16 s) > 0", lambda t: {"pcie_rx": 1e8 * (t if t < 50 else t - 50)})
    assert found[40] == pytest.approx(1e8)
    assert found[55] == pytest.approx(1e8, rel=0.1)
    assert looked_back("delta(memory_used, 16 s) > 0", lambda t: {"memory_used": 1e9 - 1e6 * t})[60] == pytest.approx(
        -16e6, rel=0.1
    )


def test_a_silence_begins_a_new_past():
    """After ten minutes without a sample nothing is known of the minute before."""
    window, node = Window(), parse("mean(power, 60 s) > 0").node.left
    window.watch(node)
    window.push(hello())
    for at in (*range(70), *range(700, 720)):
        window.push(sample(float(at), {"power": 100.0}))
    assert window.column(node) == [None]


def test_a_device_that_comes_later_has_its_own_past():
    """And the others keep theirs when one goes and the order changes."""
    window, node = Window(), parse("mean(power, 16 s) > 0").node.left
    window.watch(node)
    window.push(hello(3))
    for at in range(30):
        window.push(sample(float(at), {"power": 100.0}, {"power": 200.0}))
    for at in range(30, 36):
        window.push(sample(float(at), {"power": 100.0}, {"power": 200.0}, {"power": 300.0}))
    assert window.column(node) == [pytest.approx(100.0), pytest.approx(200.0), None]


@pytest.mark.parametrize("function", ["mean(power", "max(power", "delta(power", "rate(pcie_rx"])
def test_a_driver_that_was_away_begins_a_new_past(function):
    """No GPU for a while, then all of them again."""
    window, node = Window(), parse(f"{function}, 16 s) > 1000").node
    window.watch(node)
    window.push(hello())
    gpu = {"power": 100.0, "pcie_rx": 5.0}
    for at in range(60):
        gpus = (gpu,) if not 20 <= at < 30 else ()
        window.push(sample(float(at), *gpus, host=Host(cpu=0.1)))
    assert window.column(node) == [False]


def test_functions_across_gpus_see_all_of_them():
    """The same value for each."""
    window, node = Window(), parse("fleet_max(power) - power > 50").node
    window.push(hello(2))
    window.push(sample(0, {"power": 100.0}, {"power": 200.0}))
    assert window.column(node) == [True, False]


@pytest.mark.parametrize("limit", ["90 MB", "90 MB/s", "9e7"])
def test_a_rate_is_compared_with_a_number_per_second(limit):
    """Whether that is said or not."""
    found = parse(f"rate(pcie_rx, 16 s) > {limit}").node
    assert found.right.value == pytest.approx(9e7)


def test_a_rate_of_seconds_is_a_share_of_the_time():
    """Half of it held back by the power limit."""
    window, node = Window(), parse("rate(held_power_cap, 16 s) > 40 %").node
    window.watch(node)
    window.push(hello())
    found = [window.column(node)[0] for _ in fed(window, 40, lambda t: {"held_power_cap": 0.5 * t})]
    assert (found[5], found[40]) == (None, True)


def test_a_growth_begins_anew_with_its_device():
    """The GPU was reset, or the driver loaded again: also where the counter is higher than before by now."""
    window, growth = Window(), Over("delta", Name("pcie_replay"), 10.0)
    window.watch(growth)
    window.push(hello())
    for _ in fed(window, 20, lambda at: {"pcie_replay": 5.0, "uptime": 100 + at}):
        pass
    assert window.value(growth, "GPU-0") == 0
    window.push(sample(21, {"pcie_replay": 900.0, "uptime": 1.0}))
    assert window.value(growth, "GPU-0") is None
    for at in range(22, 40):
        window.push(sample(at, {"pcie_replay": 901.0, "uptime": at - 20.0}))
    assert window.value(growth, "GPU-0") == 0
    window.push(Hello(devices=hello().devices, generation=2))
    window.push(sample(41, {"pcie_replay": 2000.0, "uptime": 500.0}))
    assert window.so_far(growth, "GPU-0") in (0, None)


WHOLE = {
    "mean": lambda rows: sum(s * v for _, s, v, _ in rows) / sum(s for _, s, _, _ in rows),
    "max": lambda rows: max(v for _, _, v, _ in rows),
    "min": lambda rows: min(v for _, _, v, _ in rows),
    "delta": lambda rows: sum(grown for *_, grown in rows),
}


@pytest.mark.parametrize("function", WHOLE)
def test_what_is_summed_up_in_parts_is_what_the_whole_would_be(function):
    """Over a thousand ticks of uneven length, against all values of the blocks that the window holds."""
    counter = function == "delta"
    chance, kept, seen, mono, value = random.Random(3), running(function, 16.0, counter=counter), [], 0.0, 0.0
    for _ in range(1000):
        step = chance.choice((0.1, 0.3, 1.0, 2.5))
        before, mono = value, mono + step
        value = value + chance.random() if counter else chance.random()
        kept.push(mono, [value], gap=60.0)
        seen.append((mono, step, value, value - before))
        since = kept._blocks[0].since
        within = [row for row in seen if row[0] > since or (row[0] == since and not counter)]
        if mono > 25:
            assert 16.0 - 2.5 <= mono - within[0][0] <= 16.0 + 1.0 + 2 * 2.5
            assert kept.column() == [pytest.approx(WHOLE[function](within))]
