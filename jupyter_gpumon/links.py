"""The words of links: PCIe and NVLink of each GPU, which link each pair shares, and how boards are split.

``Link`` is what the agent says of one NVLink when it is asked; the others are made of it and of samples (``Links``).
"""

from __future__ import annotations

from msgspec import Struct


class Link(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One NVLink of one GPU at one moment. What is not known is None."""

    uuid: str
    link: int
    """Its number on this GPU, from 0."""
    state: str | None = None
    """``up``, ``down`` or ``asleep``."""
    version: str | None = None
    """``4.0``."""
    speed: float | None = None
    """Bytes per second and direction that it can do."""
    peer: str = ""
    """``gpu``, ``switch``, ``cpu``; empty where that is not known."""
    pci: str | None = None
    """PCI address at the other end."""
    tx: float | None = None
    """Payload bytes sent, a counter."""
    rx: float | None = None
    replays: float | None = None
    recoveries: float | None = None
    crc_errors: float | None = None
    errors: float | None = None
    """Packets with errors (NVLink 5)."""


class PcieState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The PCIe link of a GPU."""

    gen: int | None = None
    """Generation it runs at now; it drops when idle."""
    gen_max: int | None = None
    width: int | None = None
    width_max: int | None = None
    speed: float | None = None
    """Bytes per second and direction that it can do at its best: generation and width of card and slot."""
    tx: float | None = None
    """Bytes per second that the GPU sends now."""
    rx: float | None = None
    replays: float | None = None
    errors: float | None = None
    """Corrected errors."""
    fatal_errors: float | None = None


class NvlinkState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One NVLink, with rates."""

    link: int
    state: str = "unknown"
    version: str | None = None
    speed: float | None = None
    """Bytes per second and direction that it can do."""
    peer: str = ""
    """``gpu3``, ``switch``, ``cpu``; empty where that is not known."""
    tx: float | None = None
    """Bytes per second that are sent; None before the second look."""
    rx: float | None = None
    replays: float | None = None
    recoveries: float | None = None
    crc_errors: float | None = None
    errors: float | None = None


class DeviceLinks(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The links of one GPU."""

    uuid: str
    label: str
    name: str
    pcie: PcieState
    nvlinks: tuple[NvlinkState, ...] = ()
    nvlinks_up: int | None = None
    nvlinks_total: int | None = None
    note: str = ""
    """Why nothing is known of its NVLinks one by one."""


class Topology(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which link each pair of GPUs shares at best, as ``nvidia-smi topo -m`` writes it."""

    labels: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """``X`` itself, ``NV18`` so many NVLinks, ``PIX PXB PHB NODE SYS`` ever farther over PCIe; empty: not known."""


class MigInstance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A compute instance."""

    uuid: str
    label: str
    profile: str = ""
    """``1g.18gb``; empty where the driver does not say."""
    gpu_instance: int | None = None
    compute_instance: int | None = None
    slices: float | None = None
    """Share of the board's compute slices, 0 to 1."""
    memory_total: float | None = None
    memory_used: float | None = None
    processes: tuple[str, ...] = ()
    """Notebooks, names or pids, as far as they may be known."""


class MigBoard(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A board that can be split."""

    uuid: str
    label: str
    name: str
    split: bool
    instances: tuple[MigInstance, ...] = ()
    """By GPU instance, then compute instance."""


class Links(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it (``gpumon/api/links``)."""

    time: float = 0.0
    devices: tuple[DeviceLinks, ...] = ()
    topology: Topology = Topology()
    mig: tuple[MigBoard, ...] = ()
