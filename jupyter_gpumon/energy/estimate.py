"""Energy of a board that tells neither energy nor power (some virtual GPUs, WSL): a guess, said to be one.

It is a share of the power limit, and may be half as much or half as much again. It is shown apart and is in no total of
measured energies.
"""

from __future__ import annotations

from ..model import Energy

AT_REST = 0.1
"""Share of its limit that a board draws without work: 0.1 to 0.15 on the boards this project knows of."""
OFF = 0.5
"""Share by which an estimate may be wrong."""
WARNING = "estimated from utilization and power limit: ±50 %"


def watts(utilization: float, limit: float) -> float:
    """Power as far as it can be guessed.

    Args:
        utilization: share of the time in which something ran, 0 to 1.
        limit: the power limit in force, in watts.
    """
    return limit * (AT_REST + (1 - AT_REST) * utilization)


def energy(joules: float, *, final: bool = True) -> Energy:
    """The integral of such a power, with what it may really have been."""
    return Energy(
        joules=joules,
        low=joules * (1 - OFF),
        high=joules * (1 + OFF),
        method="estimate",
        final=final,
        warning=WARNING,
    )
