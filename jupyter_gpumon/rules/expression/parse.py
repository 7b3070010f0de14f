"""Reads an expression: ``mean(power, 60 s) > 0.95 * power_limit and not "thermal" in clock_events``.

It is a language of its own, read by this grammar and nothing else; nothing of it is ever run as Python.

    or      := and { "or" and }
    and     := not { "and" not }
    not     := "not" not | compare
    compare := sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ] | text "in" name
    sum     := product { ( "+" | "-" ) product }
    product := sign { ( "*" | "/" ) sign }
    sign    := "-" sign | atom
    atom    := number [ unit ] | name | "(" or ")" | over "(" sum "," number [ unit ] ")"
             | ( "abs" | fleet ) "(" sum ")" | "first" "(" sum "," sum ")"
"""

from __future__ import annotations

from collections.abc import Callable

from ...errors import RuleError
from ...metrics import CLOCK_EVENTS
from . import names
from .kinds import Typed, arithmetic, boolean, comparison, condition, first, joined, negative, rated
from .nodes import Across, Held, Name, Number, Over, Unary
from .tokens import Token, tokens

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
DEEPEST = 40
"""Brackets, signs and ``not``s that may be inside one another."""
LONGEST_WINDOW = 86_400.0
"""Seconds that a function over a time may look back."""


def parse(text: str) -> Typed:
    """Read a condition.

    Args:
        text: names of the metric catalogue, numbers with units, ``mean/max/min/rate/delta`` over a time,
            ``fleet_mean/fleet_max/fleet_min`` across GPUs, ``first(a, b)``, arithmetic, comparisons, and/or/not.

    Raises:
        RuleError: it cannot be read, or can never be true; ``column`` is where the mistake is, counted from 1.
    """
    reader = _Reader(text)
    found = condition(reader.either(), "A rule's condition")
    reader.end()
    return found


class _Reader:
    """Recursive descent over the words of one expression."""

    def __init__(self, text: str) -> None:
        self._words = list(tokens(text))
        self._at = self._depth = 0

    @property
    def _next(self) -> Token:
        return self._words[self._at]

    def _take(self, *texts: str) -> Token | None:
        """The next word, if it is one of these."""
        word = self._next
        if word.kind in ("op", "name") and word.text in texts:
            self._at += 1
            return word
        return None

    def _expect(self, text: str, why: str) -> Token:
        found = self._take(text)
        if found is None:
            raise RuleError(f'"{text}" is missing {why}.', column=self._next.column)
        return found

    def end(self) -> None:
        """Nothing may follow."""
        word = self._next
        if word.kind != "end":
            raise RuleError(f'"{word.text}" is not expected here: join conditions with and, or.', column=word.column)

    def either(self) -> Typed:
        """``a or b``."""
        left = self._both()
        while word := self._take("or"):
            left = joined("or", left, self._both(), word.column)
        return left

    def _both(self) -> Typed:
        left = self._not()
        while word := self._take("and"):
            left = joined("and", left, self._not(), word.column)
        return left

    def _not(self) -> Typed:
        word = self._take("not")
        if word is None:
            return self._compare()
        arg = condition(self._deeper(word, self._not), '"not"')
        return boolean(Unary("not", arg.node), word.column)

    def _compare(self) -> Typed:
        if self._next.kind == "text":
            return self._held()
        left = self._sum()
        word = self._take(*COMPARISONS)
        if word is None:
            return left
        found = comparison(word.text, left, self._sum(), word.column)
        if again := self._take(*COMPARISONS):
            raise RuleError("Compare two things at a time: a < b and b < c.", column=again.column)
        return found

    def _held(self) -> Typed:
        word = self._next
        self._at += 1
        self._expect("in", f"after {word.text}")
        name = self._next
        if name.text not in names.SETS:
            raise RuleError(f"Only {', '.join(names.SETS)} can be looked into.", column=name.column)
        self._at += 1
        inner = word.text[1:-1]
        if inner not in CLOCK_EVENTS:
            raise RuleError(f"{name.text} never has {word.text}; it has {', '.join(CLOCK_EVENTS)}.", column=word.column)
        return boolean(Held(inner, name.text), word.column)

    def _sum(self) -> Typed:
        left = self._product()
        while word := self._take("+", "-"):
            left = arithmetic(word.text, left, self._product(), word.column)
        return left

    def _product(self) -> Typed:
        left = self._sign()
        while word := self._take("*", "/"):
            left = arithmetic(word.text, left, self._sign(), word.column)
        return left

    def _sign(self) -> Typed:
        word = self._take("-")
        return self._atom() if word is None else negative(self._deeper(word, self._sign), word.column)

    def _atom(self) -> Typed:
        word = self._next
        if word.kind == "number":
            return self._number()
        if bracket := self._take("("):
            found = self._deeper(bracket, self.either)
            self._expect(")", f"for the bracket of column {bracket.column}")
            return found
        if word.kind != "name" or word.text in ("and", "or", "not", "in"):
            here = f'"{word.text}"' if word.text else "the end"
            raise RuleError(f"A number or a metric is expected, not {here}.", column=word.column)
        self._at += 1
        return self._call(word) if self._take("(") else _name(word)

    def _deeper(self, word: Token, read: Callable[[], Typed]) -> Typed:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RuleError("Too many things inside one another.", column=word.column)
        found = read()
        self._depth -= 1
        return found

    def _number(self) -> Typed:
        word = self._next
        self._at += 1
        factor, unit, after = 1.0, "", ""
        if self._next.text in names.UNITS and self._next.kind in ("name", "op"):
            after = self._next.text
            factor, unit = names.UNITS[after]
            self._at += 1
            if self._next.text == "/" and self._words[self._at + 1].text == "s":
                after, unit, self._at = f"{after}/s", f"{unit}/s", self._at + 2
        elif self._next.kind == "name" and self._next.text not in ("and", "or"):
            raise RuleError(
                f'"{self._next.text}" is not a unit; there are {", ".join(names.UNITS)}.', column=self._next.column
            )
        value = float(word.text) * factor
        if value == float("inf"):
            raise RuleError("That number is too large.", column=word.column)
        return Typed(Number(value, f"{word.text} {after}".strip()), unit, word.column, constant=True)

    def _call(self, word: Token) -> Typed:
        name = word.text
        if name not in (*names.OVER, *names.ACROSS, names.FIRST, "abs"):
            raise RuleError(f"There is no function {name}{names.nearest(name)}", column=word.column)
        arg = self._deeper(word, self._sum)
        arg = arg.number(f"{name}(…)")
        if name in names.OVER:
            return self._over(word, arg)
        if name == names.FIRST:
            return self._first(word, arg)
        self._expect(")", f"after the argument of {name}")
        node = Unary("abs", arg.node) if name == "abs" else Across(name, arg.node)
        return Typed(node, arg.unit, word.column)

    def _first(self, word: Token, arg: Typed) -> Typed:
        self._expect(",", "and what to take where that is not known: first(temperature_slowdown, 85 C)")
        other = self._deeper(word, self._sum)
        self._expect(")", "after the second argument of first")
        return first(arg, other, word.column)

    def _over(self, word: Token, arg: Typed) -> Typed:
        self._expect(",", f"and how far to look back: {word.text}(…, 60 s)")
        if self._next.kind != "number":
            raise RuleError(f"Say how far to look back: {word.text}(…, 60 s).", column=self._next.column)
        time = self._number()
        seconds = time.node.value if isinstance(time.node, Number) else 0.0
        if time.unit not in ("", "seconds") or not 0 < seconds <= LONGEST_WINDOW:
            raise RuleError("That is a time of up to a day: 60 s, 5 min, 2 h.", column=time.column)
        self._expect(")", f"after the time of {word.text}")
        return Typed(Over(word.text, arg.node, seconds), rated(word.text, arg.unit), word.column)


def _name(word: Token) -> Typed:
    if word.text in names.SETS:
        raise RuleError(f'{word.text} is a set: ask "thermal" in {word.text}.', column=word.column)
    if not names.known(word.text):
        raise RuleError(f"There is no metric {word.text}{names.nearest(word.text)}", column=word.column)
    return Typed(Name(word.text), names.unit(word.text), word.column)
