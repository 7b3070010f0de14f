"""Did a cell fail for want of device memory? Looked at after every cell that failed, so it imports little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..rules.advice.exhausted import Exhausted

_DEEP = 10
"""Causes of an exception that are looked through."""
_LONGEST = 5000
"""Characters of what it says that are read."""
_HINTS = ("memory", "exhausted", "oom", "alloc")


def exhausted(error: BaseException | None) -> Exhausted | None:
    """What an exception, or one that it came from, says of device memory; None where it is about something else."""
    for one in _chain(error):
        name, text = type(one).__name__, _text(one)
        if any(hint in f"{name} {text}".lower() for hint in _HINTS):
            from ..rules.advice.exhausted import read

            found = read(name, type(one).__module__, text)
            if found is not None:
                return found
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_DEEP):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_LONGEST]
    except Exception:  # whatever the user's own class does here: its traceback is not ours to spoil
        return ""
