"""The fake driver's sensors where they are not perfect: counters that are off or mind reads, late and noisy power."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

GROWTH = """
def growth(seconds, pause):
    "Joules that the counter grows by in that time, read every so often; the exact seconds; and how many reads."
    first, began, reads = nvmlDeviceGetTotalEnergyConsumption(h), time.monotonic(), 0
    while time.monotonic() < began + seconds:
        time.sleep(pause)
        last, ended, reads = nvmlDeviceGetTotalEnergyConsumption(h), time.monotonic(), reads + 1
    return (last - first) / 1000, ended - began, reads
"""


def test_a_counter_with_a_gain_counts_that_much_of_the_truth(fake_nvml, ask):
    """57 % of 200 W, as on a board whose counter and power do not agree."""
    driver = fake_nvml(power=200, energy_period=0, energy_gain=0.57)
    joules, seconds, _ = ask(driver, GROWTH + "say(growth(0.5, 0.1))")
    assert joules / seconds == pytest.approx(0.57 * 200, rel=0.02)


def test_a_counter_that_minds_being_read_falls_behind_with_every_read(fake_nvml, ask):
    """Each read costs 13 ms of power: 13 % at ten reads a second, and next to all at a thousand."""
    driver = fake_nvml(power=200, energy_period=0, energy_polling=0.013)
    for joules, seconds, reads in ask(driver, GROWTH + "say([growth(1, 0.1), growth(0.5, 0.001), growth(1, 1)])"):
        assert joules / seconds / 200 == pytest.approx(max(0.0, 1 - 0.013 * reads / seconds), abs=0.03)


def test_a_late_power_sensor_follows_a_step_so_much_later(fake_nvml, child):
    """With no window to speak of and a delay of 0.2 s, field 186 shows the step 0.2 s after it."""
    driver = fake_nvml(power=100, power_period=0, power_instant_window=0.001, power_delay=0.2)
    one = child(
        driver,
        """
        nvmlInit()
        h = nvmlDeviceGetHandleByIndex(0)
        say(1)
        before, now = 0, time.monotonic()
        while fields(h, [186])[186][2] < 300_000:
            time.sleep(0.001)
            before, now = now, time.monotonic()
        say([before, time.monotonic()])
        """,
    )
    one.said()
    step = driver.power(500)
    still_old, new = one.said()
    assert still_old < step + 0.21
    assert new >= step + 0.2


def test_the_buffer_is_as_the_scenario_says(fake_nvml, ask):
    """Sixty entries 50 ms apart, the newest half a second old, with stamps up to 5 ms off and noise of up to 8 W."""
    driver = fake_nvml(
        power=240, epoch=time.monotonic() - 60, power_noise=8,
        samples_period=0.05, samples_depth=60, samples_delay=0.5, samples_jitter=0.005,
    )  # fmt: skip
    stamps, watts, now = ask(
        driver,
        """
        kind, samples = nvmlDeviceGetSamples(h, 0, 0)
        say([[s.timeStamp / 1e6 for s in samples], [s.sampleValue.uiVal / 1e3 for s in samples], time.time()])
        """,
    )
    gaps = [b - a for a, b in pairwise(stamps)]
    assert len(stamps) == 60
    assert 0.49 < now - stamps[-1] < 0.61
    assert 0.001 < max(gaps) - min(gaps) <= 0.0201
    assert 4 < max(watts) - min(watts) <= 16


def test_a_board_without_a_buffer_says_so(fake_nvml, ask):
    """Not supported, as on many drivers."""
    assert ask(fake_nvml(samples_period="-"), "say(code(nvmlDeviceGetSamples, h, 0, 0))") == {"error": 3}
