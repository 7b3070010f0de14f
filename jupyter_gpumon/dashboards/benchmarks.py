"""The dashboard *Benchmarks & serving*: runs side by side, what the machine did meanwhile, and a model that serves."""

from __future__ import annotations

from .boards import Section, board, choice
from .catalogue import curves, host_curves
from .expressions import NODE, gpu
from .panels import Panel
from .performance import performance
from .serving import serving
from .sql import column_choice, last, run_bars, run_table, runs_source

FORWARD = (
    ("First forward pass", "first_eager_forward_pass_time_secs"),
    ("Second forward pass", "second_eager_forward_pass_time_secs"),
)
EAGER = (
    ("First token", "time_to_first_token_secs"),
    ("Second token", "time_to_second_token_secs"),
    ("Third token", "time_to_third_token_secs"),
    ("Mean of the tokens after", "time_to_next_token_mean_secs"),
)
COMPILED = (
    ("First generate", "first_compile_generate_time_secs"),
    ("Second generate", "second_compile_generate_time_secs"),
    ("Third generate", "third_compile_generate_time_secs"),
    ("Fourth generate", "fourth_compile_generate_time_secs"),
)
WHOLE = (
    ("Loading the model", "model_load_time"),
    ("First eager generate", "first_eager_generate_time_secs"),
    ("Second eager generate", "second_eager_generate_time_secs"),
)
UID = "gpumon-runs"


def benchmarks() -> str:
    """The dashboard as JSON."""
    sections: list[Section] = [
        ("Runs", [_table()]),
        ("Eager forward pass", _bars(FORWARD, 12)),
        ("Time to next token", _bars(EAGER, 6)),
        ("Compiled generate", _bars(COMPILED, 6)),
        ("Loading and eager generate", _bars(WHOLE, 8)),
        ("Usage meanwhile", _usage()),
        ("Serving", serving()),
        ("Benchmarks", performance()),
    ]
    about = "Runs from PostgreSQL beside one another, and what Prometheus has of the machine meanwhile."
    variables = [
        *(runs_source(), column_choice("run", "Run", "name"), column_choice("branch", "Branch", "branch")),
        *(column_choice("gpu_name", "GPU model", "gpu_name"), last()),
        choice("live", "Run, live", "gpumon_run_active", "run"),
        choice("instance", "Node", gpu("memory_total"), "instance"),
        choice("gpu", "GPU", gpu("memory_total", NODE), "gpu"),
    ]
    return board(UID, "Benchmarks & serving", about, variables, sections)


def _table() -> Panel:
    url = f"/d/{UID}?from=${{__data.fields.from_ms}}&to=${{__data.fields.to_ms}}&${{__all_variables}}"
    return run_table("Runs", "The newest first. A run's name leads to what the machine did while it ran.", url)


def _bars(metrics: tuple[tuple[str, str], ...], wide: int) -> list[Panel]:
    return [run_bars(title, metric, "seconds", wide) for title, metric in metrics]


def _usage() -> list[Panel]:
    return [
        host_curves("CPU utilization", "cpu", wide=6),
        curves("GPU utilization", "utilization", wide=6),
        host_curves("Memory", "memory_used", wide=6),
        curves("GPU memory", "memory_used", wide=6),
    ]
