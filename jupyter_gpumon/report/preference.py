"""What the user of this kernel has chosen: the unit of energies. It changes words; a record is always in joules."""

from __future__ import annotations

import os

from ..errors import GpuMonError
from ..units import ENERGY_UNITS, joules

UNITS = ("auto", *ENERGY_UNITS)

_chosen: str | None = None


class UnitError(GpuMonError):
    """A unit that there is not."""


def unit() -> str:
    """The unit of energies: what was chosen last, else ``$GPUMON_UNITS``, else ``auto``."""
    return _chosen or _known(os.environ.get("GPUMON_UNITS", "auto")) or "auto"


def choose(name: str) -> None:
    """Use this unit from now on; case does not matter.

    Raises:
        UnitError: there is no such unit.
    """
    global _chosen
    found = _known(name)
    if found is None:
        raise UnitError(f"%gpumon units takes {', '.join(UNITS[1:])} or auto{f', not {name!r}' if name else ''}.")
    _chosen = found


def forget() -> None:
    """Nothing is chosen any more."""
    global _chosen
    _chosen = None


def _known(name: str) -> str | None:
    return next((known for known in UNITS if known.lower() == name.lower()), None)


def said(value: float | None) -> str:
    """An energy in joules, in words of that unit."""
    return joules(value, unit())
