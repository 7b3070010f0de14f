"""The row *Performance*: what ``gpumon bench`` measured, and how well cells and caches do."""

from __future__ import annotations

from .expressions import NODE, NODE_GPU, narrowed
from .panels import GREEN, RED, YELLOW, Panel, Query, figures, limits, lines


def performance(where: str = NODE_GPU) -> list[Panel]:
    """Panels over the series that ``gpumon bench`` and runs leave behind; empty until the first of them."""
    speedups = [
        Query(narrowed(f"gpumon_bench_{part}_speedup_ratio", where), f"GPU {{{{gpu}}}} {part}")
        for part in ("overall", "matrix", "memory")
    ]
    matrix = Query(narrowed("gpumon_bench_matrix_flops", where))
    memory = Query(narrowed("gpumon_bench_memory_bandwidth_bytes_per_second", where))
    return [
        lines("Matrix performance", "Floating point operations per second of a matrix product.", "flops", matrix),
        lines("Speedup over the CPU", "GPU against the CPU of the same machine.", "count", *speedups),
        lines("Memory bandwidth", "Bytes read and written per second by a copy on the device.", "bytes/s", memory),
        *rates(),
    ]


def rates() -> list[Panel]:
    """Share of hits and of successes: the more the better, so red is below."""
    hits = Query(narrowed("gpumon_run_cache_hit_ratio", NODE), "{{run}} {{cache}}")
    runs = Query(narrowed("gpumon_run_success_ratio", NODE), "cells of {{run}}")
    cells = Query(narrowed("gpumon_cell_success_ratio", NODE), "measured cells")
    return [
        figures(
            *("Cache hit rate", "Of what a watched cache was asked, the share it had.", "ratio", hits),
            steps=limits(RED, (0.5, YELLOW), (0.8, GREEN)),
        ),
        figures(
            *("Task success rate", "Of the cells that ended, the share without an error.", "ratio", cells, runs),
            steps=limits(RED, (0.9, YELLOW), (0.95, GREEN)),
        ),
    ]
