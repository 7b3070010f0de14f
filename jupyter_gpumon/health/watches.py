"""Every watch with its checks, the gravest first. Thresholds are DCGM's; what to do is ours."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..units import duration
from .check import Board, Check, Unreadable

REPLAYS = {1: 0.15, 2: 0.30, 3: 0.48, 4: 0.96, 5: 1.92, 6: 3.84}
"""PCIe generation → replays per lane and minute that are no matter."""
PAGES = 63
"""Retired pages from which on a board has failed."""
DOUBLE_BIT_PAGES = 15
"""Pages retired for double-bit errors up to which it is no matter how fast they came."""
ROWS = 512
"""Rows remapped after uncorrectable errors from which on there is a warning."""
CRC = 100 * 60
"""NVLink CRC errors a minute from which on a link has failed: 100 a second."""
BIT_ERRORS = 1e-12
"""Effective bit error rate above which an NVLink 5 has failed."""


class Watch(NamedTuple):
    """A part of the board that is watched."""

    name: str
    title: str
    dcgm: str
    """DCGM's name; empty where it has no such watch."""
    checks: tuple[Check, ...]


RESET = (
    "Stop every program on this GPU.",
    "Administrator: reset it (nvidia-smi --gpu-reset -i INDEX), or restart the machine.",
)
EXCHANGE = ("Take the board out of use and have it exchanged: gpumon record keeps the evidence for its vendor.",)
SLOT = ("Look at slot, riser and cable of this board; reseat it.", "Compare with its neighbours: gpumon links")
COOLING = (
    "Look at fans, air flow and inlet temperature of the machine.",
    "Until then lower the power limit (nvidia-smi -pl WATTS), or spread the load over several GPUs.",
)
BRIDGE = ("Look at which links it is: gpumon links", "Have bridge, baseboard or NVSwitch checked if it comes again.")


def _above(limit: float) -> Any:
    return lambda value, _: value > limit


def _among(*values: int) -> Any:
    return lambda value, _: value in values


def _said(words: str) -> Any:
    return lambda value, _: words.format(value)


def _time(words: str) -> Any:
    return lambda value, _: words.format(duration(value))


def _too_many_replays(value: float, board: Board) -> bool | None:
    limit = _replays(board)
    return None if limit is None else value > limit


def _replays(board: Board) -> int | None:
    """Replays a minute that are no matter on this link, as it runs now."""
    rate, lanes = REPLAYS.get(int(board.gpu.pcie_gen or 0)), board.gpu.pcie_width
    return None if rate is None or lanes is None else math.ceil(rate * lanes)


PCIE = Watch("pcie", "PCIe", "PCIE", (
    Check(id="health-pcie-fatal", title="PCIe reported fatal errors", level="critical", metric="pcie_fatal_errors",
          grown=True, bad=_above(0), said=_said("{:g} fatal errors within the last minute."), cause="pcie",
          code="PCI_REPLAY_RATE", steps=SLOT),
    Check(id="health-pcie-replays", title="PCIe repeats packets too often", metric="pcie_replay", grown=True,
          bad=_too_many_replays, cause="pcie", code="PCI_REPLAY_RATE", steps=SLOT,
          said=lambda value, board: f"{value:g} replays within the last minute; up to {_replays(board)} are no matter "
                                    f"for generation {board.gpu.pcie_gen:g} × {board.gpu.pcie_width:g}."),
))  # fmt: skip


def _goes_on(pages: float, board: Board) -> bool | None:
    """Many pages are retired for double-bit errors, and more than one of them of late."""
    week = board.gpu.retired_double_bit_week
    return None if week is None else pages > DOUBLE_BIT_PAGES and week > 1


MEMORY = Watch("memory", "Memory", "MEM", (
    Check(id="health-ecc", title="Memory had uncorrectable errors", level="critical", metric="ecc_uncorrected",
          bad=_above(0), said=_said("{:g} since the driver was loaded."), cause="memory", code="VOLATILE_DBE_DETECTED",
          steps=("Repeat what was computed on this GPU since: it may be wrong.", *RESET)),
    Check(id="health-remap-failure", title="A memory row could not be remapped", level="critical",
          metric="remap_failure", bad=_above(0), said=_said("No spare row was left for it."), cause="memory",
          code="ROW_REMAP_FAILURE", steps=EXCHANGE),
    Check(id="health-unrepairable", title="Memory is beyond repair", level="critical", metric="unrepairable_memory",
          bad=_above(0), said=_said("The driver says that memory of this board cannot be repaired."), cause="memory",
          code="UNREPAIRABLE_MEMORY", steps=EXCHANGE),
    Check(id="health-pages", title="Too many memory pages are retired", level="critical", metric="retired_pages",
          bad=_above(PAGES - 1), said=_said(f"{{:g}}; a board has failed from {PAGES} on."), cause="memory",
          code="RETIRED_PAGES_LIMIT", steps=EXCHANGE),
    Check(id="health-pages-double-bit", title="Memory pages go on failing", level="critical",
          metric="retired_double_bit", bad=_goes_on, cause="memory", code="RETIRED_PAGES_DBE_LIMIT", steps=EXCHANGE,
          said=lambda value, board: f"{value:g} retired for double-bit errors, "
                                    f"{board.gpu.retired_double_bit_week:g} of them within the last week."),
    Check(id="health-sram", title="On-chip memory had too many errors", metric="sram_threshold", bad=_above(0),
          said=_said("Uncorrectable SRAM errors have passed the board's own threshold."), cause="memory",
          code="SRAM_THRESHOLD", steps=("Have the board tested with its vendor's field diagnostics.", *EXCHANGE)),
    Check(id="health-remap-pending", title="A memory row waits to be remapped", metric="remap_pending", bad=_above(0),
          said=_said("The spare row is in use after the next reset."), cause="memory", code="PENDING_ROW_REMAP",
          steps=RESET),
    Check(id="health-pages-pending", title="A memory page waits to be retired", metric="retired_pending",
          bad=_above(0), said=_said("It is retired at the next restart of the driver."), cause="memory",
          code="PENDING_PAGE_RETIREMENTS", steps=RESET),
    Check(id="health-remapped", title="Many memory rows are remapped", metric="remapped_uncorrectable",
          bad=_above(ROWS - 1), said=_said(f"{{:g}} after uncorrectable errors; {ROWS} are many."), cause="memory",
          code="UNCORRECTABLE_ROW_REMAP", steps=("Plan for the exchange of this board.",)),
))  # fmt: skip

INFOROM = Watch("inforom", "InfoROM", "INFOROM", (
    Check(id="health-inforom", title="InfoROM is corrupted", metric="inforom_valid", bad=_among(0),
          said=_said("The checksums of the board's flash are wrong."), code="CORRUPT_INFOROM",
          steps=("Have the InfoROM flashed anew, or the board exchanged: its vendor does that.",)),
))  # fmt: skip

THERMAL = Watch("thermal", "Temperature", "THERMAL", (
    Check(id="health-thermal-hardware", title="Heat made the hardware slow down", metric="held_hw_thermal", grown=True,
          bad=_above(0), said=_time("{} of the last minute."), cause="heat", code="CLOCK_THROTTLE_THERMAL",
          steps=COOLING),
    Check(id="health-thermal", title="Heat made the driver lower the clock", metric="held_thermal", grown=True,
          bad=_above(0), said=_time("{} of the last minute."), cause="heat", code="CLOCK_THROTTLE_THERMAL",
          steps=COOLING),
    Check(id="health-thermal-now", title="Heat lowers the clock", metric="clock_events", cause="heat", steps=COOLING,
          bad=lambda events, _: bool({"thermal", "hw_thermal"} & set(events)), code="CLOCK_THROTTLE_THERMAL",
          said=lambda _, board: "Now, at its limit." if board.gpu.temperature is None
                                else f"Now, at {board.gpu.temperature:.0f} °C."),
))  # fmt: skip

POWER = Watch("power", "Power", "POWER", (
    Check(id="health-power-brake", title="The power brake slowed it down", metric="held_power_brake", grown=True,
          bad=_above(0), said=_time("{} of the last minute, by order of the power supply."), cause="power",
          code="CLOCK_THROTTLE_POWER", steps=("Look at power supply and power cables of the machine.",)),
    Check(id="health-power-brake-now", title="The power brake slows it down", metric="clock_events", cause="power",
          bad=lambda events, _: "power_brake" in events, said=_said("Now, by order of the power supply."),
          code="CLOCK_THROTTLE_POWER", steps=("Look at power supply and power cables of the machine.",)),
    Unreadable(id="health-power-unreadable", title="Power cannot be read any more", metric="power", bad=_above(0),
               said=_said("The driver answers with an error."), code="POWER_UNREADABLE",
               steps=("Look into the kernel log: dmesg | grep -i nvrm",)),
))  # fmt: skip

CLOCKS = Watch("clocks", "Clocks", "", (
    Check(id="health-hw-slowdown", title="The hardware has cut its clock", metric="clock_events", cause="heat",
          bad=lambda events, _: "hw_slowdown" in events, code="CLOCK_THROTTLE_THERMAL",
          said=_said("By half or more, because of heat, of too much current, or of the power supply."),
          steps=("See the watches of temperature and power.", *COOLING)),
))  # fmt: skip


def _links_down(active: float, board: Board) -> bool | None:
    """Fewer links are up than there are. A card without a bridge has none up, which is no fault."""
    links = None if board.device.mig else board.device.nvlinks
    if not links:
        return None
    connected = "nvlink" in board.device.topology.values() or board.gpu.fabric_state is not None
    return active < links and bool(active or connected)


NVLINK = Watch("nvlink", "NVLink", "NVLINK", (
    Check(id="health-nvlink-down", title="An NVLink is down", level="critical", metric="nvlink_active", cause="nvlink",
          bad=_links_down, code="NVLINK_DOWN", steps=BRIDGE,
          said=lambda active, board: f"{active:g} of {board.device.nvlinks} are up."),
    Check(id="health-nvlink-replays", title="An NVLink had to send again", level="critical", metric="nvlink_replays",
          grown=True, bad=_above(0), said=_said("{:g} replays within the last minute."), cause="nvlink",
          code="NVLINK_ERROR_CRITICAL", steps=BRIDGE),
    Check(id="health-nvlink-crc-many", title="An NVLink has many errors", level="critical", metric="nvlink_crc_errors",
          grown=True, bad=_above(CRC - 1), said=_said("{:g} CRC errors within the last minute."), cause="nvlink",
          code="NVLINK_CRC_ERROR_THRESHOLD", steps=BRIDGE),
    Check(id="health-nvlink-recoveries", title="An NVLink had to recover", level="critical", grown=True,
          metric="nvlink_recoveries", cause="nvlink", said=_said("{:g} recoveries within the last minute."),
          bad=lambda value, board: value > 0 and board.gpu.nvlink_errors is None, code="NVLINK_ERROR_CRITICAL",
          steps=BRIDGE),
    Check(id="health-nvlink-errors", title="An NVLink has errors", level="critical", metric="nvlink_errors", grown=True,
          bad=_above(0), said=_said("{:g} packets with errors within the last minute."), cause="nvlink",
          code="NVLINK_ERROR_CRITICAL", steps=BRIDGE),
    Check(id="health-nvlink-recovery-failed", title="An NVLink could not recover", level="critical", grown=True,
          metric="nvlink_recovery_failures", bad=_above(0), said=_said("{:g} times within the last minute."),
          cause="nvlink", code="NVLINK_ERROR_CRITICAL", steps=BRIDGE),
    Check(id="health-nvlink-ber", title="An NVLink has too many bit errors", level="critical", metric="nvlink_ber",
          bad=_above(BIT_ERRORS), said=_said(f"{{:.1e}} of all bits; up to {BIT_ERRORS:g} is no matter."),
          cause="nvlink", code="NVLINK_EFFECTIVE_BER_THRESHOLD", steps=BRIDGE),
    Check(id="health-fabric", title="The NVSwitch fabric is not started", level="critical", metric="fabric_state",
          bad=_among(1), said=_said("This GPU is not registered: programs cannot use its NVLinks."), cause="nvlink",
          code="FABRIC_MANAGER_TRAINING_ERROR", steps=(
              "Administrator: look at the fabric manager (systemctl status nvidia-fabricmanager).",)),
    Check(id="health-fabric-unwell", title="The NVSwitch fabric calls this GPU unhealthy", level="critical",
          metric="fabric_health", bad=_among(2), said=_said("By the summary of its health mask."), cause="nvlink",
          code="FABRIC_PROBE_STATE", steps=BRIDGE),
    Check(id="health-nvlink-crc", title="An NVLink had errors", metric="nvlink_crc_errors", grown=True,
          bad=_above(0), said=_said("{:g} CRC errors within the last minute."), cause="nvlink",
          code="NVLINK_ERROR_THRESHOLD", steps=BRIDGE),
    Check(id="health-nvlink-recovered", title="An NVLink had to recover", grown=True, metric="nvlink_recoveries",
          cause="nvlink", said=_said("{:g} recoveries within the last minute."), code="NVLINK_ERROR_THRESHOLD",
          bad=lambda value, board: value > 0 and board.gpu.nvlink_errors is not None, steps=BRIDGE),
    Check(id="health-fabric-starting", title="The NVSwitch fabric is being set up", metric="fabric_state",
          bad=_among(2), said=_said("Registration is under way."), cause="nvlink", code="FABRIC_MANAGER_TRAINING_ERROR",
          steps=("Wait a minute; if it stays, look at the fabric manager.",)),
    Check(id="health-fabric-limited", title="The NVSwitch fabric runs with limits", metric="fabric_health",
          bad=_among(3), said=_said("By the summary of its health mask."), cause="nvlink", code="FABRIC_PROBE_STATE",
          steps=BRIDGE),
))  # fmt: skip

ACTIONS = {
    1: "a reset of the GPU", 2: "a restart of the machine", 3: "that peer-to-peer work is stopped",
    4: "that all work is stopped, and a reset of the GPU", 5: "that the IMEX domain is recovered",
    6: "a reset of the GPU's bus", 7: "a restart of the whole system",
}  # fmt: skip
"""Value of the recovery action → what the driver asks for."""


def _asked(action: float, board: Board) -> str:
    del board
    return f"The driver asks for {ACTIONS.get(int(action), f'recovery action {action:g}')}."


DRIVER = Watch("driver", "Driver", "DRIVER", (
    Check(id="health-recovery", title="The GPU needs recovery", level="critical", metric="recovery_action",
          bad=_among(1, 2, 4, 6, 7), said=_asked, cause="recovery", code="FIELD_VIOLATION",
          steps=("Stop every program on this GPU; what runs on it cannot be trusted.",
                 "Administrator: do what the driver asks for.")),
    Check(id="health-recovery-partly", title="The GPU needs recovery of its links", metric="recovery_action",
          bad=_among(3, 5), said=_asked, cause="recovery", code="FIELD_VIOLATION",
          steps=("Stop programs that use several GPUs at once.", "Administrator: do what the driver asks for.")),
))  # fmt: skip

WATCHES = (PCIE, MEMORY, INFOROM, THERMAL, POWER, CLOCKS, NVLINK, DRIVER)
"""In the order in which they are shown; XIDs come after them."""

RULES = tuple(check for watch in WATCHES for check in watch.checks)
"""All of them, for whoever runs rules."""
