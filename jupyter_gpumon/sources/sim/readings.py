"""What a simulated board answers, in the words of the metric catalogue."""

from __future__ import annotations

from ...links import Link
from .boards import GIB, Board

GONE_IN_MIG = frozenset(
    {
        "utilization", "memory_activity", "encoder", "decoder", "jpeg", "ofa", "memory_used", "memory_free",
        "remapped_correctable", "remapped_uncorrectable", "remap_pending", "remap_failure",
        "sm_activity", "sm_occupancy", "tensor_activity", "dram_activity", "fp64_activity", "fp32_activity",
        "fp16_activity", "graphics_activity", "nvlink_active", "nvlink_tx", "nvlink_rx",
        "nvlink_errors", "nvlink_recovery_failures", "nvlink_ber",
    }
)  # fmt: skip
"""What a board that is split no longer says."""

KEPT_IN_MIG = frozenset(
    {
        "memory_total", "memory_used", "memory_free", "memory_reserved", "bar1_used", "bar1_total", "sm_activity",
        "sm_occupancy", "tensor_activity", "dram_activity", "fp64_activity", "fp32_activity", "fp16_activity",
        "graphics_activity", "uptime",
    }
)  # fmt: skip
"""What an instance says."""


def of_board(board: Board, *, mig: bool) -> dict[str, object]:
    """Every metric of the board by name; without those that go when it is split."""
    values = _engine(board) | _electric(board) | _memory(board, 1.0) | _links(board) | _activity(board, 1.0)
    values |= _health(board)
    return {name: value for name, value in values.items() if not (mig and name in GONE_IN_MIG)}


def of_instance(board: Board, slices: float, memory: float) -> dict[str, object]:
    """Every metric that one instance with these shares says."""
    # The smaller the instance, the busier it looks with the same kind of work.
    values = _memory(board, memory) | _activity(board, 1.0 + 0.2 * (1 - slices))
    return values | {"uptime": float(round(board.mono - board.loaded))}


def _engine(board: Board) -> dict[str, object]:
    model, busy = board.model, board.busy
    return {
        "utilization": round(busy, 2),
        "memory_activity": round(0.55 * busy, 2),
        "encoder": 0.0,
        "decoder": 0.0,
        "jpeg": 0.0,
        "ofa": 0.0,
        "clock_sm": round(model.clock_sm * board.clock, -6),
        "clock_graphics": round(model.clock_sm * board.clock, -6),
        "clock_video": round(0.85 * model.clock_sm * board.clock, -6),
        "clock_memory": model.clock_memory,
        "performance_state": 0.0,
        "clock_events": _held_by(board),
    }


def _held_by(board: Board) -> tuple[str, ...]:
    if board.load.busy < 0.005:
        return ("idle",)
    return ("power_cap",) * board.capped + ("thermal",) * board.hot


def _electric(board: Board) -> dict[str, object]:
    model, counters = board.model, board.counters
    return {
        "power": round(board.power, 3),
        "power_average": round(board.power_average, 3),
        "power_limit": model.power_limit,
        "energy": board.published,
        "temperature": float(round(board.temperature)),
        "temperature_margin": float(round(model.slowdown - board.temperature)),
        "temperature_memory": float(round(board.temperature + 8)),
        "held_power_cap": round(counters.held_power_cap, 6),
        "held_sync_boost": 0.0,
        "held_thermal": round(counters.held_thermal, 6),
        "held_hw_thermal": 0.0,
        "held_power_brake": 0.0,
    }


def _memory(board: Board, share: float) -> dict[str, object]:
    total = board.model.memory * share
    reserved = float(round(0.0042 * total))
    used = float(round(min(board.load.memory * total, total - reserved)))
    return {
        "memory_total": total,
        "memory_used": used,
        "memory_reserved": reserved,
        "memory_free": total - reserved - used,
        "bar1_total": 256 * GIB * share,
        "bar1_used": 6e6 * share,
    }


def _links(board: Board) -> dict[str, object]:
    model, counters = board.model, board.counters
    return {
        "pcie_tx": float(round(counters.pcie_tx)),
        "pcie_rx": float(round(counters.pcie_rx)),
        "pcie_gen": float(model.pcie_gen if board.load.busy else 1),
        "pcie_width": 16.0,
        "pcie_replay": 0.0,
        "pcie_errors": 0.0,
        "pcie_fatal_errors": 0.0,
        "nvlink_tx": float(round(counters.nvlink)),
        "nvlink_rx": float(round(counters.nvlink)),
        "nvlink_active": float(model.nvlinks),
        "nvlink_crc_errors": 0.0,
        "nvlink_replays": 0.0,
        "nvlink_recoveries": 0.0,
        "nvlink_errors": 0.0,
        "nvlink_recovery_failures": 0.0,
        "nvlink_ber": 1e-15,
        "fabric_state": 3.0,
        "fabric_health": 1.0,
    }


def of_link(uuid: str, board: Board, link: int) -> Link:
    """One NVLink, which carries its share of what all of them do."""
    moved = float(board.counters.nvlink // board.model.nvlinks)
    return Link(
        uuid=uuid, link=link, state="up", version="4.0", speed=26.562e9, peer="switch", tx=moved, rx=moved,
        replays=0.0, recoveries=0.0, crc_errors=0.0,
    )  # fmt: skip


def _activity(board: Board, factor: float) -> dict[str, object]:
    busy = min(1.0, board.busy * factor)
    return {
        "graphics_activity": round(busy, 3),
        "sm_activity": round(0.87 * busy, 3),
        "sm_occupancy": round(0.34 * busy, 3),
        "tensor_activity": round(0.46 * busy, 3),
        "dram_activity": round(0.41 * busy, 3),
        "fp64_activity": 0.0,
        "fp32_activity": round(0.11 * busy, 3),
        "fp16_activity": round(0.07 * busy, 3),
    }


def _health(board: Board) -> dict[str, object]:
    corrected, uncorrected = float(board.counters.ecc_corrected), float(board.counters.ecc_uncorrected)
    return {
        "ecc_corrected": corrected,
        "ecc_uncorrected": uncorrected,
        "ecc_corrected_lifetime": corrected + 3,
        "ecc_uncorrected_lifetime": uncorrected,
        "remapped_correctable": 0.0,
        "remapped_uncorrectable": uncorrected,
        "remap_pending": uncorrected,
        "remap_failure": 0.0,
        "retired_pages": 0.0,
        "retired_double_bit": 0.0,
        "retired_double_bit_week": 0.0,
        "retired_pending": 0.0,
        "sram_threshold": 0.0,
        "unrepairable_memory": 0.0,
        "inforom_valid": 1.0,
        "recovery_action": uncorrected,
        "uptime": float(round(board.mono - board.loaded)),
    }
