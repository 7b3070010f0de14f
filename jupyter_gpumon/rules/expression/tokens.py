"""Cuts the text of an expression into words, each with the column it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...errors import RuleError

LONGEST = 1000
"""Characters that an expression may have."""

_WORD = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)
    | (?P<text>"[a-z0-9_ ]*"|'[a-z0-9_ ]*')
    | (?P<op><=|>=|==|!=|[-+*/()<>,%]|°C)""",
    re.VERBOSE | re.ASCII,
)


class Token(NamedTuple):
    """One word: ``kind`` is number, name, text, op or end."""

    kind: str
    text: str
    column: int
    """Counted from 1."""


def tokens(text: str) -> Iterator[Token]:
    """The words of an expression, and an ``end``.

    Raises:
        RuleError: a character that no expression has, or far too many of them.
    """
    if len(text) > LONGEST:
        raise RuleError(f"An expression has at most {LONGEST} characters.", column=LONGEST + 1)
    at = 0
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise RuleError(f"{text[at]!r} is not part of an expression.", column=at + 1)
        if found.lastgroup and found.lastgroup != "space":
            yield Token(found.lastgroup, found.group(), at + 1)
        at = found.end()
    yield Token("end", "", len(text) + 1)
