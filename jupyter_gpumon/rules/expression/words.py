"""What an expression is about, and its numbers in words."""

from __future__ import annotations

from . import names
from .nodes import Name, Node, walk


def metrics_of(node: Node) -> tuple[str, ...]:
    """The metrics it looks at, in the order in which they stand in it; without what is constant."""
    found = [part.name for part in walk(node) if isinstance(part, Name)]
    return tuple(dict.fromkeys(name for name in found if names.metric(name) is not None))


def describe(name: str) -> tuple[str, str]:
    """Title and unit of a metric."""
    found = names.metric(name)
    return (found.title, found.unit) if found else (name, names.unit(name))
