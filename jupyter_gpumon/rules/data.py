"""Rules that are data: a line of traits, a table of TOML or what the rule editor sends becomes a ``Threshold``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import RuleError
from ..findings import LEVELS, Code
from .expression import Node, names, parse
from .expression.parse import LONGEST_WINDOW
from .rule import Threshold

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ID = re.compile(r"[a-z][a-z0-9-]{0,63}")
_TIME = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(ms|s|min|m|h|d)?\s*", re.ASCII)
KEYS = ("id", "when", "for", "clear", "level", "title", "detail", "steps", "cause", "code", "devices", "enabled")
"""What a rule may say of itself."""


def read_rule(data: Mapping[str, Any]) -> Threshold:
    """A rule out of ``{"id": "hot", "when": "temperature > 85", "for": 30, "clear": "temperature < 80"}``.

    Args:
        data: ``id`` and ``when``; and ``for`` (seconds, or ``"5 min"``), ``clear``, ``level`` (warning), ``title``,
            ``detail``, ``steps`` (what to do), ``cause``, ``code`` (for a cell), ``devices`` (``["gpu0"]``).

    Raises:
        RuleError: with the name of the rule and, for a condition, the column of the mistake.
    """
    if not isinstance(data, Mapping):
        raise RuleError('A rule is a table: {"id": "hot", "when": "temperature > 85", "for": 30}.')
    name = data.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise RuleError(f"A rule's id is lower case with -, such as gpu-hot; not {name!r}.")
    unknown = [str(key) for key in data if key not in KEYS]
    if unknown:
        raise RuleError(f"The rule {name} says {unknown[0]!r}, which no rule has; it may say {', '.join(KEYS)}.")
    if "when" not in data:
        raise RuleError(f'The rule {name} has no condition: "when": "temperature > 85".')
    level = data.get("level", "warning")
    if level not in LEVELS:
        raise RuleError(f"The rule {name} has the level {level!r}; there are {', '.join(LEVELS)}.")
    when = _condition(name, "when", data["when"])
    code = _text(name, data, "code")
    return Threshold(
        id=name,
        when=when,
        text=data["when"],
        hold=_seconds(name, data.get("for", 0)),
        clear=None if data.get("clear") is None else _condition(name, "clear", data["clear"]),
        clear_text=data.get("clear") or "",
        level=level,
        title=_text(name, data, "title"),
        detail=_text(name, data, "detail"),
        steps=_texts(name, data, "steps"),
        cause=_text(name, data, "cause"),
        code=Code(source=code) if code else None,
        devices=_texts(name, data, "devices"),
    )


def _condition(name: str, key: str, text: object) -> Node:
    if not isinstance(text, str):
        raise RuleError(f'The rule {name}: "{key}" is a condition in quotes, such as "temperature > 85".')
    try:
        return parse(text).node
    except RuleError as e:
        where = "" if e.column is None else f", column {e.column}"
        raise RuleError(f'The rule {name}, "{key}"{where}: {e}', e.column) from None


def _seconds(name: str, value: object) -> float:
    found: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and (match := _TIME.fullmatch(value)):
        found = float(match[1]) * names.UNITS[match[2] or "s"][0]
    if found is None or not 0 <= found <= LONGEST_WINDOW:
        raise RuleError(f'The rule {name}: "for" is a time of up to a day, 30 or "5 min"; not {value!r}.')
    return found


def _text(name: str, data: Mapping[str, Any], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise RuleError(f'The rule {name}: "{key}" is a text.')
    return value


def _texts(name: str, data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key, ())
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise RuleError(f'The rule {name}: "{key}" is a list of texts.')
    return tuple(value)


def write_rule(rule: Threshold) -> dict[str, Any]:
    """The data that reads to this rule: what the editor shows and the settings keep."""
    data: dict[str, Any] = {"id": rule.id, "when": rule.text, "for": rule.hold, "level": rule.level}
    if rule.clear is not None:
        data["clear"] = rule.clear_text
    for key in ("title", "detail", "cause"):
        if getattr(rule, key):
            data[key] = getattr(rule, key)
    for key in ("steps", "devices"):
        if getattr(rule, key):
            data[key] = list(getattr(rule, key))
    if rule.code is not None:
        data["code"] = rule.code.source
    return data


def read_rules(data: Iterable[Mapping[str, Any]]) -> dict[str, Threshold | None]:
    """Several, by id; None for one that is switched off (``{"id": "gpu-hot", "enabled": false}``).

    Raises:
        RuleError: one of them cannot be used, or two have the same id.
    """
    found: dict[str, Threshold | None] = {}
    for one in data:
        name = one.get("id") if isinstance(one, Mapping) else None
        off = isinstance(one, Mapping) and one.get("enabled", True) is False
        rule = None if off and isinstance(name, str) else read_rule(one)
        key = str(name) if rule is None else rule.id
        if key in found:
            raise RuleError(f"Two rules are called {key}: give one another id.")
        found[key] = rule
    return found


def read_file(path: Path) -> dict[str, Threshold | None]:
    """The rules of a TOML file: ``[[rule]]`` tables.

    Raises:
        RuleError: it cannot be read; the text names the file, and the line or the rule.
    """
    return read_rules(tables(path))


def tables(path: Path) -> list[dict[str, Any]]:
    """What a TOML file says of each rule, not read yet.

    Raises:
        RuleError: it is no TOML, or holds something else; the text names the file, and the line.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise RuleError(f"{path} cannot be read: {e}. It is to hold [[rule]] tables.") from e
    rules = found.get("rule")
    if not isinstance(rules, list) or set(found) != {"rule"}:
        raise RuleError(f'{path} is to hold [[rule]] tables: [[rule]], id = "hot", when = "temperature > 85".')
    return rules
