"""What advice is given on: a stretch of time with its samples by column, the cells in it, and what else is known."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from ...model import Cell, Columns, Device, Process


class Allocator(Struct, frozen=True, kw_only=True):
    """What a framework's own allocator says of one device (``torch.cuda.memory_stats``), in bytes."""

    allocated: float
    """Held by tensors."""
    reserved: float
    """Taken from the device: what is allocated, and what is kept for later."""
    split: float = 0.0
    """Free parts of blocks of which another part is in use: they go back to the device with those only."""
    peak: float = 0.0
    """Most that tensors have held."""
    retries: int = 0
    """How often memory was given back and asked for again because none was left."""

    @property
    def unused(self) -> float:
        """Share of what is reserved that no tensor holds, 0 to 1."""
        return 1 - self.allocated / self.reserved if self.reserved > 0 else 0.0


class Stretch(Struct, frozen=True, kw_only=True):
    """A stretch of time. What is not known is left out, and the rules that need it are silent."""

    start: float
    """Unix time."""
    end: float
    devices: tuple[Device, ...] = ()
    columns: Columns | None = None
    """The samples, by the devices' UUIDs; those of other times are not looked at."""
    cell: Cell | None = None
    """The cell or run that it is about, where it is about one."""
    cells: tuple[Cell, ...] = ()
    """Records of cells up to its end, oldest first; also earlier ones, for what only many of them show."""
    processes: tuple[Process, ...] | None = None
    """Who is on the devices; None where that cannot be seen."""
    allocators: Mapping[str, Allocator] = field(default_factory=dict)
    """By the name of the device (``gpu0``)."""
    caches: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Name of a watched cache → hits and misses."""
    bench: Mapping[str, float] = field(default_factory=dict)
    """The metrics of this machine's last benchmark, ``matrix_gflops`` among them."""
    frameworks: tuple[str, ...] = ()
    """Those that are loaded (``torch``, ``tensorflow``, ``jax``, …): code is suggested for them."""

    @property
    def leaves(self) -> tuple[Device, ...]:
        """The devices that work is done on: instances in place of a board that is split."""
        split = {device.parent for device in self.devices if device.parent}
        return tuple(device for device in self.devices if device.uuid not in split)

    def used(self, device: Device) -> bool:
        """Whether the cell it is about counts this device; True where it is about none."""
        named = () if self.cell is None else self.cell.devices
        return next((found.used for found in named if found.name == device.label), not named)
