"""What the most frequent XIDs are called, in words for the user. What to do about them is judged elsewhere."""

from __future__ import annotations

TITLES = {
    8: "GPU stopped processing",
    13: "Illegal instruction or address in a kernel (graphics engine exception)",
    31: "Illegal memory access (GPU page fault)",
    32: "Corrupted command stream",
    38: "Driver firmware error",
    43: "A program's work was stopped after its own error",
    45: "Work was cleaned up after an earlier error",
    46: "GPU stopped processing",
    48: "Uncorrectable memory error (double-bit ECC)",
    61: "Internal micro-controller warning",
    62: "Internal micro-controller halt",
    63: "Memory row or page retired",
    64: "Memory row or page could not be retired",
    68: "Video decoder error",
    69: "Graphics engine class error",
    74: "NVLink error",
    79: "GPU has fallen off the bus",
    92: "Many corrected memory errors",
    94: "Memory error, contained to the program that hit it",
    95: "Memory error, not contained",
    109: "Context switch timed out",
    110: "Security fault",
    119: "GPU firmware did not answer in time (GSP RPC timeout)",
    120: "GPU firmware error (GSP)",
    121: "C2C link error",
    136: "NVLink training failed",
    137: "NVLink access was refused",
    140: "Unrecovered ECC error",
    143: "GPU could not be initialised",
    144: "NVLink error (SAW)",
    145: "NVLink error (RLW)",
    149: "NVLink error (NETIR)",
    150: "NVLink error (MSE)",
    154: "The driver asks for another recovery action",
    155: "NVLink error, told by software",
    156: "Part of the GPU was retired",
    157: "Part of the GPU could not be retired",
    158: "GPU timed out fatally",
}
"""XID → title."""

CRITICAL = frozenset({46, 48, 62, 64, 74, 79, 95, 109, 110, 119, 120, 136, 140, 143, 144, 145, 149, 150, 155, 156, 158})
"""After these the GPU cannot be used until it is reset, or worse."""

NOTES = frozenset({38, 45, 63, 137, 154})
"""These follow from something else, or need nothing to be done by themselves."""


def title(xid: int) -> str:
    """``XID 79: GPU has fallen off the bus``."""
    return f"XID {xid}: {TITLES[xid]}" if xid in TITLES else f"XID {xid}"


def level(xid: int) -> str:
    """``info``, ``warning`` or ``critical``."""
    return "critical" if xid in CRITICAL else "info" if xid in NOTES else "warning"
