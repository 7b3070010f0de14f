"""The dashboard *Fleet*: all machines at once, and where to look first.

Ten thousand GPUs are quick to show too: sums and curves are drawn from the recording rules, a series per machine; the
GPUs themselves are only asked for what holds now.
"""

from __future__ import annotations

from .boards import Section, board, choice
from .expressions import FLEET, gpu, increase
from .panels import GREEN, RED, YELLOW, Panel, Query, bars, figures, limits, lines, pie, rows
from .recorded import INTERVAL, recorded

EACH = "{{hostname}} GPU {{gpu}}"


def fleet() -> str:
    """The dashboard as JSON."""
    sections: list[Section] = [
        ("All GPUs", _sums()),
        ("Over time", _curves()),
        ("By node", _nodes()),
        ("Where to look first", _first()),
        ("Well or not", _health()),
    ]
    about = "All machines: how many GPUs there are, how busy, how full, how hot, and which need somebody."
    variables = [choice("hostname", "Host", recorded(gpu("memory_total"), "count"), "hostname")]
    return board("gpumon-fleet", "GPU fleet", about, variables, sections)


def _of(name: str) -> str:
    return gpu(name, FLEET)


def _per_host(name: str, how: str) -> str:
    return recorded(gpu(name), how, FLEET)


def _mean() -> str:
    """Of all GPUs, not of all machines."""
    return f"sum({_per_host('utilization', 'sum')}) / sum({_per_host('memory_total', 'count')})"


def _sums() -> list[Panel]:
    taken = f"sum({recorded('gpumon_gpu_taken', 'sum', FLEET)}) / sum({_per_host('memory_total', 'count')})"
    power = recorded(gpu("energy").removesuffix("_total"), "rate2m", FLEET)
    energy = f"sum(sum_over_time({power}[$__range])) * {INTERVAL}"
    return [
        _sum("GPUs", "That report.", "count", f"sum({_per_host('memory_total', 'count')})"),
        _sum("Nodes", "That report.", "count", f"count({_per_host('memory_total', 'count')})"),
        figures(
            *("Taken", "GPUs of which more than 5 % of the memory is in use.", "ratio", Query(taken, "taken")),
            steps=limits(GREEN, (0.7, YELLOW), (0.9, RED)),
            wide=4,
            instant=True,
        ),
        _sum("Busy", "Mean over all GPUs.", "ratio", _mean()),
        _sum("Power", "Of all boards.", "watts", f"sum({_per_host('power', 'sum')})"),
        _sum("Energy", "In the range shown, by the boards' own counters.", "joules", energy),
    ]


def _sum(title: str, about: str, unit: str, expression: str) -> Panel:
    return figures(title, about, unit, Query(expression, title), steps=limits(GREEN), wide=4, instant=True)


def _curves() -> list[Panel]:
    nodes = _per_host("utilization", "avg")
    spread = [Query(f"quantile({q}, {nodes})", f"p{q * 100:g} of nodes") for q in (0.05, 0.5, 0.95)]
    used, total = (f"sum({_per_host(name, 'sum')})" for name in ("memory_used", "memory_total"))
    return [
        lines(
            "GPU utilization", "Mean of all GPUs, and how the nodes spread.", "ratio", Query(_mean(), "mean"), *spread
        ),
        lines("Power", "Sum of all boards.", "watts", Query(f"sum({_per_host('power', 'sum')})", "power")),
        lines("Memory", "Of all GPUs.", "bytes", Query(used, "used"), Query(total, "total")),
        lines(
            *("Hottest GPU of any node", "Core temperature.", "celsius"),
            Query(f"max({_per_host('temperature', 'max')})", "hottest"),
            Query(f"quantile(0.5, {_per_host('temperature', 'max')})", "hottest of the median node"),
        ),
    ]


def _nodes() -> list[Panel]:
    memory = f"{_per_host('memory_used', 'sum')} / {_per_host('memory_total', 'sum')}"
    busy, power = _per_host("utilization", "avg"), _per_host("power", "sum")
    table = [
        Query(_per_host("memory_total", "count"), "GPUs"),
        Query(busy, "busy"),
        Query(memory, "memory in use"),
        Query(power, "power"),
        Query(_per_host("temperature", "max"), "hottest"),
    ]
    return [
        _top("Busiest nodes", "Mean of a node's GPUs.", "ratio", busy),
        _top("Fullest nodes", "Of a node's GPU memory, the share in use.", "ratio", memory),
        _top("Nodes by power", "Sum of a node's boards.", "watts", power),
        rows(
            "Nodes",
            "A line per machine.",
            *table,
            hide=("__name__",),
            units=("count", "ratio", "ratio", "watts", "celsius"),
            wide=24,
        ),
    ]


def _top(title: str, about: str, unit: str, expression: str) -> Panel:
    return bars(title, about, unit, Query(f"topk(10, {expression})", "{{hostname}}"), steps=limits(GREEN), wide=8)


def _first() -> list[Panel]:
    used, total = (f"sum({_per_host(name, 'sum')})" for name in ("memory_used", "memory_total"))
    idle = f"topk(10, {_of('memory_used')} and {_of('utilization')} < 0.1)"
    return [
        bars(
            *("Hottest GPUs", "Core temperature.", "celsius", Query(f"topk(10, {_of('temperature')})", EACH)),
            steps=limits(GREEN, (80, YELLOW), (90, RED)),
            wide=8,
        ),
        bars(
            *("Idle GPUs with the most memory held", "Below 10 % busy now.", "bytes", Query(idle, EACH)),
            steps=limits(GREEN),
            wide=8,
        ),
        pie(
            "Memory",
            "Of all GPUs, in use and not.",
            "bytes",
            Query(used, "used"),
            Query(f"{total} - {used}", "free"),
            wide=8,
        ),
    ]


def _health() -> list[Panel]:
    heat = recorded("gpumon_gpu_held_by_heat", "max", FLEET)
    down = 'count(up{job=~"gpumon.*"} == 0)'
    lost = f"count(gpumon_gpu_up{{{FLEET}}} == 0)"
    errors = f"count({increase(_of('ecc_uncorrected'))} > 0)"
    return [
        _wrong("Exporters down", "Scrape targets that do not answer.", down),
        _wrong("GPUs lost", "Known to the driver, and not answering.", lost),
        _wrong("GPUs that ask for a reset", "Recovery action above 0.", f"count({_of('recovery_action')} > 0)"),
        _wrong("GPUs with new memory errors", "Uncorrected, in the range shown.", errors),
        _wrong("GPUs due for exchange", "A memory row could not be remapped.", f"count({_of('remap_failure')} > 0)"),
        bars(
            *(
                "Held back by heat",
                "Share of time with a lowered clock; of each node its worst GPU.",
                "ratio",
            ),
            Query(f"topk(5, {heat})", "{{hostname}}"),
            steps=limits(GREEN, (0.01, YELLOW), (0.1, RED)),
            wide=9,
        ),
    ]


def _wrong(title: str, about: str, expression: str) -> Panel:
    """How many have something the matter; 0, not "no data", where none has."""
    query = Query(f"{expression} or vector(0)", title)
    return figures(title, about, "count", query, steps=limits(GREEN, (1, RED)), wide=3, instant=True)
