"""What a run took."""

from __future__ import annotations

from ..experiments import Run
from ..model import Energy
from ..report.amounts import charge


def measured(run: Run) -> Energy:
    """What the GPUs it used took together, as far as that was measured; an unknown energy where nothing was."""
    return (None if run.cell is None else charge(run.cell).measured) or Energy()
