"""A counter's pulse, heard again and again: its period and phase get known better than any one second tells them."""

from __future__ import annotations

import random

import pytest

from jupyter_gpumon.energy.pulse import Pulse
from jupyter_gpumon.energy.tempo import Tempo

PERIOD, PHASE = 0.02, 7.0031


def heard(tempo: Tempo, seconds: float, rng: random.Random, period: float = PERIOD, off: float = 0.004) -> float:
    """A phase every two seconds or so, each wrong by up to ``off``; the period that comes of it."""
    found, now = tempo.period, 0.0
    while now < seconds:
        now += rng.uniform(1.5, 2.5)
        beat = PHASE + round(now / period) * period
        found = tempo.learn(Pulse(beat + rng.uniform(-0.5, 0.5) * off, period, off, 0.0))
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("told", [0.999 * PERIOD, PERIOD, 1.001 * PERIOD])
def test_a_minute_tells_the_period_to_a_tenth_of_what_a_trial_does(told, seed):
    """A thousandth off at first; within a ten-thousandth after a minute."""
    assert heard(Tempo(told), 60, random.Random(seed)) == pytest.approx(PERIOD, rel=1e-4)


def test_a_phase_has_to_agree_with_what_was_heard_before():
    """Two seconds that each leave 8 ms open leave 2 ms together, and the middle of those is what is right."""
    tempo = Tempo(PERIOD)
    for off_middle in (-0.003, 0.003, -0.003, 0.003):
        tempo.learn(Pulse(PHASE + off_middle, PERIOD, 0.004, 0.0))
    narrow = tempo.narrowed(Pulse(PHASE + 50 * PERIOD + 0.003, PERIOD, 0.004, 0.0))
    assert narrow.time == pytest.approx(PHASE + 50 * PERIOD, abs=0.0006)
    assert narrow.off < 0.0025


def test_a_pulse_that_is_elsewhere_than_before_is_believed():
    """The driver was loaded again: the old phase is no help, and is forgotten."""
    tempo = Tempo(PERIOD)
    heard(tempo, 10, random.Random(1), off=0.001)
    elsewhere = Pulse(PHASE + 600 * PERIOD + PERIOD / 2, PERIOD, 0.001, 0.0)
    assert tempo.narrowed(elsewhere) == elsewhere
    tempo.learn(elsewhere)
    assert tempo.narrowed(elsewhere).time == elsewhere.time


def test_updates_that_jitter_are_left_as_they_were_heard():
    """Each is early or late by itself, whatever the others were."""
    tempo = Tempo(PERIOD)
    heard(tempo, 10, random.Random(1))
    uneven = Pulse(PHASE + 600 * PERIOD + 0.001, PERIOD, 0.004, 0.002)
    assert tempo.narrowed(uneven) is uneven


def test_a_board_whose_clock_changes_is_followed():
    """Three thousandths faster than before is another period, not a wrong phase."""
    tempo, rng = Tempo(PERIOD), random.Random(3)
    heard(tempo, 30, rng)
    now = 1000.0
    for _ in range(80):
        now += 2.0
        period = PERIOD * 1.0005
        tempo.learn(Pulse(PHASE + round(now / period) * period, period, 0.002, 0.0))
    assert tempo.period == pytest.approx(PERIOD * 1.0005, rel=1e-4)
