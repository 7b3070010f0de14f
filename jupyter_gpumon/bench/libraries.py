"""The array libraries that a benchmark computes with: NumPy on the CPU, PyTorch or CuPy on a GPU."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, NamedTuple, Protocol

from ..errors import RunError

LIBRARIES = ("torch", "cupy")
"""Those that compute on a GPU, the first choice first."""


class Operands(NamedTuple):
    """What is computed with: two square matrices and their product; an array and its copy."""

    left: Any
    right: Any
    product: Any
    source: Any
    copy: Any


class Library(Protocol):
    """An array library on one device."""

    name: str
    """As it is imported, with its version."""
    device: str
    """What it computes on, as the library names it."""
    uuid: str | None
    """The GPU's as NVML writes it; None where the library does not tell it, or it is none."""

    def operands(self, size: int, copied: int) -> Operands:
        """Random single-precision matrices of ``size`` rows, and an array of ``copied`` bytes."""

    def matmul(self, operands: Operands) -> None:
        """Begin the product."""

    def copy(self, operands: Operands) -> None:
        """Begin the copy."""

    def finish(self) -> None:
        """Wait until all that was begun is done."""


class Namespace:
    """NumPy, or whatever has its functions: CuPy."""

    def __init__(
        self, module: Any, name: str, device: str = "CPU", uuid: str | None = None, finish: Any = None
    ) -> None:
        self._module, self._finish = module, finish
        self.name, self.device, self.uuid = name, device, uuid

    def operands(self, size: int, copied: int) -> Operands:
        """Random single-precision matrices of ``size`` rows, and an array of ``copied`` bytes."""
        xp = self._module
        left, right = (xp.asarray(xp.random.rand(size, size), dtype=xp.float32) for _ in range(2))
        source = xp.ones(copied // 4, dtype=xp.float32)
        return Operands(left, right, xp.empty_like(left), source, xp.zeros_like(source))

    def matmul(self, operands: Operands) -> None:
        """Begin the product."""
        self._module.matmul(operands.left, operands.right, out=operands.product)

    def copy(self, operands: Operands) -> None:
        """Begin the copy."""
        operands.copy[...] = operands.source

    def finish(self) -> None:
        """Wait until all that was begun is done."""
        if self._finish is not None:
            self._finish()


class Torch:
    """PyTorch on a CUDA device."""

    def __init__(self, torch: Any, index: int) -> None:
        self._torch, self._device = torch, torch.device("cuda", index)
        properties = torch.cuda.get_device_properties(index)
        self.name, self.device = f"torch {torch.__version__}", str(properties.name)
        known = getattr(properties, "uuid", None)
        self.uuid = None if known is None else f"GPU-{known}"

    def operands(self, size: int, copied: int) -> Operands:
        """Random single-precision matrices of ``size`` rows, and an array of ``copied`` bytes."""
        torch, device = self._torch, self._device
        left, right = (torch.rand(size, size, device=device) for _ in range(2))
        source = torch.ones(copied // 4, device=device)
        return Operands(left, right, torch.empty_like(left), source, torch.zeros_like(source))

    def matmul(self, operands: Operands) -> None:
        """Begin the product."""
        self._torch.matmul(operands.left, operands.right, out=operands.product)

    def copy(self, operands: Operands) -> None:
        """Begin the copy."""
        operands.copy.copy_(operands.source)

    def finish(self) -> None:
        """Wait until all that was begun is done."""
        self._torch.cuda.synchronize(self._device)


def on_cpu() -> Library:
    """NumPy.

    Raises:
        RunError: it is not installed.
    """
    try:
        import numpy as np
    except ImportError:
        raise RunError("A benchmark needs NumPy for its baseline: pip install numpy") from None
    return Namespace(np, f"numpy {np.__version__}")


def on_gpu(wanted: str = "auto", index: int = 0) -> tuple[Library | None, str]:
    """A library that computes on this GPU, or why there is none.

    Args:
        wanted: ``torch``, ``cupy``, or ``auto`` for the first of them that has the GPU.
        index: as CUDA counts.

    Raises:
        RunError: there is no library of that name, or it is not installed.
    """
    if wanted not in ("auto", *LIBRARIES):
        raise RunError(f"A benchmark computes with {' or '.join(LIBRARIES)}, or auto; not {wanted!r}.")
    names = [name for name in (LIBRARIES if wanted == "auto" else (wanted,)) if importlib.util.find_spec(name)]
    if not names and wanted != "auto":
        raise RunError(f"{wanted} is not installed here.")
    reasons = []
    for name in names:
        found, reason = _OPENERS[name](index)
        if found is not None:
            return found, ""
        reasons.append(reason)
    return None, " ".join(reasons) or "Neither PyTorch nor CuPy is installed, and one is needed to compute on a GPU."


def _torch(index: int) -> tuple[Library | None, str]:
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as e:
        return None, f"PyTorch cannot be imported: {e}."
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return (Torch(torch, index), "") if index < count else (None, _absent("PyTorch", index, count))


def _cupy(index: int) -> tuple[Library | None, str]:
    try:
        cupy = importlib.import_module("cupy")
    except (ImportError, OSError) as e:
        return None, f"CuPy cannot be imported: {e}."
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as e:
        return None, f"CuPy sees no GPU: {e}."
    if index >= count:
        return None, _absent("CuPy", index, count)
    device = cupy.cuda.Device(index)
    device.use()
    about = cupy.cuda.runtime.getDeviceProperties(index)
    name = about["name"].decode()
    return Namespace(cupy, f"cupy {cupy.__version__}", name, _uuid(about.get("uuid")), device.synchronize), ""


def _absent(name: str, index: int, count: int) -> str:
    return f"{name} sees no GPU." if not count else f"{name} sees {count} GPUs, and there is no number {index}."


def _uuid(raw: object) -> str | None:
    import uuid

    return f"GPU-{uuid.UUID(bytes=raw[:16])}" if isinstance(raw, bytes) and len(raw) >= 16 else None


_OPENERS = {"torch": _torch, "cupy": _cupy}
