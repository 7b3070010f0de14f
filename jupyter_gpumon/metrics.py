"""The metric catalogue: every quantity of a GPU and of its host, with kind, unit, tier and one line of help.

JSON, ``schema.ts``, CSV headers, chart titles and the table in the docs are read off these two structs. Adding a metric
is one line here and one line in a backend. ``None`` means unknown; why is in ``Device.absent``.

Units are base units: seconds, bytes, watts, joules, celsius, hertz, ratio (0 to 1), count. A counter only grows, until
the driver is loaded again.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_type_hints

from msgspec import Meta, Struct

Kind = Literal["gauge", "counter"]
Tier = Literal["fast", "normal", "slow", "rare"]
Number = float | None

CLOCK_EVENTS = (
    "idle", "power_cap", "hw_slowdown", "sync_boost", "thermal", "hw_thermal", "power_brake", "display", "board_limit",
    "reliability", "app_clocks",
)
"""What can hold a clock back (``Gpu.clock_events``)."""


def _metric(kind: Kind, unit: str, tier: Tier, title: str, help: str) -> Meta:
    return Meta(title=title, description=help, extra={"kind": kind, "unit": unit, "tier": tier})


def _gauge(unit: str, tier: Tier, title: str, help: str) -> Meta:
    return _metric("gauge", unit, tier, title, help)


def _counter(unit: str, tier: Tier, title: str, help: str) -> Meta:
    return _metric("counter", unit, tier, title, help)


class Gpu(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one GPU (or MIG instance) said at one moment. Every field but ``uuid`` is None where it is not known."""

    uuid: str

    utilization: Annotated[Number, _gauge("ratio", "fast", "Busy", "Share of the driver's last window in which at least one kernel ran.")] = None
    memory_activity: Annotated[Number, _gauge("ratio", "fast", "Memory busy", "Share of the driver's last window in which device memory was read or written.")] = None
    encoder: Annotated[Number, _gauge("ratio", "fast", "Encoder", "Video encoder utilization.")] = None
    decoder: Annotated[Number, _gauge("ratio", "fast", "Decoder", "Video decoder utilization.")] = None
    jpeg: Annotated[Number, _gauge("ratio", "fast", "JPEG", "JPEG decoder utilization.")] = None
    ofa: Annotated[Number, _gauge("ratio", "fast", "Optical flow", "Optical flow accelerator utilization.")] = None
    power: Annotated[Number, _gauge("watts", "fast", "Power", "Power draw as instantaneous as the board can tell.")] = None
    power_average: Annotated[Number, _gauge("watts", "slow", "Power, 1 s mean", "Power draw averaged by the driver over one second.")] = None
    temperature: Annotated[Number, _gauge("celsius", "fast", "Temperature", "Core temperature.")] = None
    temperature_margin: Annotated[Number, _gauge("celsius", "normal", "Thermal margin", "Degrees left until the core slows down.")] = None
    clock_sm: Annotated[Number, _gauge("hertz", "fast", "SM clock", "Clock of the streaming multiprocessors.")] = None
    clock_memory: Annotated[Number, _gauge("hertz", "fast", "Memory clock", "Clock of the device memory.")] = None
    clock_graphics: Annotated[Number, _gauge("hertz", "fast", "Graphics clock", "Clock of the graphics domain.")] = None
    clock_video: Annotated[Number, _gauge("hertz", "fast", "Video clock", "Clock of the video engines.")] = None
    performance_state: Annotated[Number, _gauge("count", "fast", "P-state", "Performance state, 0 (fastest) to 15.")] = None
    clock_events: Annotated[
        tuple[str, ...] | None,
        Meta(title="Held back by", description=f"Why the clock is not at its maximum now: {', '.join(CLOCK_EVENTS)}.", extra={"kind": "set", "unit": "", "tier": "fast"}),
    ] = None

    memory_total: Annotated[Number, _gauge("bytes", "normal", "Memory, total", "Device memory of the board or instance.")] = None
    memory_used: Annotated[Number, _gauge("bytes", "normal", "Memory", "Device memory allocated by processes; the driver's own reserve apart.")] = None
    memory_free: Annotated[Number, _gauge("bytes", "normal", "Memory, free", "Device memory that can still be allocated.")] = None
    memory_reserved: Annotated[Number, _gauge("bytes", "normal", "Memory, reserved", "Device memory kept by the driver and firmware.")] = None
    bar1_used: Annotated[Number, _gauge("bytes", "slow", "BAR1", "Mapped part of the BAR1 window.")] = None
    bar1_total: Annotated[Number, _gauge("bytes", "slow", "BAR1, total", "Size of the BAR1 window.")] = None
    energy: Annotated[Number, _counter("joules", "normal", "Energy", "Energy used since the driver was loaded, by the board's own counter.")] = None
    temperature_memory: Annotated[Number, _gauge("celsius", "normal", "Memory temperature", "Temperature of the device memory.")] = None
    fan: Annotated[Number, _gauge("ratio", "normal", "Fan", "Intended fan speed, the fastest of all fans; may exceed 1.")] = None
    pcie_tx: Annotated[Number, _counter("bytes", "normal", "PCIe sent", "Bytes sent by the GPU over PCIe, protocol overhead included.")] = None
    pcie_rx: Annotated[Number, _counter("bytes", "normal", "PCIe received", "Bytes received by the GPU over PCIe, protocol overhead included.")] = None
    nvlink_tx: Annotated[Number, _counter("bytes", "normal", "NVLink sent", "Payload bytes sent over all NVLinks.")] = None
    nvlink_rx: Annotated[Number, _counter("bytes", "normal", "NVLink received", "Payload bytes received over all NVLinks.")] = None
    held_power_cap: Annotated[Number, _counter("seconds", "normal", "Held by power cap", "Time the clock was lowered to stay under the power limit.")] = None
    held_sync_boost: Annotated[Number, _counter("seconds", "normal", "Held by sync boost", "Time the clock was lowered to match other GPUs.")] = None
    held_thermal: Annotated[Number, _counter("seconds", "normal", "Held by heat", "Time the clock was lowered by software thermal slowdown.")] = None
    held_hw_thermal: Annotated[Number, _counter("seconds", "normal", "Held by heat (hardware)", "Time the clock was lowered by hardware thermal slowdown.")] = None
    held_power_brake: Annotated[Number, _counter("seconds", "normal", "Held by power brake", "Time the clock was lowered by the external power brake.")] = None

    sm_activity: Annotated[Number, _gauge("ratio", "normal", "SM activity", "Mean share of multiprocessors with at least one warp resident (GPM, Hopper and later).")] = None
    sm_occupancy: Annotated[Number, _gauge("ratio", "normal", "SM occupancy", "Mean share of warp slots in use (GPM).")] = None
    tensor_activity: Annotated[Number, _gauge("ratio", "normal", "Tensor activity", "Share of cycles in which a tensor pipe was active (GPM).")] = None
    dram_activity: Annotated[Number, _gauge("ratio", "normal", "DRAM activity", "Share of the memory bandwidth in use (GPM).")] = None
    fp64_activity: Annotated[Number, _gauge("ratio", "normal", "FP64 activity", "Share of cycles in which the FP64 pipe was active (GPM).")] = None
    fp32_activity: Annotated[Number, _gauge("ratio", "normal", "FP32 activity", "Share of cycles in which the FP32 pipe was active (GPM).")] = None
    fp16_activity: Annotated[Number, _gauge("ratio", "normal", "FP16 activity", "Share of cycles in which the FP16 pipe was active (GPM).")] = None
    graphics_activity: Annotated[Number, _gauge("ratio", "normal", "Graphics activity", "Share of time the graphics or compute engine was active (GPM).")] = None

    power_limit: Annotated[Number, _gauge("watts", "slow", "Power limit", "Power limit in force.")] = None
    pcie_gen: Annotated[Number, _gauge("count", "slow", "PCIe generation", "Generation the link runs at now; it drops when idle.")] = None
    pcie_width: Annotated[Number, _gauge("count", "slow", "PCIe width", "Lanes the link uses now.")] = None
    pcie_replay: Annotated[Number, _counter("count", "slow", "PCIe replays", "Packets sent again over PCIe.")] = None
    pcie_errors: Annotated[Number, _counter("count", "slow", "PCIe errors, corrected", "Errors on PCIe that were corrected.")] = None
    pcie_fatal_errors: Annotated[Number, _counter("count", "slow", "PCIe errors, fatal", "Errors on PCIe after which the link was not reliable any more.")] = None
    nvlink_active: Annotated[Number, _gauge("count", "slow", "NVLinks up", "NVLinks that are active, or asleep to save power.")] = None
    nvlink_crc_errors: Annotated[Number, _counter("count", "slow", "NVLink CRC errors", "CRC errors over all NVLinks.")] = None
    nvlink_replays: Annotated[Number, _counter("count", "slow", "NVLink replays", "Replays over all NVLinks.")] = None
    nvlink_recoveries: Annotated[Number, _counter("count", "slow", "NVLink recoveries", "Link recoveries over all NVLinks.")] = None
    nvlink_errors: Annotated[Number, _counter("count", "slow", "NVLink errors", "Packets with errors over all NVLinks (NVLink 5).")] = None
    nvlink_recovery_failures: Annotated[Number, _counter("count", "slow", "NVLink recoveries, failed", "Recoveries after which a link was down (NVLink 5).")] = None
    nvlink_ber: Annotated[Number, _gauge("count", "slow", "NVLink bit error rate", "Effective bit error rate of the worst NVLink (NVLink 5).")] = None
    fabric_state: Annotated[Number, _gauge("count", "slow", "Fabric", "Registration with the NVSwitch fabric: 1 not started, 2 under way, 3 complete.")] = None
    fabric_health: Annotated[Number, _gauge("count", "slow", "Fabric health", "What the NVSwitch fabric says of this GPU: 1 healthy, 2 unhealthy, 3 with limits.")] = None
    ecc_corrected: Annotated[Number, _counter("count", "slow", "ECC corrected", "Corrected memory errors since the driver was loaded.")] = None
    ecc_uncorrected: Annotated[Number, _counter("count", "slow", "ECC uncorrected", "Uncorrected memory errors since the driver was loaded.")] = None
    ecc_corrected_lifetime: Annotated[Number, _counter("count", "slow", "ECC corrected, lifetime", "Corrected memory errors over the board's life.")] = None
    ecc_uncorrected_lifetime: Annotated[Number, _counter("count", "slow", "ECC uncorrected, lifetime", "Uncorrected memory errors over the board's life.")] = None
    remapped_correctable: Annotated[Number, _counter("count", "slow", "Rows remapped, correctable", "Memory rows remapped after correctable errors.")] = None
    remapped_uncorrectable: Annotated[Number, _counter("count", "slow", "Rows remapped, uncorrectable", "Memory rows remapped after uncorrectable errors.")] = None
    remap_pending: Annotated[Number, _gauge("count", "slow", "Remap pending", "1 where a row remap waits for a GPU reset.")] = None
    remap_failure: Annotated[Number, _gauge("count", "slow", "Remap failed", "1 where a row remap has failed: the board is due for exchange.")] = None
    retired_pages: Annotated[Number, _counter("count", "slow", "Retired pages", "Memory pages retired (before Ampere).")] = None
    retired_double_bit: Annotated[Number, _counter("count", "rare", "Retired pages, double-bit", "Memory pages retired for double-bit errors (before Ampere).")] = None
    retired_double_bit_week: Annotated[Number, _gauge("count", "rare", "Retired pages, this week", "Memory pages retired for double-bit errors within the last seven days (before Ampere).")] = None
    retired_pending: Annotated[Number, _gauge("count", "slow", "Retirement pending", "1 where a page retirement waits for a reboot.")] = None
    sram_threshold: Annotated[Number, _gauge("count", "slow", "SRAM threshold", "1 where uncorrectable errors of the on-chip memory have passed the board's threshold.")] = None
    unrepairable_memory: Annotated[Number, _gauge("count", "slow", "Memory beyond repair", "1 where memory has failed that cannot be repaired.")] = None
    inforom_valid: Annotated[Number, _gauge("count", "rare", "InfoROM", "1 where the checksums of the board's flash are right, 0 where it is corrupted.")] = None
    recovery_action: Annotated[Number, _gauge("count", "slow", "Recovery action", "What the driver asks for: 0 nothing, 1 GPU reset, 2 node reboot, 3 drain P2P, 4 drain and reset.")] = None
    vgpu_licensed: Annotated[Number, _gauge("count", "slow", "vGPU licensed", "1 where the vGPU software has a licence for this GPU, 0 where it has none; absent where it needs none.")] = None
    uptime: Annotated[Number, _gauge("seconds", "slow", "GPU uptime", "Time since the GPU was reset or the driver loaded.")] = None


class Host(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the machine (or the container this server runs in) said at one moment. None where not known."""

    cpu: Annotated[Number, _gauge("ratio", "normal", "CPU", "Busy share of the CPUs this server may use.")] = None
    cpu_count: Annotated[Number, _gauge("count", "normal", "CPUs", "CPUs this server may use, by affinity and cgroup quota.")] = None
    cpu_cores: Annotated[tuple[float, ...] | None, Meta(title="CPU per core", description="Busy share of each core of the machine.", extra={"kind": "list", "unit": "ratio", "tier": "normal"})] = None
    load: Annotated[Number, _gauge("count", "normal", "Load", "Load average over one minute.")] = None
    memory_used: Annotated[Number, _gauge("bytes", "normal", "Host memory", "Memory in use, file cache apart; the cgroup's where it has a limit.")] = None
    memory_total: Annotated[Number, _gauge("bytes", "normal", "Host memory, total", "Memory that may be used; the cgroup's limit where there is one.")] = None
    swap_used: Annotated[Number, _gauge("bytes", "normal", "Swap", "Swap in use.")] = None
    swap_total: Annotated[Number, _gauge("bytes", "normal", "Swap, total", "Swap configured.")] = None
    disk_read: Annotated[Number, _counter("bytes", "normal", "Disk read", "Bytes read from all disks.")] = None
    disk_written: Annotated[Number, _counter("bytes", "normal", "Disk written", "Bytes written to all disks.")] = None
    network_received: Annotated[Number, _counter("bytes", "normal", "Network received", "Bytes received on all interfaces but loopback.")] = None
    network_sent: Annotated[Number, _counter("bytes", "normal", "Network sent", "Bytes sent on all interfaces but loopback.")] = None
    cpu_energy: Annotated[Number, _counter("joules", "normal", "CPU energy", "Energy of the CPU packages, by RAPL.")] = None
    dram_energy: Annotated[Number, _counter("joules", "normal", "DRAM energy", "Energy of the host's memory, by RAPL.")] = None


class Metric(Struct, frozen=True, kw_only=True):
    """One line of the catalogue: ``kind`` is gauge, counter, set or list; ``tier`` is how often it is read."""

    name: str
    kind: str
    unit: str
    tier: str
    title: str
    help: str

    @property
    def column(self) -> str:
        """Its name where a name has to say the unit (SQL, CSV, Prometheus): ``power_watts``, ``utilization_ratio``.

        A count has no unit to say, and a unit that the name already ends in is not said twice.
        """
        plain = self.unit in ("", "count") or self.name.endswith(f"_{self.unit}")
        return self.name if plain else f"{self.name}_{self.unit}"


def _read_off(struct: type[Struct]) -> dict[str, Metric]:
    hints = get_type_hints(struct, include_extras=True)
    found: dict[str, Metric] = {}
    for name in struct.__struct_fields__:
        for meta in getattr(hints[name], "__metadata__", ()):
            found[name] = Metric(name=name, title=meta.title, help=meta.description, **meta.extra)
    return found


METRICS: dict[str, Metric] = _read_off(Gpu)
"""The metrics of a GPU by name, in the order in which they are shown."""

HOST_METRICS: dict[str, Metric] = _read_off(Host)
"""The metrics of the host by name."""

SERIES: frozenset[str] = frozenset(name for name, metric in METRICS.items() if metric.kind in ("gauge", "counter"))
"""Names of the GPU metrics that are single numbers, so that they can be kept as a history."""


def in_tiers(*tiers: str) -> frozenset[str]:
    """Names of the GPU metrics that are read in these tiers."""
    return frozenset(name for name, metric in METRICS.items() if metric.tier in tiers)
