"""One colour per GPU, told apart by colour-blind readers (Okabe and Ito), the same in the sidebar and the notebook."""

from __future__ import annotations

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")


def colour(position: int) -> str:
    """The colour of the GPU at this position of the inventory."""
    return COLOURS[position % len(COLOURS)]
