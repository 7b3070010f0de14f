"""A command whose exit code 2 means something: what cannot be read on its command line is 3."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

UNKNOWN = 3

_Usage: Any = typer.BadParameter.__mro__[1]
"""Click's UsageError: typer's own copy, or that of the package, by typer's version."""


class Strict(TyperCommand):
    """A wrong option is "unknown" to who reads exit codes, not "critical"."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As always, with another exit code for what cannot be read."""
        try:
            return super().parse_args(ctx, args)
        except _Usage as e:
            e.exit_code = UNKNOWN
            raise
