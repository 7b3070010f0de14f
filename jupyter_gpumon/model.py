"""The words of jupyter-gpumon: what a device, a process, a sample and a cell are, and every message on every pipe.

A stream (pipe, socket, file) is a ``Hello`` and then ``Sample``s; a new ``Hello`` may come at any time and replaces the
one before (devices appeared, the driver stopped answering, …). All are tagged by ``type``. Unknown keys and unknown
types are ignored by whoever reads. ``time`` is Unix seconds and a label; ``mono`` is this boot's monotonic clock
(``time.monotonic()``) and is what deltas, windows and energy are computed on.
"""

from __future__ import annotations

from msgspec import Struct, field

from .findings import Action, Alert, Finding
from .links import Link
from .metrics import HOST_METRICS, METRICS, SERIES, Gpu, Host, Metric
from .rates import Rates

__all__ = [
    "HOST_METRICS", "METRICS", "REASONS", "SERIES", "WIRE_VERSION", "Cell", "CellDevice", "Columns", "Device", "Edge",
    "Energy", "Error", "Event", "Gpu", "Hello", "Host", "Metric", "PostCell", "Process", "Request", "Sample", "Status",
    "Subscribe",
]  # fmt: skip

WIRE_VERSION = 1
REASONS = ("unsupported", "permission", "mig", "lost", "asleep", "error", "not-yet")
"""Why a metric can be absent (``Device.absent``)."""


class Device(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What does not change while the driver stays loaded. The UUID is the identity; the index is for display."""

    uuid: str
    index: int
    name: str
    vendor: str = "nvidia"
    state: str = "ok"
    """``ok``, ``lost``, ``asleep``, ``error`` or ``gone``; a device that is not ok keeps its place, without values."""
    detail: str = ""
    """What is the matter, in words for the user; empty where ``state`` is ok."""
    absent: dict[str, str] = field(default_factory=dict)
    """Metric name → why it is not there (one of ``REASONS``)."""
    architecture: str | None = None
    compute_capability: str | None = None
    pci: str | None = None
    vbios: str | None = None
    cores: int | None = None
    memory_total: float | None = None
    power_limit_min: float | None = None
    power_limit_max: float | None = None
    power_limit_default: float | None = None
    temperature_slowdown: float | None = None
    """Core temperature in °C at which the clock is lowered."""
    temperature_shutdown: float | None = None
    temperature_memory_max: float | None = None
    clock_sm_max: float | None = None
    clock_memory_max: float | None = None
    pcie_gen_max: int | None = None
    pcie_width_max: int | None = None
    nvlinks: int | None = None
    ecc: bool | None = None
    persistence: bool | None = None
    compute_mode: str | None = None
    numa: int | None = None
    mig: bool | None = None
    """True where the board is split into MIG instances; None where it cannot be."""
    parent: str | None = None
    """UUID of the board, for a MIG instance."""
    instance: int | None = None
    """Position among the board's MIG instances (``gpu0:1`` has index 0 and instance 1)."""
    gpu_instance: int | None = None
    compute_instance: int | None = None
    slices: float | None = None
    """Share of the board's compute slices that this MIG instance has, 0 to 1."""
    sensor: Sensor | None = None
    topology: dict[str, str] = field(default_factory=dict)
    """UUID of another device → nearest common link: internal, single, multiple, hostbridge, node, system or nvlink."""

    @property
    def label(self) -> str:
        """``gpu0``, or ``gpu0:1`` for a MIG instance."""
        return f"gpu{self.index}" if self.instance is None else f"gpu{self.index}:{self.instance}"


class Sensor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a board measures what it draws: by a trial where ``checked``, else as its architecture is known for."""

    method: str = "counter"
    """What energy is taken from: ``counter``, ``instant``, ``average`` (readings of power) or ``none``."""
    period: float | None = None
    """Seconds between two updates of the energy counter."""
    jitter: float | None = None
    """Seconds by which they come early or late (standard deviation)."""
    delay: float | None = None
    """Seconds after which the counter shows what was drawn."""
    agreement: float | None = None
    """The counter's growth over the integral of power in the same time; 1 is perfect."""
    polled: float | None = None
    """The counter's growth while it is read at our rate over that while it is left alone; 1 is perfect."""
    update: float | None = None
    """Seconds between two updates of the power reading."""
    window: float | None = None
    """Seconds over which a power reading is averaged."""
    duty: float | None = None
    """Share of the time in which the sensor looks, 0 to 1; None where nobody knows."""
    provenance: str = ""
    """Where ``window`` and ``duty`` are from."""
    checked: float | None = None
    """Unix time of the trial; None where there was none yet."""
    reason: str = ""
    """Why the counter is not used although there is one, or why there was no trial."""


class Process(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process on one device; or, with ``pid`` None, the sum of ``count`` processes not shown one by one."""

    uuid: str
    pid: int | None = None
    count: int = 1
    kind: str = "compute"
    """``compute``, ``graphics`` or ``mps``."""
    memory: float | None = None
    utilization: float | None = None
    name: str | None = None
    started: float | None = None
    own: bool = False
    """True where it belongs to a kernel or terminal of this very server."""
    kernel: str | None = None
    notebook: str | None = None


class Edge(Struct, frozen=True, kw_only=True):
    """One update of an energy counter: at ``since`` it still had its old value, at ``mono`` it had ``joules``."""

    uuid: str
    since: float
    mono: float
    joules: float
    took: float = 0.0
    """Seconds up to ``mono`` in which the new value was answered: a later update may have come by ``mono``."""


class PowerRun(Struct, frozen=True, kw_only=True):
    """Readings of one device's power, finer than a sample: the driver's own buffer, or polled while measuring."""

    uuid: str
    kind: str
    """``instant``, ``average`` (over the sensor's window, which ends at the reading) or ``buffer`` (the driver's)."""
    monos: tuple[float, ...]
    """When each was taken, monotonic seconds, ascending."""
    watts: tuple[float, ...]


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened: ``kind`` is appeared, gone, lost, back, xid, gap, note, cell, sink, alert or policy."""

    kind: str
    time: float
    mono: float
    title: str
    detail: str = ""
    level: str = "info"
    """``info``, ``warning`` or ``critical``."""
    uuid: str | None = None
    code: int | None = None
    until: float | None = None
    """Unix time at which it ended, for what lasts (gap, cell, alert)."""
    alert: Alert | None = None
    """For ``alert``: the alert as it is now."""
    action: Action | None = None
    """For ``policy``: what a policy does, is about to do, or did not."""


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether there are numbers, and if not, what is the matter and what to do."""

    state: str = "live"
    """live, starting, no-library, no-driver, mismatch, permission, no-gpus, stalled, restarting or disconnected."""
    message: str = ""
    hint: str = ""
    since: float | None = None


class Columns(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """History by column. Every list is as long as ``time``; None where nothing is known.

    A gauge's column holds means over ``step`` seconds, a counter's the value at the end of each step. Times more than
    three steps apart are a gap. ``low`` and ``high`` have the same shape as ``gpus`` and are sent where asked for.
    """

    time: list[float]
    step: float
    gpus: dict[str, dict[str, list[float | None]]]
    host: dict[str, list[float | None]] = field(default_factory=dict)
    low: dict[str, dict[str, list[float | None]]] | None = None
    high: dict[str, dict[str, list[float | None]]] | None = None


class Hello(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="hello", tag_field="type"):
    """Who speaks, which devices there are, and whether they answer."""

    version: int = WIRE_VERSION
    software: str = ""
    """Version of jupyter-gpumon that speaks; a browser part of another version says so."""
    hostname: str = ""
    source: str = ""
    simulated: bool = False
    interval: float = 1.0
    boot_id: str = ""
    generation: int = 0
    driver: str | None = None
    nvml: str | None = None
    cuda: str | None = None
    pid_namespace: str = "host"
    """``host``, or ``foreign`` where the driver's pids are not this container's."""
    status: Status = field(default_factory=Status)
    devices: tuple[Device, ...] = ()
    host_absent: dict[str, str] = field(default_factory=dict)
    """Host metric → why it is not there, with what to do (RAPL rights)."""
    history: Columns | None = None
    events: tuple[Event, ...] = ()
    """What happened lately, oldest first, of what repeats only the last; sent together with ``history``."""
    user: str | None = None
    reach: float | None = None
    """Seconds of the past that ``samples`` can answer, where a store keeps more than memory does."""
    rates: Rates | None = None
    """What a kWh means in carbon and cost; None where no server says it, empty where it says that this is off."""


class Sample(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="sample", tag_field="type"):
    """One look at everything. ``gpus`` is empty in a sample that only carries edges or events."""

    time: float
    mono: float
    gpus: tuple[Gpu, ...] = ()
    host: Host | None = None
    processes: tuple[Process, ...] | None = None
    """None where this sample did not look; empty where nobody is there."""
    edges: tuple[Edge, ...] = ()
    powers: tuple[PowerRun, ...] = ()
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] | None = None
    """Each NVLink, in the sample after somebody asked for that."""
    missed: int = 0
    """Samples that were due since the one before and were left out because the driver or the machine was too slow."""
    took: float | None = None
    """Seconds that this look at the driver and the host took."""


class Energy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Energy of one device over one window. ``joules`` is None where only ``high`` can be said ("≤ x J").

    What the whole device took in the window is ``joules + others + unattributed``; without these two, it was alone.
    """

    joules: float | None = None
    """What the window is charged: all of the device's energy, or its share where others ran on it too."""
    low: float | None = None
    """``low`` to ``high`` holds the true value with a likelihood of 95 %."""
    high: float | None = None
    least: float | None = None
    """``least`` to ``most`` holds it for certain, as long as the device's power stays between its floor and ceiling."""
    most: float | None = None
    idle: float | None = None
    """Part of ``joules``: what the device would have drawn in this time without work. The rest is the net energy."""
    tail: float | None = None
    """Part of ``joules``: drawn after the code had returned, until the device had finished."""
    others: float | None = None
    """Beyond ``joules``: charged to what else ran on the device in this time."""
    unattributed: float | None = None
    """Beyond ``joules``: what nobody can be charged for."""
    method: str = "counter"
    """``counter`` (the board's energy counter), ``power`` (integral of power readings), ``rapl`` or ``estimate``."""
    final: bool = True
    """False while the counter's next update after the window is still to come."""
    warning: str = ""
    """What widens the interval or could hide an error: a sensor that looks at a part of the time, a lesser method."""

    @property
    def net(self) -> float | None:
        """What the work itself took: without the idle share; None where either is unknown."""
        return None if self.joules is None or self.idle is None else self.joules - self.idle


class CellDevice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device as a saved cell record names it: no UUID."""

    name: str
    """``gpu0``, or ``gpu0:1`` for a MIG instance."""
    model: str
    used: bool = True
    """Whether the kernel's process tree held a context on it; True for all where processes cannot be seen."""
    counter_period: float | None = None
    """Seconds between two updates of its energy counter, where that is known."""
    sensor: Sensor | None = None
    """How its energy is measured, and what a trial of that found."""


class Footprint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Carbon and cost of an energy. Every range is that of the energy, carried through."""

    joules: float | None = None
    """Energy it is worked out from, before ``pue``; None where only its upper bound is known."""
    estimate: bool = False
    """The energy is not measured but estimated."""
    pue: float = 1.0
    """Power usage effectiveness of the building, by which the energy was multiplied."""
    region: str = ""
    grams: float | None = None
    """CO₂-equivalents."""
    grams_low: float | None = None
    grams_high: float | None = None
    intensity: float | None = None
    """Grams of CO₂-equivalents per kWh; the mean where it changed within the window."""
    intensity_year: int | None = None
    """The year it is the mean of; None where it is live."""
    intensity_source: str = ""
    """Who says so, in a few words."""
    intensity_terms: str = ""
    """The same in full: source, licence; average or marginal, life cycle or direct."""
    cost: float | None = None
    cost_low: float | None = None
    cost_high: float | None = None
    currency: str = ""
    price: float | None = None
    """Money per kWh; the mean where it changed within the window."""
    price_source: str = ""
    """``flat``, ``by time of use``, or of how many prices it is the mean."""


class Repeats(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a cell cost that was run again and again (``%%gpumon --repeat``), per run of its code."""

    runs: int
    batch: int = 1
    """Runs per measured window: a short cell fills a window with several."""
    joules: tuple[float, ...] = ()
    """Energy per run, of each window in turn."""
    first: float | None = None
    """Energy of the first run where it is told apart: it compiles and fills caches, and is in no other number here."""
    seconds: float
    """Mean duration of a run."""
    mean: float | None = None
    deviation: float | None = None
    """Standard deviation between the windows."""
    low: float | None = None
    """``low`` to ``high`` holds the mean with a likelihood of 95 %."""
    high: float | None = None
    method: str = "counter"
    """As ``Energy.method``, of all windows."""


class Cell(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one cell (or one ``measure()`` block) cost. Keys of the inner dicts are device names and metric names."""

    version: int = 1
    id: str = ""
    title: str = ""
    count: int | None = None
    """The number in the notebook's ``[3]:``."""
    start: float
    end: float
    status: str = "ok"
    """``ok``, ``error``, ``interrupted`` or ``incomplete`` (its kernel died; closed by the server).

    To the server a kernel also says ``running`` of one that lasts, and ``discarded`` of one that is not measured after
    all; these are not kept."""
    final: bool = True
    simulated: bool = False
    devices: tuple[CellDevice, ...] = ()
    energy: dict[str, Energy] = field(default_factory=dict)
    host_energy: dict[str, Energy] = field(default_factory=dict)
    mean: dict[str, dict[str, float]] = field(default_factory=dict)
    peak: dict[str, dict[str, float]] = field(default_factory=dict)
    rise: dict[str, dict[str, float]] = field(default_factory=dict)
    """Peak over the window less the value at its start."""
    delta: dict[str, dict[str, float]] = field(default_factory=dict)
    """Growth of the counters: PCIe and NVLink bytes, seconds held back per reason, ECC errors, replays."""
    xids: tuple[int, ...] = ()
    shared: dict[str, int] = field(default_factory=dict)
    """Device name → how many processes of others were on it."""
    exclusive: dict[str, Energy] = field(default_factory=dict)
    """``energy`` without that of measurements nested in this one; empty where there were none. Of a nested one whose
    energy is not resolved, what the one round it is without: these parts add up to the outermost record's energy."""
    background: dict[str, Energy] = field(default_factory=dict)
    """What this kernel's processes drew after the window's end, before the next one began: work that outlived it."""
    within: tuple[str, ...] = ()
    """Ids of the measurements that this one was nested in, the outermost first."""
    attributes: dict[str, str | float | bool] = field(default_factory=dict)
    """What its maker said about it: ``gm.span("step", batch=32)``."""
    corunning: tuple[str, ...] = ()
    """Who else was charged in this time: ids of overlapping cells of this kernel, ``k2`` for another kernel."""
    counts: dict[str, float] = field(default_factory=dict)
    """What was counted by ``m.count(n, "token")``: unit → how many."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What ``%%gpumon --metric tokens=len(out)`` found when the code had ended: name → value."""
    trace: str | None = None
    """Chrome trace that ``%%gpumon --profile`` has written: its path from the kernel's folder at the time."""
    repeats: Repeats | None = None
    """Where its code was run again and again; the rest of the record is of all runs, and the pauses between them."""
    footprint: Footprint | None = None
    """Carbon and cost of ``energy``, where a region or a price is set."""
    waited: float = 0.0
    """Seconds waited for the GPU to finish after the cell's code had returned; part of the window."""
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Advice on it, the gravest first, without evidence; devices go by their names."""
    notebook: str | None = None
    cell_id: str | None = None
    kernel_id: str | None = None

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.end - self.start


class Error(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="error", tag_field="type"):
    """What was wrong with a message, and what to do."""

    message: str
    hint: str = ""


class Subscribe(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="subscribe", tag_field="type"):
    """What a client wants: always a part of what the server has. None means all of it."""

    devices: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    processes: bool = True
    host: bool = True
    every: float | None = None
    edges: bool = False
    measuring: bool = False
    """From a kernel: watch the energy counters finely until it is turned off or the socket closes."""
    patient: bool = False
    """Edges may wait for the next sample: while a cell computes, every message takes time from it."""


class PostCell(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="cell", tag_field="type"):
    """From a kernel: this cell is done (or, with ``final`` False, drawn and still to be completed)."""

    cell: Cell


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="request", tag_field="type"):
    """To the agent, on its standard input: None leaves a setting as it is."""

    interval: float | None = None
    measuring: bool | None = None
    patient: bool | None = None
    """Edges may wait for the next sample."""
    trial: bool | None = None
    """True: try the sensors of every board now, whatever is known of them."""
    processes: bool | None = None
    links: bool | None = None
    """True: look at each NVLink once, with the next sample."""
    tiers: dict[str, float] | None = None
