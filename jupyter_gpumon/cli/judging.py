"""The rules by which the command line judges, where there is no server whose rules they are."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import RuleError
from ..rules.book import Book
from ..rules.data import tables
from ..rules.pack import shipped
from ..rules.plugins import plugged


def book(file: Path | None) -> Book:
    """The shipped rules, those of plug-ins, what a file says of them, and those it adds.

    A plug-in that failed is named on standard error, and the others judge.

    Raises:
        RuleError: the file, or a rule in it, cannot be read.
    """
    found = Book(shipped(), tables(file) if file else (), plugged=plugged())
    for problem in found.told.problems:
        if problem.origin != "plugin":
            raise RuleError(f"{file}: {problem.message}", problem.column)
        sys.stderr.write(f"gpumon: {problem.message}\n")
    return found
