"""Links, topology and MIG in words: for the terminal and for the notebook."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from html import escape

from ..links import DeviceLinks, Links, MigBoard, MigInstance, NvlinkState, PcieState
from ..units import quantity
from .tables import Row, as_html, as_text, filled

EMPTY = "There is no GPU to look at. gpumon doctor says why."
NO_MIG = "None of these GPUs can be split (MIG)."
_PCIE = ("GPU", "model", "PCIe", "can do", "sent", "received", "replays", "corrected", "fatal")
_NVLINK = ("link", "state", "version", "peer", "can do", "sent", "received", "replays", "recoveries", "CRC", "errors")
LEGEND = (
    "NV18: so many NVLinks · PIX, PXB: one, several PCIe switches · PHB: host bridge · NODE: same, SYS: other socket"
)


def text(links: Links) -> str:
    """PCIe of each GPU, its NVLinks one by one, and which link each pair shares."""
    if not links.devices:
        return EMPTY
    parts = [as_text(_PCIE, [_pcie_row(each) for each in links.devices], words=2)]
    for device in links.devices:
        parts.append(_headline(device))
        if device.nvlinks:
            parts[-1] += "\n" + as_text(*_nvlinks(device), words=4)
    return "\n\n".join([*parts, *([topology(links)] if len(links.devices) > 1 else [])])


def html(links: Links) -> str:
    """The same as static HTML; single links unfold."""
    if not links.devices:
        return f"<div>{EMPTY}</div>"
    page = as_html(_PCIE, [_pcie_row(each) for each in links.devices], words=2)
    page += "".join(_unfolding(device) for device in links.devices)
    return page + (topology_html(links) if len(links.devices) > 1 else "")


def _unfolding(device: DeviceLinks) -> str:
    head = escape(_headline(device))
    if not device.nvlinks:
        return f"<div>{head}</div>"
    return f"<details><summary>{head}</summary>{as_html(*_nvlinks(device), words=4)}</details>"


def _headline(device: DeviceLinks) -> str:
    if device.nvlinks_total is None or (device.nvlinks_up is None and device.note):
        return f"{device.label}: {device.note}"
    up = "?" if device.nvlinks_up is None else device.nvlinks_up
    return f"{device.label}: {up} of {device.nvlinks_total} NVLinks up. {device.note}".strip()


def _pcie_row(device: DeviceLinks) -> Row:
    pcie = device.pcie
    return (
        device.label, device.name, pcie_words(pcie), quantity(pcie.speed, "bytes", rate=True),
        quantity(pcie.tx, "bytes", rate=True), quantity(pcie.rx, "bytes", rate=True),
        *(quantity(value, "count") for value in (pcie.replays, pcie.errors, pcie.fatal_errors)),
    )  # fmt: skip


def pcie_words(pcie: PcieState) -> str:
    """``5 × 16``; ``1 × 16 (of 5 × 16)`` where it runs below what it can."""
    now, most = _shape(pcie.gen, pcie.width), _shape(pcie.gen_max, pcie.width_max)
    return now if now == most else f"{now} (of {most})"


def _shape(gen: int | None, width: int | None) -> str:
    return "—" if gen is None or width is None else f"{gen} × {width}"


def _nvlinks(device: DeviceLinks) -> tuple[Row, list[Row]]:
    """Without the columns in which no link says anything: counters of other generations."""
    return filled(_NVLINK, [_nvlink_row(each) for each in device.nvlinks], kept=7)


def _nvlink_row(link: NvlinkState) -> Row:
    speeds = (quantity(value, "bytes", rate=True) for value in (link.speed, link.tx, link.rx))
    counts = (link.replays, link.recoveries, link.crc_errors, link.errors)
    return (
        str(link.link), link.state, link.version or "—", link.peer or "—", *speeds,
        *(quantity(value, "count") for value in counts),
    )  # fmt: skip


def topology(links: Links) -> str:
    """The matrix, as ``nvidia-smi topo -m`` writes it."""
    return as_text(*_matrix(links), words=1) + f"\n{LEGEND}"


def topology_html(links: Links) -> str:
    """The same as static HTML."""
    return as_html(*_matrix(links), words=1) + f"<div>{escape(LEGEND)}</div>"


def _matrix(links: Links) -> tuple[Row, list[Row]]:
    labels, rows = links.topology.labels, links.topology.rows
    return ("", *labels), [(label, *(code or "—" for code in row)) for label, row in zip(labels, rows, strict=True)]


def mig(links: Links) -> str:
    """Boards, their GPU instances and compute instances, and who is on each."""
    return "\n".join(line for board in links.mig for line in _board(board)) or NO_MIG


def mig_html(links: Links) -> str:
    """The same as static HTML."""
    return f"<pre>{escape(mig(links))}</pre>"


def _board(board: MigBoard) -> Iterator[str]:
    yield f"{board.label} {board.name}" + ("" if board.split else ": not split")
    if board.split and not board.instances:
        yield "  split, without any instance"
    before: int | None = None
    for each in board.instances:
        if each.gpu_instance != before or before is None:
            before = each.gpu_instance
            yield f"  GPU instance {'—' if before is None else before}"
        yield f"    {_instance(each)}"


def _instance(each: MigInstance) -> str:
    number = "—" if each.compute_instance is None else each.compute_instance
    share = "" if each.slices is None else f"{Fraction(each.slices).limit_denominator(8)} of the slices"
    memory = f"{quantity(each.memory_used, 'bytes')} of {quantity(each.memory_total, 'bytes')}"
    who = ", ".join(each.processes) or "nobody on it"
    parts = [f"compute instance {number}", each.label, each.profile, share, memory, who]
    return " · ".join(part for part in parts if part)
