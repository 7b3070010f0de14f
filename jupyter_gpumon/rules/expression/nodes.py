"""What an expression of a rule is made of, once it is read. Equal parts are equal objects to a cache."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class Node(Struct, frozen=True):
    """A part of an expression."""

    @property
    def parts(self) -> tuple[Node, ...]:
        """What it is made of."""
        return ()


class Number(Node, frozen=True):
    """A constant, in base units."""

    value: float
    text: str = ""
    """As it was written, with its unit."""


class Name(Node, frozen=True):
    """A metric of a GPU, ``host.cpu`` of its host, or something that is constant for a device."""

    name: str


class Held(Node, frozen=True):
    """``"thermal" in clock_events``."""

    word: str
    name: str


class Unary(Node, frozen=True):
    """``-x``, ``not x``, ``abs(x)``."""

    op: str
    arg: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """Its argument."""
        return (self.arg,)


class Binary(Node, frozen=True):
    """Arithmetic, comparison, ``and``, ``or``."""

    op: str
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """Both sides."""
        return self.left, self.right


class Over(Node, frozen=True):
    """``mean(power, 60 s)``: a function of the last so many seconds of each device."""

    function: str
    arg: Node
    seconds: float

    @property
    def parts(self) -> tuple[Node, ...]:
        """Its argument."""
        return (self.arg,)


class Across(Node, frozen=True):
    """``fleet_max(power)``: a function of all devices at one moment."""

    function: str
    arg: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """Its argument."""
        return (self.arg,)


def walk(node: Node) -> Iterator[Node]:
    """Every part, what is inside before what it is in."""
    for part in node.parts:
        yield from walk(part)
    yield node
