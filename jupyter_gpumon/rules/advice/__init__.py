"""Advice: what a stretch of time, a cell, a run or a recording says one could do better. Pure.

Each rule is a function of a ``Stretch`` that yields ``Finding``s; all are silent on what is not known, and on a machine
at rest.
"""

from __future__ import annotations

from .judge import FACTS, HOST_FACTS, RULES, advise
from .stretch import Allocator, Stretch

__all__ = ["FACTS", "HOST_FACTS", "RULES", "Allocator", "Stretch", "advise"]
