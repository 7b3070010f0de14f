"""``%%gpumon --compare NAME``: does a cell take less energy than an earlier one, or is that chance?"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from ..errors import GpuMonError
from ..model import Cell, Energy
from ..report.amounts import charge, half, resolved, used
from ..spread import SIGMAS, SIGNIFICANT, Difference, Side, difference
from . import completion


class CompareError(GpuMonError):
    """There is nothing of that name to compare with; the text names what there is."""


def earlier(name: str) -> Cell:
    """The latest measurement of that title, or the record in a file that ``Measurement.save`` wrote.

    Raises:
        CompareError: there is none, or the file holds no record.
    """
    found = next((cell for cell in reversed(completion.finished()) if cell.title == name), None)
    if found is not None:
        return found
    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Cell)
        except msgspec.MsgspecError as e:
            raise CompareError(f"{name} holds no record of a measurement: {e}") from None
    titles = sorted({cell.title for cell in completion.done if cell.title})
    there = f"There are: {', '.join(titles)}." if titles else "Give one a name first: %%gpumon -t NAME."
    raise CompareError(f"Nothing called {name} was measured in this kernel. {there}")


def sentence(cell: Cell, base: Cell) -> str:
    """Whether ``cell`` takes more or less than ``base``, in plain words."""
    name = f"“{base.title or 'the other'}”"
    one, other, per = _sides(cell, base)
    if one is None or other is None or other.mean <= 0:
        return f"cannot be compared with {name}: of one of them only a bound is known"
    found, how = _difference(one, other)
    low, high = sorted((found.low / other.mean, found.high / other.mean))
    share = found.value / other.mean
    range_ = f"{_more(low)} to {_more(high)}"
    grounds = f"{_p(found.p)} {how}; {_scale(cell, base)}"
    if found.p < SIGNIFICANT:
        return f"{_more(share)} energy{per} than {name} ({range_}): significant, {grounds}"
    return f"no significant difference from {name}{per}: {_more(share)} energy ({range_}), {grounds}"


def _sides(cell: Cell, base: Cell) -> tuple[Side | None, Side | None, str]:
    """Both sides on one footing: per run, else per what both counted, else as they are."""
    if cell.repeats is not None or base.repeats is not None:
        return _side(cell, 1.0), _side(base, 1.0), " per run"
    unit = next((unit for unit, n in cell.counts.items() if n > 0 and base.counts.get(unit, 0) > 0), None)
    if unit is not None:
        return _side(cell, cell.counts[unit]), _side(base, base.counts[unit]), f" per {unit}"
    return _side(cell, 1.0), _side(base, 1.0), ""


def _side(cell: Cell, number: float) -> Side | None:
    found = cell.repeats
    if found is not None and len(found.joules) > 1 and found.mean is not None and found.deviation is not None:
        return Side(found.mean, found.deviation / math.sqrt(len(found.joules)), found.joules)
    value = charge(cell).whole
    if found is not None:
        value = Energy(joules=found.mean, low=found.low, high=found.high)
    if value.joules is None or not resolved(value):
        return None
    return Side(value.joules / number, (half(value) or 0.0) / SIGMAS / number, ())


def _difference(one: Side, other: Side) -> tuple[Difference, str]:
    """By Welch's test where both were repeated; else by their intervals, taken as normal and independent."""
    if one.values and other.values:
        return difference(one, other), (f"by Welch's t test over {len(one.values)} and {len(other.values)} windows")
    return difference(Side(one.mean, one.error), Side(other.mean, other.error)), (
        "by the intervals of single runs, which do not tell how much runs vary (use --repeat)"
    )


def _more(share: float) -> str:
    return f"{_share(abs(share))} {'more' if share >= 0 else 'less'}"


def _share(share: float) -> str:
    return f"{share * 100:.2g} %" if 0.0001 <= share < 0.1 else f"{share * 100:.0f} %"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _scale(cell: Cell, base: Cell) -> str:
    """Whether the boards' own error is in the difference."""
    models = [sorted(device.model for device in one.devices if device.name in used(one)) for one in (cell, base)]
    if models[0] == models[1] and cell.simulated == base.simulated:
        return "the sensor's own scale is common to both and cancels, if it is the same board"
    return "they ran on different boards, whose sensors may each be up to 5 % off"
