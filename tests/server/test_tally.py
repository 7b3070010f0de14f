"""What the sampler's own state counts and remembers."""

from __future__ import annotations

import pytest

from jupyter_gpumon.model import Device, Edge, Gpu, Hello, Sample, Status
from jupyter_gpumon.tally import Tally

WELL = Device(uuid="GPU-a", index=0, name="H200")
LOST = Device(uuid="GPU-b", index=1, name="H200", state="lost", detail="It has fallen off the bus.")


@pytest.fixture
def tally():
    return Tally()


def test_missed_ticks_are_summed_and_only_looks_count_as_samples(tally):
    """Energy edges come between the looks."""
    for n in range(3):
        tally.write(Sample(time=1.0, mono=1.0 + n, gpus=(Gpu(uuid="GPU-a"),), missed=n))
        tally.write(Sample(time=1.0, mono=1.5 + n, edges=(Edge(uuid="GPU-a", since=1.0, mono=1.5, joules=1.0),)))
    assert (tally.samples, tally.missed) == (3, 3)


def test_one_lost_gpu_is_an_error_though_the_others_are_live(tally):
    """It is named; it stays the last error when the GPU is back, and its time is when it was first told."""
    tally.write(Hello(devices=(WELL, LOST)))
    assert tally.last_error == "gpu1: It has fallen off the bus."
    first = tally.last_error_time
    tally.write(Hello(devices=(WELL, LOST)))
    tally.write(Hello(devices=(WELL,)))
    assert (tally.last_error, tally.last_error_time) == ("gpu1: It has fallen off the bus.", first)


def test_trouble_with_the_driver_comes_with_its_own_time(tally):
    """As the source tells it."""
    tally.write(Hello(status=Status(state="starting", message="Starting.")))
    assert tally.last_error is None
    tally.write(Hello(devices=(LOST,), status=Status(state="stalled", message="The driver hangs.", since=77.0)))
    assert (tally.last_error, tally.last_error_time) == ("The driver hangs.", 77.0)
