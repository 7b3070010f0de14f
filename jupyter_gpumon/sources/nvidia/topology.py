"""Which link two GPUs share at best: asked for every pair, once for a set of boards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pynvml as nvml

from .board import Board
from .driver import Absent, ask

MOST = 16
"""Boards of which every pair is asked: 64 would take 4,032 calls."""

_LEVELS = {0: "internal", 10: "single", 20: "multiple", 30: "hostbridge", 40: "node", 50: "system"}


def links(boards: Sequence[Board], now: float) -> dict[str, dict[str, str]]:
    """UUID → UUID of another board → their nearest common link."""
    found: dict[str, dict[str, str]] = {board.uuid: {} for board in boards}
    for one, other in combinations(boards, 2) if len(boards) <= MOST else ():
        link = None
        with one.may_be_lost(now):
            link = _between(one, other)
        if link is not None:
            found[one.uuid][other.uuid] = found[other.uuid][one.uuid] = link
    return found


def _between(one: Board, other: Board) -> str | None:
    pair = (one.access.handle, other.access.handle)
    peers = ask(nvml.nvmlDeviceGetP2PStatus, *pair, nvml.NVML_P2P_CAPS_INDEX_NVLINK)
    if peers == nvml.NVML_P2P_STATUS_OK:
        return "nvlink"
    level = ask(nvml.nvmlDeviceGetTopologyCommonAncestor, *pair)
    return None if isinstance(level, Absent) else _LEVELS.get(level)
