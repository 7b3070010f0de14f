"""A run as evidence: what it logged, what it cost, and what the devices did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from ..experiments import Logged, Run
from ..model import Cell, Columns, Device
from ..rules.advice import advise
from ..runs.store import shared
from ..units import duration, quantity
from .advice import device, of_run, place, told
from .cells import footprint_of, stated
from .evidence import Evidence
from .findings import Finding, of_cells, ordered
from .notebook import accounts_of
from .tables import Row

_TROUBLE = {
    "partial": "The monitoring has gaps, or no end: the run's process may have died.",
    "failed": "There was no source of numbers.",
    "no_gpus_available": "There was no GPU.",
    "no_samples_collected": "The run was shorter than a sample.",
    "running": "The run has not ended yet.",
}


def evidence(run: Run, *, title: str = "", identify: bool = False) -> Evidence:
    """A run's.

    Args:
        run: as it was kept.
        title: of the report; the run's name by default.
        identify: name the machine, the repository and the notebook.
    """
    cells = [] if run.cell is None else [run.cell]
    return Evidence(
        title=title or run.name,
        origin=f"A run of {duration(run.duration)}, {run.outcome}.",
        start=run.start,
        end=run.end,
        simulated=run.simulated,
        devices=_devices(run.cell, run.usage),
        columns=run.usage if run.usage is not None and run.usage.time else None,
        samples=0 if run.usage is None else len(run.usage.time),
        findings=ordered([*_troubles(run), *of_cells(cells), *told(advise(of_run(run)), _devices(run.cell, None))]),
        accounts=accounts_of(cells),
        cells=cells,
        footprint=footprint_of(cells),
        environment=_environment(run, identify=identify),
        method=stated(cells) if cells else [],
        notes=run.notes,
        tables=_tables(run),
    )


def kept(key: str, store: str | None = None, *, title: str = "", identify: bool = False) -> Evidence:
    """A run's that is kept, by its id, the beginning of that, or its name: then the newest.

    Raises:
        GpuMonError: there is none, or the store does not answer.
    """
    return evidence(shared(store).find(key)[0], title=title, identify=identify)


def _devices(cell: Cell | None, usage: Columns | None) -> list[Device]:
    """The devices by the names that a record has for them."""
    models = {} if cell is None else {device.name: device.model for device in cell.devices}
    names = sorted(models.keys() | (set() if usage is None else usage.gpus.keys()), key=place)
    return [device(name, models.get(name, "")) for name in names]


def _troubles(run: Run) -> list[Finding]:
    found = [Finding("warning", _TROUBLE[run.status])] if run.status in _TROUBLE else []
    return [*found, *([Finding("warning", f"The code ended with: {run.outcome}")] if run.outcome != "ok" else [])]


def _environment(run: Run, *, identify: bool) -> list[Row]:
    origin = run.origin
    named = [("machine", origin.hostname), ("repository", origin.repository), ("notebook", origin.notebook)]
    said = [
        *(named if identify else []),
        ("commit", " ".join(part for part in (origin.commit, "(changed)" if origin.changed else "") if part)),
        ("branch", origin.branch),
        ("message", origin.message),
        ("GPUs", ", ".join(origin.gpus)),
        ("driver", origin.driver),
        ("CUDA", origin.cuda),
        ("Python", origin.python),
        ("CPUs", origin.cpus and str(origin.cpus)),
        ("host memory", origin.memory and quantity(origin.memory, "bytes")),
        *origin.frameworks.items(),
    ]
    return [(what, str(which)) for what, which in said if which]


def _tables(run: Run) -> list[tuple[str, Row, Sequence[Row]]]:
    logged = [_metric(name, metric) for name, metric in run.metrics.items()]
    head = ("metric", "unit", "kind", "values", "last", "mean", "std", "median", "p95", "p99")
    found: list[tuple[str, Row, Sequence[Row]]] = [("Metrics", head, logged)] if logged else []
    return [*found, *([("Tags", ("tag", "value"), list(run.tags.items()))] if run.tags else [])]


def _metric(name: str, metric: Logged) -> Row:
    stats = metric.stats
    numbers = (stats.last, stats.mean, stats.std, stats.median, stats.p95, stats.p99)
    said = ("—" if value is None else f"{value:.4g}" for value in numbers)
    return (name, metric.unit, metric.kind, str(stats.count), *said)
