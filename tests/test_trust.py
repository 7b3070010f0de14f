"""What is said of a sensor, in one sentence."""

from __future__ import annotations

import pytest

from jupyter_gpumon.energy.trust import sentence, sentences
from jupyter_gpumon.model import Sensor

from .tiny import device

REASON = "the counter reads 57 % of the power's integral: energy comes from power readings"


@pytest.mark.parametrize(
    ("sensor", "says"),
    [
        (
            Sensor(period=0.1, jitter=0.0002, agreement=0.996, checked=1.0),
            "counter, 100 ms, agrees with power within 0.4 %",
        ),
        (
            Sensor(period=0.02, jitter=0.003, delay=0.03, agreement=1.0, checked=1.0),
            "counter, 20 ms, ±3 ms, 30 ms late, agrees with power within 0.1 %",
        ),
        (Sensor(), "counter, not tried yet"),
        (
            Sensor(method="instant", update=0.1, window=0.025, duty=0.25, agreement=0.57, checked=1.0, reason=REASON),
            f"power readings, every 100 ms, looks 25 % of the time ({REASON})",
        ),
        (
            Sensor(method="average", update=0.1, window=1.0, duty=1.0, checked=1.0),
            "power readings, every 100 ms, each the mean of 1.00 s",
        ),
        (Sensor(method="none", reason="it tells nothing"), "none (it tells nothing)"),
        (Sensor(period=0.1, agreement=1.0, provenance="simulated"), "counter, 100 ms, simulated"),
        (None, "not known how energy is measured"),
    ],
)
def test_a_sensor_is_one_sentence(sensor, says):
    """What it is taken from, how fine, how good, and why it is not better."""
    assert sentence(sensor) == says


def test_what_is_true_of_several_boards_is_said_once():
    """By their labels; a board that is lost and an instance of one are left out."""
    good, bad = Sensor(period=0.1, agreement=1.0, checked=1.0), Sensor()
    boards = [
        device(0, sensor=good), device(1, sensor=bad), device(2, sensor=good), device(3, sensor=good, state="lost"),
        device(4, sensor=good, parent="GPU-0"),
    ]  # fmt: skip
    assert sentences(boards) == [
        "gpu0, gpu2: counter, 100 ms, agrees with power within 0.1 %",
        "gpu1: counter, not tried yet",
    ]
