"""What a library records with OpenTelemetry lands in the run that is open, under its own names and kinds."""

from __future__ import annotations

import json

import pytest

from .test_gm_run import script

pytest.importorskip("opentelemetry.metrics")

LIBRARY = """
import json
from opentelemetry import metrics
meter = metrics.get_meter("a.library")  # made before anybody listens, as a library does when it is imported
first = meter.create_histogram("ttft_milliseconds", unit="ms")
free = meter.create_gauge("kv_cache_free_memory_bytes", unit="By")
tokens = meter.create_counter("decode_tokens_processed")
import jupyter_gpumon as gm
"""


def test_what_a_library_records_is_logged_in_the_open_run(tmp_path):
    """All values of a histogram, a gauge's last, a counter's sum; without a run nothing happens, and twice is once."""
    code = LIBRARY + (
        "gm.watch_opentelemetry()\n"
        "gm.watch_opentelemetry()\n"
        "first.record(99.0)\n"
        "with gm.run('serve') as run:\n"
        "    for value in (10.0, 30.0, 20.0): first.record(value, {'model': 'tiny'})\n"
        "    free.set(5e9); free.set(4e9); tokens.add(64); tokens.add(32)\n"
        "found = run.record.metrics\n"
        "print(json.dumps({n: [m.kind, m.unit, m.stats.count, m.stats.sum, m.stats.last] for n, m in found.items()}))\n"
    )
    found = json.loads(script(code, f"sqlite:///{tmp_path}/runs.sqlite").stdout)
    assert found["ttft_milliseconds"] == ["histogram", "", 3, 60.0, 20.0]
    assert found["kv_cache_free_memory_bytes"] == ["gauge", "bytes", 2, 9e9, 4e9]
    assert found["decode_tokens_processed"][:4] == ["counter", "", 2, 96.0]


def test_metrics_that_go_elsewhere_are_not_taken_away(tmp_path):
    """The program's own provider stays; it is said what to do."""
    code = LIBRARY + (
        "from opentelemetry.sdk.metrics import MeterProvider\n"
        "mine = MeterProvider()\n"
        "metrics.set_meter_provider(mine)\n"
        "try: gm.watch_opentelemetry()\n"
        "except Exception as e: print(json.dumps([type(e).__name__, metrics.get_meter_provider() is mine]))\n"
    )
    assert json.loads(script(code, f"sqlite:///{tmp_path}/runs.sqlite").stdout) == ["RunError", True]
