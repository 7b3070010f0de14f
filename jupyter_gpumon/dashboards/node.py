"""The dashboard *GPU node*: everything about the GPUs of one machine."""

from __future__ import annotations

from .boards import Section, board, choice
from .catalogue import curves, host_curves
from .expressions import NODE, NODE_GPU, gpu, increase, narrowed, rate, share
from .panels import GREEN, ORANGE, RED, YELLOW, Panel, Query, bars, dial, figures, limits, lines, rows
from .performance import performance

HOT = 85.0
"""Degrees from which a core is called hot."""
KWH = 3.6e6
"""Joules."""


def node() -> str:
    """The dashboard as JSON."""
    sections: list[Section] = [
        ("GPU hardware", [*_now(), *_sums()]),
        ("Trends", _trends()),
        ("Performance", performance()),
        ("Clocks, PCIe and NVLink", _links()),
        ("Health", _health()),
        ("Host", _host()),
        ("The monitor itself", _monitor()),
    ]
    about = "The GPUs of one machine: what they do, what holds them back, whether they are well."
    variables = [
        choice("instance", "Node", gpu("memory_total"), "instance", several=False),
        choice("gpu", "GPU", gpu("memory_total", NODE), "gpu"),
    ]
    return board("gpumon-node", "GPU node", about, variables, sections)


def _ask(name: str, legend: str = "GPU {{gpu}}") -> Query:
    return Query(gpu(name, NODE_GPU), legend)


def _now() -> list[Panel]:
    busy = limits(GREEN, (0.7, YELLOW), (0.9, RED))
    plain = limits(GREEN)
    return [
        figures("GPU utilization", "Share of time in which a kernel ran.", "ratio", _ask("utilization"), steps=busy),
        figures("GPU temperature", "Core temperature.", "celsius", _ask("temperature"), steps=_warm()),
        figures(
            *("GPU memory, used and total", "Device memory in use, and what there is.", "bytes"),
            *(_ask("memory_used", "GPU {{gpu}} used"), _ask("memory_total", "GPU {{gpu}} total")),
            steps=plain,
        ),
        figures(
            *("GPU power, draw and limit", "Power drawn now, and the limit in force.", "watts"),
            *(_ask("power", "GPU {{gpu}} draw"), _ask("power_limit", "GPU {{gpu}} limit")),
            steps=plain,
        ),
    ]


def _sums() -> list[Panel]:
    full = limits(GREEN, (0.8, YELLOW), (0.95, RED))
    capped = limits(GREEN, (0.9, YELLOW), (0.98, ORANGE))
    memory = share(gpu("memory_used", NODE_GPU), gpu("memory_total", NODE_GPU))
    power = share(gpu("power", NODE_GPU), gpu("power_limit", NODE_GPU))
    mean = Query(f"avg({gpu('temperature', NODE_GPU)})", "mean of the GPUs shown")
    total = Query(f"sum({gpu('power', NODE_GPU)})", "sum of the GPUs shown")
    return [
        bars("Memory in use", "Of each GPU's memory, the share in use.", "ratio", Query(memory), steps=full),
        bars("Power against its limit", "Power drawn, of the limit in force.", "ratio", Query(power), steps=capped),
        dial("Mean temperature", "Over the GPUs shown.", "celsius", mean, steps=_warm(), top=110),
        figures("Power, all GPUs", "Sum over the GPUs shown.", "watts", total, steps=limits(GREEN)),
    ]


def _warm() -> object:
    return limits(GREEN, (75, YELLOW), (HOT, RED))


def _trends() -> list[Panel]:
    energy = increase(gpu("energy", NODE_GPU))
    return [
        curves("GPU and memory utilization", "utilization", "memory_activity"),
        curves("GPU temperature", "temperature", "temperature_memory"),
        curves("Power", "power", "power_limit"),
        curves("Memory used", "memory_used"),
        curves("Tensor, SM and memory activity", "tensor_activity", "sm_activity", "dram_activity"),
        curves("Encoder, decoder, JPEG", "encoder", "decoder", "jpeg"),
        figures(
            *("Energy in the range shown", "By each board's own counter.", "joules", Query(energy)),
            steps=limits(GREEN),
            wide=24,
        ),
    ]


def _links() -> list[Panel]:
    return [
        curves("Clocks, SM and memory", "clock_sm", "clock_memory"),
        curves("PCIe throughput", "pcie_tx", "pcie_rx"),
        curves("NVLink throughput", "nvlink_tx", "nvlink_rx"),
        curves(
            *("Held back, share of time", "held_power_cap", "held_thermal", "held_hw_thermal"),
            *("held_sync_boost", "held_power_brake"),
        ),
        lines(
            *("Held back by, now", "1 while the driver names this reason for a lowered clock.", "count"),
            Query(narrowed("gpumon_gpu_clock_event", NODE_GPU), "GPU {{gpu}} {{event}}"),
        ),
        curves("PCIe link, generation and lanes", "pcie_gen", "pcie_width"),
    ]


def _health() -> list[Panel]:
    sound = limits(GREEN, (1, RED))
    return [
        figures(
            *("Uncorrected memory errors", "Since the driver was loaded.", "count", _ask("ecc_uncorrected")),
            steps=sound,
        ),
        figures(
            *("Row remapping", "1 where a remap waits for a reset, or has failed.", "count"),
            *(_ask("remap_pending", "GPU {{gpu}} pending"), _ask("remap_failure", "GPU {{gpu}} failed")),
            steps=sound,
        ),
        figures(
            *("What the driver asks for", "0 nothing, 1 GPU reset, 2 node reboot, 3 drain P2P, 4 drain and reset."),
            *("count", _ask("recovery_action")),
            steps=sound,
        ),
        curves("Degrees left until slowdown", "temperature_margin", wide=6),
        curves("PCIe and NVLink replays", "pcie_replay", "nvlink_replays", "nvlink_crc_errors"),
        curves("Fan", "fan"),
    ]


def _host() -> list[Panel]:
    return [
        host_curves("CPU", "cpu"),
        host_curves("Host memory", "memory_used", "memory_total"),
        host_curves("Disk", "disk_read", "disk_written"),
        host_curves("Network", "network_received", "network_sent"),
    ]


def _monitor() -> list[Panel]:
    fresh = limits(GREEN, (10, YELLOW), (60, RED))
    age = Query(narrowed("gpumon_sampler_age_seconds", NODE), "{{instance}}")
    duration = Query(narrowed("gpumon_sampler_duration_seconds", NODE), "{{instance}}")
    missed = Query(rate(narrowed("gpumon_sampler_missed_ticks_total", NODE)), "{{instance}}")
    errors = Query(narrowed("gpumon_sampler_errors_total", NODE), "{{code}}")
    return [
        figures("Age of the newest sample", "How old what you see is.", "seconds", age, steps=fresh),
        lines("Time to read all GPUs", "What one sample took.", "seconds", duration, wide=6),
        lines("Missed samples", "Samples that came too late to be on time.", "per second", missed, wide=6),
        rows(
            *("Driver errors", "How often each began, since the start.", errors),
            units=("count",),
            hide=("__name__", "job", "instance"),
            wide=6,
        ),
    ]
