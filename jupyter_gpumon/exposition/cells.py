"""What measured cells took, counted for good: of all of them together, or by notebook where that is asked for."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator

from ..energy.sums import placed
from ..model import Cell, Device, Energy, Hello
from .families import Families, Labels
from .names import gpu_labels

OTHER = "other"
"""The notebook of cells whose own would be one too many."""
NONE = "none"
"""The notebook of cells that are of none: a console's, a script's."""
REMEMBERED = 5000
"""Ids of records that are remembered, so that none is counted twice."""


class CellCounters:
    """Counters over the records that kernels post.

    Args:
        most: notebooks that are told apart; 0 tells none apart, and says no names.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str | None, str], None] = OrderedDict()
        self._notebooks: set[str] = set()
        self._joules: defaultdict[tuple[str, str], float] = defaultdict(float)
        """(notebook, device name) → joules."""
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._cells: Counter[tuple[str, str]] = Counter()
        """(notebook, status) → how many."""

    def post(self, cell: Cell) -> None:
        """Take a record. A draft is not counted: a counter never takes back what it said."""
        key = cell.kernel_id, cell.id
        with self._lock:
            if not cell.final or key in self._seen:
                return
            self._seen[key] = None
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            notebook = self._named(cell.notebook or NONE)
            self._cells[notebook, cell.status] += 1
            self._seconds[notebook] += cell.duration
            for name, joules in _charged(cell):
                self._joules[notebook, name] += joules

    def _named(self, notebook: str) -> str:
        if not self.most:
            return ""
        if notebook not in self._notebooks and len(self._notebooks) >= self.most:
            return OTHER
        self._notebooks.add(notebook)
        return notebook

    def collect(self, found: Families, hello: Hello) -> None:
        """Add them to a page."""
        devices = {device.label: device for device in hello.devices}
        with self._lock:
            joules, seconds, cells = dict(self._joules), dict(self._seconds), dict(self._cells)
        energy = found.counter("gpumon_cell_energy_joules", "Energy charged to measured cells.", "joules")
        for (notebook, name), amount in joules.items():
            energy.add(_labels(notebook, devices.get(name), name, hello), amount)
        duration = found.counter("gpumon_cell_duration_seconds", "Time that measured cells took.", "seconds")
        for notebook, amount in seconds.items():
            duration.add(_labels(notebook, None, None, hello), amount)
        count = found.counter("gpumon_cells", "Measured cells by how they ended.")
        for (notebook, status), number in cells.items():
            count.add(_labels(notebook, None, None, hello).plus(status=status), number)


def _labels(notebook: str, device: Device | None, name: str | None, hello: Hello) -> Labels:
    if device is not None:
        return gpu_labels(device, hello).plus(notebook=notebook or None)
    return Labels(gpu=name and name.removeprefix("gpu"), hostname=hello.hostname, notebook=notebook or None)


def _charged(cell: Cell) -> Iterator[tuple[str, float]]:
    """(device name, joules) of what was measured on the devices that the cell used; nested cells say their own."""
    energies: dict[str, Energy] = {**cell.energy, **cell.exclusive}
    for device in cell.devices:
        energy = placed(energies.get(device.name, Energy()))
        if device.used and energy.joules is not None and energy.method != "estimate":
            yield device.name, energy.joules
