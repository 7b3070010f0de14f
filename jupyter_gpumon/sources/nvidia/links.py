"""NVLinks one by one: asked for when somebody looks at them, not with every sample."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...links import Link
from .board import Board
from .driver import Absent, ask_named
from .table import pci_address

_STATES = {0: "down", 1: "up", 2: "asleep"}
_VERSIONS = {1: "1.0", 2: "2.0", 3: "2.2", 4: "3.0", 5: "3.1", 6: "4.0", 7: "5.0", 8: "6.0"}
"""nvml.h: NVML_NVLINK_VERSION_…"""
_PEERS = {0: "gpu", 1: "cpu", 2: "switch"}
"""nvml.h: NVML_NVLINK_DEVICE_TYPE_…"""
_SPEED, _STATE, _VERSION = 164, 165, 166
_KIB_TX, _KIB_RX, _BYTES_TX, _BYTES_RX = 138, 139, 202, 204
_REPLAYS, _RECOVERIES, _CRC, _ERRORS, _RECOVERED = 161, 162, 163, 208, 215
_FIELDS = (
    _SPEED, _STATE, _VERSION, _KIB_TX, _KIB_RX, _BYTES_TX, _BYTES_RX, _REPLAYS, _RECOVERIES, _CRC, _ERRORS, _RECOVERED,
)  # fmt: skip

Values = dict[int, Any]
"""Field id → value; None where this driver or link does not tell it."""


def links_of(board: Board) -> Iterable[Link]:
    """Each link; of a board that is split NVML says that all are down, which tells nothing."""
    count = 0 if board.device.mig or board.device.parent else board.access.links
    # A call per field: one that this driver does not know cannot spoil the others.
    read = {
        field: board.access.fields.fetch(board.access.handle, tuple((field, link) for link in range(count)))
        for field in (_FIELDS if count else ())
    }
    for link in range(count):
        yield _link(board, link, {field: _known(found[field, link]) for field, found in read.items()})


def _link(board: Board, link: int, values: Values) -> Link:
    peer, pci = (
        _known(ask_named(name, board.access.handle, link))
        for name in ("nvmlDeviceGetNvLinkRemoteDeviceType", "nvmlDeviceGetNvLinkRemotePciInfo")
    )
    recoveries = values[_RECOVERIES]
    return Link(
        uuid=board.uuid,
        link=link,
        state=_STATES.get(values[_STATE]),
        version=_VERSIONS.get(values[_VERSION]),
        speed=_scaled(values[_SPEED], 1e6) or None,
        peer=_PEERS.get(peer, ""),
        pci=None if pci is None else pci_address(pci),
        tx=_moved(values[_KIB_TX], values[_BYTES_TX]),
        rx=_moved(values[_KIB_RX], values[_BYTES_RX]),
        replays=_scaled(values[_REPLAYS], 1.0),
        recoveries=_scaled(values[_RECOVERED] if recoveries is None else recoveries, 1.0),
        crc_errors=_scaled(values[_CRC], 1.0),
        errors=_scaled(values[_ERRORS], 1.0),
    )


def _known(answer: Any) -> Any:
    return None if isinstance(answer, Absent) else answer


def _scaled(value: int | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _moved(kibibytes: int | None, count: int | None) -> float | None:
    return _scaled(count, 1.0) if kibibytes is None else _scaled(kibibytes, 1024.0)
