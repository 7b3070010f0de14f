"""A notebook as evidence: the records that its cells' outputs carry; nothing else of it is read or shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..errors import SourceError
from ..model import Cell
from . import advice
from .accounts import BACKGROUND, CELLS, Account
from .amounts import used
from .cells import altogether, footprint_of, name, outer, stated
from .environment import boards_of
from .evidence import Evidence
from .findings import Finding, ordered
from .findings import of_cells as findings_of
from .record import MIME
from .tables import Row

NOTHING = (
    "This notebook holds no record of what its cells cost. To have them, begin it with %load_ext jupyter_gpumon and "
    "%gpumon summary on, run it, and save it."
)


def evidence(path: Path, *, title: str = "") -> Evidence:
    """A notebook's.

    Args:
        path: an ``.ipynb`` file of format 4.
        title: of the report; the file's name by default.

    Raises:
        SourceError: there is no such file, or it is no notebook.
    """
    notebook = read(path)
    return of_cells(records(notebook), title=title or path.stem, environment=_environment(notebook))


def read(path: Path) -> Mapping[str, Any]:
    """The notebook in a file.

    Raises:
        SourceError: there is no such file, or it is no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise SourceError(f"{str(path)!r} cannot be read: {e.strerror or e}.") from e
    except ValueError as e:
        raise SourceError(f"{str(path)!r} is not a notebook: {e}.") from e
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise SourceError(f"{str(path)!r} is not a notebook of format 4.")
    return notebook


def records(notebook: Mapping[str, Any]) -> list[Cell]:
    """All records in a notebook, in its order; what is no record is left out."""
    return [found for cell in notebook["cells"] for found in records_of(cell)]


def records_of(cell: Mapping[str, Any]) -> Iterator[Cell]:
    """The records that one cell's outputs carry."""
    for output in cell.get("outputs") or ():
        bundle = output.get("data") or {}
        if MIME in bundle:
            try:
                yield msgspec.convert(bundle[MIME], Cell)
            except msgspec.ValidationError:
                continue


def of_cells(cells: list[Cell], *, title: str, environment: list[Row]) -> Evidence:
    """Records as evidence, without any samples."""
    if not cells:
        return Evidence(title=title, origin=NOTHING, environment=environment)
    cells = sorted(cells, key=lambda cell: cell.start)
    return Evidence(
        title=title,
        origin=f"A notebook with the records of {len(cells)} measured cells.",
        start=cells[0].start,
        end=max(cell.end for cell in cells),
        simulated=any(cell.simulated for cell in cells),
        findings=ordered([*findings_of(cells), *_advice(cells)]),
        accounts=accounts_of(cells),
        cells=cells,
        footprint=footprint_of(cells),
        environment=[*boards_of(cells), *environment],
        method=stated(cells),
        notes=_notes(cells),
    )


def accounts_of(cells: list[Cell]) -> list[Account]:
    """What each board was charged: cells, each joule once, and what they left running. Idle between them is unknown."""
    models = {device.name: device.model for cell in cells for device in cell.devices if device.used}
    return [_account(label, model, outer(cells)) for label, model in sorted(models.items())]


def _account(label: str, model: str, cells: list[Cell]) -> Account:
    charged = [cell.energy[label] for cell in cells if label in cell.energy and label in used(cell)]
    late = [cell.background[label] for cell in cells if label in cell.background]
    parts = {CELLS: altogether(charged).joules, BACKGROUND: altogether(late).joules if late else None}
    known = {words: joules for words, joules in parts.items() if joules is not None}
    return Account(label, model, altogether([*charged, *late]), known)


def _advice(cells: list[Cell]) -> list[Finding]:
    devices = {one.name: advice.device(one.name) for cell in cells for one in cell.devices}
    return advice.told(advice.of_cells(cells), devices.values())


def _environment(notebook: Mapping[str, Any]) -> list[Row]:
    metadata = notebook.get("metadata") or {}
    language = metadata.get("language_info") or {}
    said = [("language", f"{language.get('name', '')} {language.get('version', '')}".strip())]
    return [row for row in said if row[1]]


def _notes(cells: list[Cell]) -> list[str]:
    drafts = [name(cell) for cell in cells if not cell.final]
    found = ["What the GPUs drew between cells is not in a notebook; a recording has it."]
    return [*found, *([f"Saved before their counters had answered: {', '.join(drafts)}."] if drafts else [])]
