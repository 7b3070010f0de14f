"""How long what is kept: as sampled for a while, in longer steps for longer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import pairwise

Keep = tuple[tuple[float, float], ...]
"""(step, how long it is kept), both in seconds, finest first; step 0 is as sampled."""

ALL: Keep = ((0.0, math.inf),)
KEEP: Keep = ((0.0, 86_400.0), (10.0, 604_800.0), (60.0, 2_592_000.0), (3600.0, 63_072_000.0))
"""As sampled for a day, 10 s for a week, 1 min for 30 days, 1 h for two years: some 0.5 GB for 8 GPUs."""

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "y": 31_536_000.0}


def parse(text: str) -> Keep:
    """``raw:1d,10s:7d,1min:30d,1h:2y``, or ``all``.

    Raises:
        ValueError: it is not like that; the text says how it is to be.
    """
    if text == "all":
        return ALL
    pairs = [part.partition(":") for part in text.split(",")]
    return checked((0.0 if step == "raw" else seconds(step), seconds(kept)) for step, _, kept in pairs)


def checked(tiers: Iterable[tuple[float, float]]) -> Keep:
    """The tiers in order.

    Raises:
        ValueError: they do not begin as sampled, or a step is not made of whole ones of the step before.
    """
    keep = tuple(sorted(tiers))
    if keep[0][0] != 0.0 or any(fine and coarse % fine for (fine, _), (coarse, _) in pairwise(keep)):
        raise ValueError("What is kept begins with samples as they are, and each step is a multiple of the one before.")
    return keep


def seconds(text: str) -> float:
    """``10s``, ``1min``, ``36h``, ``7d`` or ``2y`` in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h|d|y)", text)
    if not found:
        raise ValueError(f"{text!r} is no duration. Write it like 10s, 1min, 1h, 7d or 2y.")
    return float(found[1]) * _SECONDS[found[2]]
