"""Power and energy of the fake driver against the exact integral."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from tests.fakenvml import Timeline
from tests.fakenvml.profile import noise

PROFILES = {
    "constant": "300",
    "steps": "steps:60@0.11,300@0.07,520@0.03",
    "square": "square:100,400,10,0.3",
    "ramp": "ramp:60,400,2.5",
    "bursts": "bursts:60,500,0.02,5,3",
}

WATCH = """
def watch(seconds):
    "Every value the counter takes, with the moments before and after the read that first showed it."
    seen, last, end = [], None, time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        value = nvmlDeviceGetTotalEnergyConsumption(h)
        if value != last:
            seen.append([before, time.monotonic(), value])
        last = value
        time.sleep(0.001)
    return seen
"""


@pytest.mark.parametrize("kind", PROFILES)
def test_the_energy_counter_is_the_exact_integral_at_its_updates(fake_nvml, ask, kind):
    """Each value is the integral of power at one of the moments epoch + phase + k periods, to the millijoule."""
    driver = fake_nvml(power=PROFILES[kind], energy_period=0.05, energy_phase=0.013)
    seen = ask(driver, WATCH + "say(watch(1))")
    first, truth = driver.scenario.get("epoch") + 0.013, driver.timeline()
    assert len(seen) >= 5
    for before, after, value in seen:
        update = first + (after - first) // 0.05 * 0.05
        lags = range(int((after - before) / 0.05) + 2)  # updates may fall within the read
        possible = [truth.total(update - lag * 0.05) * 1000 for lag in lags]
        assert min(abs(value - each) for each in possible) <= 1


def test_updates_come_late_by_the_delay_and_uneven_by_the_jitter(fake_nvml, ask):
    """A counter published 40 ms late shows, at each change, the integral of 40 ms before, give or take the jitter."""
    driver = fake_nvml(power=200, energy_period=0.1, energy_delay=0.04, energy_jitter=0.01)
    seen = ask(driver, WATCH + "say(watch(1.2))")
    epoch = driver.scenario.get("epoch")
    lags = [before - (epoch + value / 200_000) for before, _, value in seen[1:]]
    spacings = [later[2] - earlier[2] for earlier, later in pairwise(seen[1:])]
    assert min(lags) > 0.03
    assert sorted(lags)[len(lags) // 2] < 0.08
    assert max(spacings) - min(spacings) > 200  # mJ: 1 ms of jitter at the least


def test_a_counter_that_samples_misses_what_it_does_not_see(fake_nvml, ask):
    """With a duty of 25 % the counter weighs the last 25 ms of each 100 ms alone: a 10 Hz square wave is misread."""
    driver = fake_nvml(power="square:100,400,10", energy_period=0.1, energy_duty=0.25, epoch=time.monotonic() - 10)
    joules = ask(driver, "say(nvmlDeviceGetTotalEnergyConsumption(h))") / 1000
    now = time.monotonic() - driver.scenario.get("epoch")
    assert joules < 0.5 * 250 * now  # the low half of the wave is what it sees


def test_power_changes_while_a_process_watches(fake_nvml, child):
    """300 W for half a second and 60 W otherwise: the counter never falls, and ends on the exact integral."""
    driver = fake_nvml(power=60)
    one = child(driver, "nvmlInit()\nh = nvmlDeviceGetHandleByIndex(0)\n" + WATCH + "say(1)\nsay(watch(1.5))")
    one.said()
    start = driver.power(300)
    driver.power(60, at=start + 0.5)
    seen = one.said()
    values = [value for _, _, value in seen]
    epoch, truth = driver.scenario.get("epoch"), driver.timeline()
    _, after, value = seen[-1]
    update = epoch + (after - epoch) // 0.1 * 0.1
    assert values == sorted(values)
    assert driver.energy(start - 0.01, start + 1.5) == pytest.approx(300 * 0.5 + 60 * 1.01)
    assert min(abs(value - truth.total(update - lag * 0.1) * 1000) for lag in (0, 1)) <= 1


def test_the_average_lags_where_the_instant_follows(fake_nvml, child):
    """0.4 s after a step from 100 to 500 W the 1 s mean is on its way and the instant reading is there."""
    driver = fake_nvml(power=100, epoch=time.monotonic() - 60)
    driver.power(500, at=time.monotonic() + 1)
    step = driver.timeline().segments[-1][0]
    one = child(
        driver,
        f"""
        nvmlInit()
        h = nvmlDeviceGetHandleByIndex(0)
        time.sleep(max(0, {step} + 0.45 - time.monotonic()))
        say([nvmlDeviceGetPowerUsage(h), fields(h, [186])[186][2], time.monotonic()])
        """,
    )
    average, instant, at = one.said()
    assert instant == 500_000
    assert 100_000 < average < 500_000 or at > step + 0.95


def test_the_drivers_buffer_holds_power_at_50_hertz(fake_nvml, ask):
    """119 samples, 20 ms apart, each the mean of its 20 ms; nothing new reads as not found."""
    seen = ask(
        fake_nvml(power=240, epoch=time.monotonic() - 60),
        """
        kind, samples = nvmlDeviceGetSamples(h, 0, 0)
        say([len(samples), [s.timeStamp for s in samples], samples[0].sampleValue.uiVal,
             code(nvmlDeviceGetSamples, h, 0, int(time.time() * 1e6) + 10**9)])
        """,
    )
    count, stamps, value, later = seen
    assert (count, value) == (119, 240_000)
    assert all(19_000 <= b - a <= 21_000 for a, b in pairwise(stamps))
    assert later == {"error": 6}


def test_the_twin_counts_like_the_shapes_it_draws():
    """Known areas: a ramp's triangle, a square's share, a burst's length; and time before the epoch costs nothing."""
    assert Timeline.of("ramp:0,100,2").energy(0, 3) == pytest.approx(100 + 100)
    assert Timeline.of("square:0,100,1,0.25").energy(0, 4.1) == pytest.approx(100 + 10)
    assert Timeline.of("bursts:0,100,0.1,1").energy(0, 5) == pytest.approx(50)
    assert Timeline.of("60 10=300 12=60", epoch=5).energy(0, 20) == pytest.approx(60 * 13 + 600)
    assert 0 <= noise(1, 7) < 1


def test_a_cell_draws_exactly_what_it_says(fake_nvml, child):
    """A process that only appends to the load file makes another one's counter rise by its exact integral."""
    driver = fake_nvml(power=60, energy_period=0.05)
    reader = child(driver, "nvmlInit()\nh = nvmlDeviceGetHandleByIndex(0)\n" + WATCH + "say(1)\nsay(watch(1.2))")
    reader.said()
    cell = child(driver, "from tests.fakenvml.workload import compute\nsay(compute(0.4, watts=310, idle=60))")
    start, end = cell.said()
    _, after, value = reader.said()[-1]
    epoch, truth = driver.scenario.get("epoch"), driver.timeline()
    update = epoch + (after - epoch) // 0.05 * 0.05
    assert driver.energy(start, end) == pytest.approx(310 * 0.4)
    assert min(abs(value - truth.total(update - lag * 0.05) * 1000) for lag in (0, 1)) <= 1
