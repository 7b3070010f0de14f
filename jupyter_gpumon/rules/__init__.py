"""Rules: what the numbers mean. Pure: a rule looks at a window of samples and says what it finds.

Who runs them: alerts (every tick), ``gpumon check``, advice over a stretch of time, health, and the report.
"""

from __future__ import annotations

from .data import read_file, read_rule, read_rules, write_rule
from .rule import Rule, Threshold
from .window import Window

__all__ = ["Rule", "Threshold", "Window", "read_file", "read_rule", "read_rules", "write_rule"]
