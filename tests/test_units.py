"""Numbers as people read them."""

from __future__ import annotations

import pytest

from jupyter_gpumon.units import duration, quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "watts", "—"),
        (0.0, "joules", "0 J"),
        (4130.0, "joules", "4.13 kJ"),
        (300.4, "watts", "300 W"),
        (999.9, "watts", "1.00 kW"),
        (118.2e9, "bytes", "118 GB"),
        (512.0, "bytes", "512 B"),
        (1.98e9, "hertz", "1.98 GHz"),
        (0.943, "ratio", "94 %"),
        (71.4, "celsius", "71 °C"),
        (16.0, "count", "16"),
        (12.4, "seconds", "12.4 s"),
    ],
)
def test_a_quantity_has_three_digits_and_one_prefix(value, unit, text):
    """In SI units, and an em dash for what is not known."""
    assert quantity(value, unit) == text


def test_a_rate_is_per_second():
    """Counters are shown by what they grow in a second."""
    assert quantity(12.3e6, "bytes", rate=True) == "12.3 MB/s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.035, "35 ms"), (12.4, "12.4 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min")]
)
def test_a_duration_reads_like_one(seconds, text):
    """Milliseconds, seconds, minutes, hours."""
    assert duration(seconds) == text
