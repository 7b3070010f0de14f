"""Out of device memory: what an exception says of it, and what was the case: who held what, and what would fit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from ...findings import Finding
from ...units import quantity
from .board import Board
from .code import code
from .memory import SPARE, size_of
from .pictures import picture
from .stretch import Allocator, Stretch

RULE = "out-of-memory"
_KINDS = {
    "OutOfMemoryError": "",
    "ResourceExhaustedError": "tensorflow",
    "XlaRuntimeError": "jax",
    "JaxRuntimeError": "jax",
}
"""Names of exceptions, and whose they are; of the first one, its module says it."""
_TEXTS = re.compile(
    r"CUDA(?: error)?:? out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED"
    r"|HIP out of memory|RESOURCE_EXHAUSTED|OOM when allocating",
    re.IGNORECASE,
)
_SIZE = r"([\d.,]+) ?([KMGT]?i?B|bytes?)"
_FACTORS = {"b": 1.0, "byte": 1.0, "bytes": 1.0} | {
    f"{prefix}{kind}": base**power
    for power, prefix in enumerate("kmgt", 1)
    for kind, base in (("ib", 1024.0), ("b", 1000.0))
}
_SAID = {
    "asked": (
        rf"[Tt]ried to allocate {_SIZE}", rf"[Tt]rying to allocate {_SIZE}", rf"[Oo]ut of memory allocating {_SIZE}",
    ),
    "total": (rf"total capacity of {_SIZE}", rf"; {_SIZE} total capacity"),
    "free": (rf"of which {_SIZE} is free", rf"; {_SIZE} free"),
    "allocated": (
        rf"memory {_SIZE} is allocated by PyTorch", rf"; {_SIZE} already allocated", rf"allocated so far: {_SIZE}",
    ),
    "reserved": (rf"; {_SIZE} reserved in total",),
    "unused": (rf"and {_SIZE} is reserved by PyTorch but unallocated",),
}  # fmt: skip
_SHAPE = re.compile(r"tensor with shape\s?\[([\d,]+)\] and type (\w+)")
_WIDTHS = {
    "double": 8,
    "int64": 8,
    "complex64": 8,
    "half": 2,
    "bfloat16": 2,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
_DEVICE = re.compile(r"GPU[: ](\d+)")


class Exhausted(Struct, frozen=True, kw_only=True):
    """What an exception says, in bytes; None where it does not."""

    framework: str = ""
    device: int | None = None
    """As the framework counts them."""
    asked: float | None = None
    total: float | None = None
    free: float | None = None
    allocated: float | None = None
    reserved: float | None = None

    @property
    def allocator(self) -> Allocator | None:
        """What it says of the framework's allocator."""
        if self.allocated is None:
            return None
        return Allocator(allocated=self.allocated, reserved=self.reserved or self.allocated)


def read(name: str, module: str, text: str) -> Exhausted | None:
    """What an exception of this name, module and text says; None where it is about something else."""
    found = {key: _size(patterns, text) for key, patterns in _SAID.items()}
    ours = name == "OutOfMemoryError" and module.split(".")[0] in ("torch", "cupy")
    if not ours and not (_TEXTS.search(text) or (name in _KINDS and found["asked"])):
        return None
    device = _DEVICE.search(text)
    unused = found.pop("unused")
    if unused is not None and found["allocated"] is not None:
        found["reserved"] = found["allocated"] + unused
    found["asked"] = found["asked"] or _of_shape(text)
    whose = _KINDS.get(name) or module.split(".")[0]
    return Exhausted(
        framework=whose if whose in ("torch", "cupy", "tensorflow", "jax") else "",
        device=int(device[1]) if device else None,
        **found,
    )


def _size(patterns: Iterable[str], text: str) -> float | None:
    match = next((m for pattern in patterns if (m := re.search(pattern, text))), None)
    if match is None:
        return None
    factor = _FACTORS.get(match[2].lower())
    number = match[1].rstrip(".,").replace(",", "")
    return float(number) * factor if factor and number.count(".") <= 1 and number.strip(".") else None


def _of_shape(text: str) -> float | None:
    """TensorFlow says the shape and the type of what was to be made."""
    match = _SHAPE.search(text)
    if match is None:
        return None
    return float(math.prod(int(size) for size in match[1].split(",") if size) * _WIDTHS.get(match[2], 4))


def explain(
    said: Exhausted, stretch: Stretch, holders: Mapping[str, float], own: float | None, before: float | None = None
) -> Finding:
    """What was the case, and what to do.

    Args:
        said: by the exception.
        stretch: the time up to it; its only device is the one that was full, as far as that is known.
        holders: who held how many bytes of it, the most first: ``this notebook``, another's name, ``others``.
        own: bytes that this kernel held; None where that is not known.
        before: bytes that this kernel held when the cell began: what does not shrink with its batch.
    """
    device = next(iter(stretch.leaves), None)
    board = None if device is None else Board(stretch, device)
    whole = said.total or (board.memory if board else None)
    others = sum(holders.values()) - (own or 0.0)
    share = fitting(said, whole, own, others, before or 0.0)
    size = next((found for cell in reversed(stretch.cells) if (found := size_of(cell))), None)
    parts = [
        _asked(said, whole),
        _held(holders),
        _allocator(said, stretch),
        _fits(share, size),
    ]
    evidence = () if board is None or not board.span else (picture(board, "memory_used", whole),)
    torn = None not in (said.asked, said.reserved) and _unused(said) >= (said.asked or 0.0)
    return Finding(
        rule=RULE,
        level="critical",
        title="Out of device memory",
        detail=" ".join(f"{part}." for part in parts if part),
        steps=tuple(_steps(share, torn=torn, crowded=others > 0.1 * (whole or math.inf))),
        uuid=device.uuid if device else None,
        cause="memory",
        value=said.asked,
        unit="bytes",
        evidence=evidence,
        confidence=0.9,
        code=code("fragments", stretch) if torn else code("fit", stretch, steps=_parts(share)),
    )


def _parts(share: float | None) -> int:
    """Into how many parts a batch is to be cut: a power of two."""
    return int(max(2, 2 ** math.ceil(-math.log2(share)))) if share else 2


def _unused(said: Exhausted) -> float:
    return (said.reserved or 0.0) - (said.allocated or 0.0)


def fitting(said: Exhausted, whole: float | None, own: float | None, others: float, before: float) -> float | None:
    """The share of what the cell wanted beyond what it began with that would have fitted, 0 to 1; None if unknown."""
    if not whole or own is None or said.asked is None:
        return None
    wanted, there = own + said.asked - before, SPARE * (whole - others) - before
    return max(0.0, min(1.0, there / wanted)) if wanted > 0 else None


def _asked(said: Exhausted, whole: float | None) -> str:
    asked = f"{quantity(said.asked, 'bytes')} were asked for" if said.asked is not None else "Memory was asked for"
    free = f", {quantity(said.free, 'bytes')} were free" if said.free is not None else ""
    of = f" of {quantity(whole, 'bytes')}" if whole else ""
    return f"{asked}{free}{of}"


def _held(holders: Mapping[str, float]) -> str:
    named = [f"{name} {quantity(size, 'bytes')}" for name, size in holders.items()]
    return f"Held: {', '.join(named)}" if named else ""


def _allocator(said: Exhausted, stretch: Stretch) -> str:
    held = next(iter(stretch.allocators.values()), None) or said.allocator
    if held is None:
        return ""
    torn = f", {quantity(held.split, 'bytes')} in torn blocks" if held.split else ""
    again = f"; it had given memory back {held.retries} times" if held.retries else ""
    unused = held.reserved - held.allocated
    return f"Of this notebook's memory {quantity(held.allocated, 'bytes')} is in arrays" + (
        f", {quantity(unused, 'bytes')} reserved without use{torn}{again}" if unused > 0 else again
    )


def _fits(share: float | None, batch: float | None) -> str:
    if share is None:
        return ""
    if share <= 0:
        return "Nothing of this size fits beside what is held: free that first"
    sized = f": a batch of {max(1, int(batch * share))}, not {batch:g}" if batch else ""
    return f"About {share * 100:.0f} % of what the cell wanted would fit{sized}"


def _steps(share: float | None, *, torn: bool, crowded: bool) -> Iterable[str]:
    if crowded:
        yield "Others hold much of this GPU: shut down notebooks that are done, or take another GPU"
    if torn:
        yield "As much is reserved without use as was asked for: let segments grow (expandable_segments)"
    yield (
        "Take a smaller batch"
        + (f", about {share * 100:.0f} % of it" if share and share < 1 else "")
        + (", and accumulate gradients over several")
    )
    yield "Compute in bfloat16 (autocast): activations take half"
    yield "Recompute activations in the backward pass (torch.utils.checkpoint), or move optimizer states to the CPU"
    yield "Free what earlier cells hold: del, gc.collect(), and the framework's own empty_cache()"
