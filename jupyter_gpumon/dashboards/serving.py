"""The row *Serving*: a model that serves, from what its run logs.

The names are those of ``gm.run(…).generation()`` and of Transformers' continuous batching; what is logged in
milliseconds or per cent is shown in seconds and as a share.
"""

from __future__ import annotations

from .expressions import narrowed, rate
from .panels import GREEN, RED, YELLOW, Panel, Query, dial, figures, limits, lines

GIB = 1024**3
CHOSEN = 'run=~"$live"'
QUANTILES = (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))
NOTE = "As logged by the chosen runs: "


def serving() -> list[Panel]:
    """Panels over runs under way, and the last ones of each name."""
    cache = limits(GREEN, (5 * GIB, YELLOW), (8 * GIB, RED))
    return [
        dial(
            "KV cache",
            f"{NOTE}`kv_cache_memory_bytes`.",
            "bytes",
            _level("kv_cache_memory_bytes"),
            steps=cache,
            top=10 * GIB,
        ),
        _count("Active requests", "active_requests_count"),
        _count("Waiting requests", "waiting_requests_count"),
        _count("Decode to prefill", "decode_prefill_ratio"),
        lines(
            "Decoded tokens",
            f"{NOTE}`decode_tokens_processed`, or `tokens`.",
            "per second",
            *_speed("decode_tokens_processed", "tokens"),
        ),
        lines(
            "Prefilled tokens", f"{NOTE}`prefill_tokens_processed`.", "per second", *_speed("prefill_tokens_processed")
        ),
        lines(
            "Batch fill",
            f"{NOTE}`batch_fill_percentage`; median, p95, p99.",
            "ratio",
            *_spread("batch_fill_percentage", 100),
        ),
        lines("KV cache over time", f"{NOTE}`kv_cache_memory_bytes`.", "bytes", _level("kv_cache_memory_bytes")),
        lines(
            *("Time to first token", f"{NOTE}`ttft_s`, or `ttft_milliseconds`; median, p95, p99.", "seconds"),
            *(*_spread("ttft_s"), *_spread("ttft_milliseconds", 1000)),
        ),
        lines(
            *(
                "Request latency",
                f"{NOTE}`e2e_latency_s`, or `request_latency_milliseconds`; median, p95, p99.",
                "seconds",
            ),
            *(*_spread("e2e_latency_s"), *_spread("request_latency_milliseconds", 1000)),
        ),
        lines(
            *("Time between tokens", f"{NOTE}`inter_token_latency_s`; median, p95, p99.", "seconds"),
            *_spread("inter_token_latency_s"),
        ),
        lines(
            *("Energy of the run", "Of the GPUs that it uses, so far.", "joules"),
            Query(narrowed("gpumon_run_energy_joules", CHOSEN), "{{run}}"),
        ),
    ]


def _level(metric: str) -> Query:
    return Query(narrowed("gpumon_run_metric", f'{CHOSEN},metric="{metric}"'), "{{run}}")


def _count(title: str, metric: str) -> Panel:
    return figures(title, f"{NOTE}`{metric}`.", "count", _level(metric), steps=limits(GREEN))


def _speed(*metrics: str) -> list[Query]:
    """How fast a count grows. It is a gauge, since a new run of the name begins at 0, as a counter may too."""
    return [
        Query(rate(narrowed("gpumon_run_counted", f'{CHOSEN},metric="{metric}"')), "{{run}} {{metric}}")
        for metric in metrics
    ]


def _spread(metric: str, parts: int = 1) -> list[Query]:
    found = []
    for quantile, name in QUANTILES:
        where = f'{CHOSEN},metric="{metric}",quantile="{quantile}"'
        observed = narrowed("gpumon_run_observed", where)
        found.append(Query(observed if parts == 1 else f"{observed} / {parts}", f"{{{{run}}}} {name}"))
    return found
