"""A bar for work that takes a while, on standard error; nothing where that is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

T = TypeVar("T")

EVERY = 200
"""Items between two looks at how far it is."""


def followed(items: Iterable[T], done: Callable[[], float], what: str) -> Iterator[T]:
    """The items, with a bar beside them while they come.

    Args:
        items: what is worked on.
        done: how far it is, 0 to 1.
        what: the work, in a word or two.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        for number, item in enumerate(items):
            if number % EVERY == 0:
                bar.update(task, completed=min(1.0, done()))
            yield item
