"""Health: watches that say PASS, WARN or FAIL of each GPU. Pure: they look at a window of samples, as all rules do.

Thresholds are DCGM's where it has one (DcgmHealthWatch.cpp); a counter that begins anew is no alarm, a rate is
``warming`` until it can be known, and an XID can be acknowledged.
"""

from __future__ import annotations

from .checkup import Checkup
from .watches import RULES, WATCHES

__all__ = ["RULES", "WATCHES", "Checkup"]
