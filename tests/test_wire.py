"""The codec: what goes out comes back, what is unknown is ignored, what is broken is said."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_gpumon.errors import WireError
from jupyter_gpumon.metrics import Tier
from jupyter_gpumon.model import METRICS, SERIES, Edge, Error, Event, Gpu, Hello, Sample, Subscribe
from jupyter_gpumon.wire import decode, encode, encode_line

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.sampled_from(sorted(SERIES)), numbers, max_size=8), numbers)
def test_a_sample_comes_back_as_it_went(metrics, mono):
    """Every metric survives to the last bit; what is not known stays out of the line."""
    sample = Sample(time=1.0, mono=mono, gpus=(Gpu(uuid="GPU-1", **metrics),))
    line = encode(sample)
    assert decode(line) == sample
    assert all((f'"{name}":'.encode() in line) == (name in metrics) for name in SERIES)


@pytest.mark.parametrize(
    "message",
    [
        Hello(hostname="n1"),
        Sample(time=1.0, mono=2.0, edges=(Edge(uuid="GPU-1", since=1.0, mono=1.1, joules=5.0),)),
        Sample(time=1.0, mono=2.0, events=(Event(kind="xid", time=1.0, mono=2.0, title="XID 79", code=79),)),
        Subscribe(metrics=("power",), every=1.0),
        Error(message="no", hint="do"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_each_message_has_its_own_type(message):
    """The tag brings back the same struct, and a line ends once."""
    assert decode(encode_line(message)) == message
    assert encode_line(message).count(b"\n") == 1


def test_what_is_not_known_is_ignored():
    """A newer speaker may add types and keys."""
    assert decode('{"type": "later", "x": 1}') is None
    assert decode('{"type": "error", "message": "m", "colour": 3}') == Error(message="m")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"type": 7}',
        '{"type": "sample"}',
        b"\xff\xfe",
        '{"type": "sample", "time": "x", "mono": 1}',
    ],
)
def test_a_broken_message_is_one_clear_error(text):
    """Never a traceback of the codec's own."""
    with pytest.raises(WireError):
        decode(text)


def test_every_metric_has_unit_tier_and_help():
    """The catalogue is complete: each field of Gpu but its identity is a metric."""
    assert set(METRICS) == set(Gpu.__struct_fields__) - {"uuid"}
    assert all(m.title and m.help.endswith(".") and m.tier in get_args(Tier) for m in METRICS.values())
