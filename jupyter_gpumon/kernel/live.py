"""``%gpumon``."""

from __future__ import annotations


def start() -> None:
    """Show."""


def stop() -> None:
    """Stop."""
