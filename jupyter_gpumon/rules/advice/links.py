"""NVLink: what goes over it against what it could carry, and against the neighbours'."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from ...findings import Finding
from ...model import Device
from ...units import duration, quantity
from .board import Board, boards
from .code import code
from .pictures import picture
from .series import known
from .stretch import Stretch

PER_LINK = {"pascal": 20e9, "volta": 25e9, "turing": 25e9, "ampere": 25e9, "hopper": 25e9, "blackwell": 50e9}
"""Bytes per second of one link, each way, by architecture (data sheets: both ways of A100's twelve are 600 GB/s)."""
TALKING = 1e8
"""Mean bytes per second over all links from which on GPUs talk to one another."""
UNEVEN = 0.5
"""Share of its neighbours' traffic below which one GPU's is too little."""
WAITING, OF_PEAK = 0.35, 0.30
"""Multiprocessor activity, and share of the links' speed, below which a GPU that is "busy" waits for slow links."""
OVER_PCIE = 3e9
"""Bytes per second each way over PCIe that look like traffic between GPUs where NVLink carries none."""
SHORT = 10.0


def speed(device: Device) -> float | None:
    """Bytes per second that all of its links carry, each way; None where the architecture is not known."""
    one = PER_LINK.get(device.architecture or "")
    return one * device.nvlinks if one and device.nvlinks else None


def nvlink_low(stretch: Stretch) -> Iterator[Finding]:
    """Links that are down, carry less than their neighbours', or are gone round; GPUs that wait for them."""
    found = [board for board in boards(stretch) if board.device.nvlinks and board.seconds >= SHORT]
    for board in found:
        said = next(_troubles(board, found), None)
        if said is not None:
            yield _finding(stretch, board, *said)


def _troubles(board: Board, every: list[Board]) -> Iterator[tuple[str, float]]:
    """What is the matter, in words, and how sure that is."""
    rate, whole = _rate(board), speed(board.device)
    up, links = board.peak("nvlink_active"), board.device.nvlinks or 0
    if rate is None:
        return
    if up is not None and up < links and rate >= TALKING:
        yield f"{up:g} of {links} links are up", 0.95
    others = known([_rate(one) for one in every if one is not board])
    if len(others) >= 2 and min(others) >= TALKING and rate < UNEVEN * median(others):
        yield f"{_said(rate)} over NVLink, and its neighbours {_said(median(others))}", 0.7
    pcie = [board.mean("pcie_tx"), board.mean("pcie_rx")]
    peers = [one for one in every if board.device.topology.get(one.device.uuid) == "nvlink"]
    if rate < TALKING and peers and all((way or 0.0) >= OVER_PCIE for way in pcie):
        yield f"{_said(pcie[0] or 0.0)} leave it over PCIe, and hardly anything goes over its {links} NVLinks", 0.6
    busy, active = board.mean("utilization"), board.mean("sm_activity")
    waits = busy is not None and busy >= 0.8 and active is not None and active < WAITING
    if whole and waits and TALKING <= rate < OF_PEAK * whole:
        resting = f"while its multiprocessors were {(active or 0.0) * 100:.0f} % busy"
        yield f"{_said(rate)} of {_said(whole)} over NVLink, {resting}", 0.6


def _rate(board: Board) -> float | None:
    ways = known([board.mean("nvlink_tx"), board.mean("nvlink_rx")])
    return max(ways, default=None)


def _said(rate: float) -> str:
    return quantity(rate, "bytes", rate=True)


def _finding(stretch: Stretch, board: Board, said: str, sure: float) -> Finding:
    return Finding(
        rule="nvlink-low",
        title="NVLink carries less than it could",
        detail=f"{board.label}: {said}, in {duration(board.seconds)} of work.",
        steps=(
            "See which way is taken: NCCL_DEBUG=INFO, nvidia-smi topo -m, gpumon links",
            "Unset NCCL_P2P_DISABLE; in a container share memory (--ipc=host), and turn PCIe ACS off",
            "Send less at once and while computing: larger gradient buckets, accumulation; try NCCL_ALGO=Tree",
        ),
        uuid=board.device.uuid,
        cause="links",
        value=_rate(board),
        unit="bytes per second",
        evidence=(picture(board, "nvlink_tx", speed(board.device)), picture(board, "sm_activity")),
        confidence=sure,
        code=code("links", stretch),
    )
