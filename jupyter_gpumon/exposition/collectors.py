"""Which of DCGM's fields are exported, under which type and with which help: dcgm-exporter's own CSV says it.

A line is ``FIELD, type, help``; what begins with # is a comment. A field of type ``label`` is added to all series.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from ..dcgm import DCGM, Field
from ..errors import ExporterError

log = logging.getLogger("jupyter_gpumon")

TYPES = ("gauge", "counter", "label")
XID, XIDS, EVENTS, HEALTH, P2P = (
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_EXP_XID_ERRORS_COUNT",
    "DCGM_EXP_CLOCK_EVENTS_COUNT",
    "DCGM_EXP_GPU_HEALTH_STATUS",
    "DCGM_EXP_P2P_STATUS",
)
OWN = frozenset({XID, XIDS, EVENTS, HEALTH, P2P})
"""What has to be followed through the stream, or judged: not a field that is read."""

_NAMES = {
    "DCGM_FI_": {1: "DRIVER_VERSION", 2: "NVML_VERSION"},
    "DCGM_FI_DEV_": {
        50: "NAME", 52: "NVML_INDEX", 54: "UUID", 57: "PCI_BUSID", 66: "PERSISTENCE_MODE", 67: "MIG_MODE",
        85: "VBIOS_VERSION", 90: "BAR1_TOTAL", 92: "BAR1_USED", 93: "BAR1_FREE",
        100: "SM_CLOCK", 101: "MEM_CLOCK", 102: "VIDEO_CLOCK", 112: "CLOCK_THROTTLE_REASONS",
        113: "MAX_SM_CLOCK", 114: "MAX_MEM_CLOCK", 140: "MEMORY_TEMP", 150: "GPU_TEMP", 151: "MEM_MAX_OP_TEMP",
        153: "GPU_TEMP_LIMIT", 155: "POWER_USAGE", 156: "TOTAL_ENERGY_CONSUMPTION", 157: "POWER_USAGE_INSTANT",
        158: "SLOWDOWN_TEMP", 159: "SHUTDOWN_TEMP", 160: "POWER_MGMT_LIMIT", 161: "POWER_MGMT_LIMIT_MIN",
        162: "POWER_MGMT_LIMIT_MAX", 163: "POWER_MGMT_LIMIT_DEF", 164: "ENFORCED_POWER_LIMIT", 190: "PSTATE",
        191: "FAN_SPEED", 200: "PCIE_TX_THROUGHPUT", 201: "PCIE_RX_THROUGHPUT", 202: "PCIE_REPLAY_COUNTER",
        203: "GPU_UTIL", 204: "MEM_COPY_UTIL", 206: "ENC_UTIL", 207: "DEC_UTIL", 240: "POWER_VIOLATION",
        241: "THERMAL_VIOLATION", 242: "SYNC_BOOST_VIOLATION", 250: "FB_TOTAL", 251: "FB_FREE", 252: "FB_USED",
        253: "FB_RESERVED", 254: "FB_USED_PERCENT", 300: "ECC_CURRENT", 310: "ECC_SBE_VOL_TOTAL",
        311: "ECC_DBE_VOL_TOTAL", 312: "ECC_SBE_AGG_TOTAL", 313: "ECC_DBE_AGG_TOTAL", 392: "RETIRED_PENDING",
        393: "UNCORRECTABLE_REMAPPED_ROWS", 394: "CORRECTABLE_REMAPPED_ROWS", 395: "ROW_REMAP_FAILURE",
        396: "ROW_REMAP_PENDING", 449: "NVLINK_BANDWIDTH_TOTAL", 526: "VGPU_LICENSE_STATUS",
    },
    "DCGM_FI_PROF_": {
        1001: "GR_ENGINE_ACTIVE", 1002: "SM_ACTIVE", 1003: "SM_OCCUPANCY", 1004: "PIPE_TENSOR_ACTIVE",
        1005: "DRAM_ACTIVE", 1006: "PIPE_FP64_ACTIVE", 1007: "PIPE_FP32_ACTIVE", 1008: "PIPE_FP16_ACTIVE",
        1009: "PCIE_TX_BYTES", 1010: "PCIE_RX_BYTES", 1011: "NVLINK_TX_BYTES", 1012: "NVLINK_RX_BYTES",
    },
}  # fmt: skip
"""How dcgm-exporter's files call the fields, by DCGM's ids."""


def _by_name() -> Mapping[str, Field]:
    fields = {field.id: field for field in DCGM}
    found = {prefix + name: fields[n] for prefix, names in _NAMES.items() for n, name in names.items()}
    return found | {"DCGM_FI_DEV_CLOCKS_EVENT_REASONS": fields[112]}


FIELDS: Mapping[str, Field] = _by_name()
"""dcgm-exporter's name → the field."""


class Collector(Struct, frozen=True, kw_only=True):
    """One line of the file."""

    name: str
    kind: str
    help: str


_DEFAULT = """
DCGM_FI_DEV_SM_CLOCK, gauge, Clock of the streaming multiprocessors (in MHz).
DCGM_FI_DEV_MEM_CLOCK, gauge, Clock of the device memory (in MHz).
DCGM_FI_DEV_MEMORY_TEMP, gauge, Temperature of the device memory (in C).
DCGM_FI_DEV_GPU_TEMP, gauge, Core temperature (in C).
DCGM_FI_DEV_POWER_USAGE, gauge, Power draw (in W).
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION, counter, Energy used since the driver was loaded (in mJ).
DCGM_FI_DEV_PCIE_REPLAY_COUNTER, counter, Packets sent again over PCIe.
DCGM_FI_DEV_GPU_UTIL, gauge, Share of time in which a kernel ran (in %).
DCGM_FI_DEV_MEM_COPY_UTIL, gauge, Share of time in which device memory was read or written (in %).
DCGM_FI_DEV_ENC_UTIL, gauge, Video encoder utilization (in %).
DCGM_FI_DEV_DEC_UTIL, gauge, Video decoder utilization (in %).
DCGM_FI_DEV_XID_ERRORS, gauge, Number of the last XID error of the last 5 minutes; 0 where there was none.
DCGM_FI_DEV_FB_FREE, gauge, Device memory that can be allocated (in MiB).
DCGM_FI_DEV_FB_USED, gauge, Device memory in use (in MiB).
DCGM_FI_DEV_FB_RESERVED, gauge, Device memory that the driver keeps (in MiB).
# A rate, which DCGM's own file nevertheless calls a counter.
DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL, counter, Payload over all NVLinks, both ways (in MB/s).
DCGM_FI_DEV_VGPU_LICENSE_STATUS, gauge, 1 where the vGPU is licensed; 0 where it is not.
DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS, counter, Memory rows remapped after uncorrectable errors.
DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS, counter, Memory rows remapped after correctable errors.
DCGM_FI_DEV_ROW_REMAP_FAILURE, gauge, 1 where a memory row could not be remapped.
DCGM_FI_PROF_GR_ENGINE_ACTIVE, gauge, Share of time the graphics or compute engine was active.
DCGM_FI_PROF_PIPE_TENSOR_ACTIVE, gauge, Share of cycles in which a tensor pipe was active.
DCGM_FI_PROF_DRAM_ACTIVE, gauge, Share of cycles in which the memory interface was active.
DCGM_FI_PROF_PCIE_TX_BYTES, gauge, Sent over PCIe, protocol included (in bytes per second).
DCGM_FI_PROF_PCIE_RX_BYTES, gauge, Received over PCIe, protocol included (in bytes per second).
DCGM_FI_DRIVER_VERSION, label, Version of the driver.
# In that file these are comments.
DCGM_EXP_CLOCK_EVENTS_COUNT, gauge, Samples of the last 5 minutes in which this held the clock back.
DCGM_EXP_XID_ERRORS_COUNT, gauge, XID errors of the last 5 minutes.
DCGM_EXP_GPU_HEALTH_STATUS, gauge, 0 well, 10 with a warning, 20 failed.
DCGM_EXP_P2P_STATUS, gauge, 0 where two GPUs are peers over NVLink, else why not.
"""


def chosen(path: Path | None) -> tuple[Collector, ...]:
    """The collectors of a file, or dcgm-exporter's default ones; fields that stay empty are said in the log.

    Raises:
        ExporterError: as for ``read``.
    """
    found = DEFAULT if path is None else read(path)
    empty = [] if path is None else unknown(found)
    if empty:
        log.warning(
            "gpumon: %s: the driver does not tell these without DCGM, they stay empty: %s", path, ", ".join(empty)
        )
    return found


def read(path: Path) -> tuple[Collector, ...]:
    """The collectors of a file.

    Raises:
        ExporterError: it cannot be read, or a line is none; the text says which.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise ExporterError(f"{path} is not a collectors file: {e}") from e
    return tuple(parsed(lines, str(path)))


def parsed(lines: Iterable[str], where: str) -> Iterable[Collector]:
    """The collectors of these lines.

    Raises:
        ExporterError: a line is none.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, kind, said = (part.strip() for part in f"{line},,".split(",", 2))
        if not name.startswith("DCGM_") or kind not in TYPES:
            raise ExporterError(
                f"{where}, line {number}: {line.strip()!r} is not of the form FIELD, type, help. "
                f"Types: {', '.join(TYPES)}."
            )
        yield Collector(name=name, kind=kind, help=said.rstrip(", "))


def unknown(collectors: Iterable[Collector]) -> list[str]:
    """Fields that the driver does not tell without DCGM: they stay empty."""
    return [each.name for each in collectors if each.name not in FIELDS and each.name not in OWN]


DEFAULT = tuple(parsed(_DEFAULT.splitlines(), "default"))
"""The fields that dcgm-exporter's own default file enables, and its four DCGM_EXP."""
