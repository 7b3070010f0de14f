"""The language of rules: ``memory_used / memory_total > 95 %``, ``rate(memory_used, 5 min) > 10 MB``."""

from __future__ import annotations

from .kinds import Typed
from .nodes import Node
from .parse import parse
from .words import describe, metrics_of

__all__ = ["Node", "Typed", "describe", "metrics_of", "parse"]
