"""Which rules judge: the shipped ones, what the configuration says, and what the editor made of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import RuleError
from ..rulebook import RuleBook, RuleItem, RuleProblem
from .data import read_rule, write_rule
from .pack import OFF, Written
from .plugins import NOTHING, Plugged
from .rule import Rule, Threshold

Data = Mapping[str, Any]


class Book:
    """Puts rules together; a rule of a later layer takes the place of the one with the same id.

    Args:
        shipped: all that come with the package.
        configured: of traits and files, each a rule as ``data.read_rule`` takes it, with ``enabled`` where it is off.
        yours: the same, of the editor, by id; ``{"enabled": false}`` alone switches a rule off.
        plugged: what plug-ins bring; they come after the shipped ones, and cannot take the place of one.
    """

    def __init__(
        self,
        shipped: Iterable[Rule],
        configured: Iterable[Data] = (),
        yours: Mapping[str, Data] = {},
        plugged: Plugged = NOTHING,
    ) -> None:
        self._items: dict[str, RuleItem] = {}
        self._rules: dict[str, Rule] = {}
        self._problems: list[RuleProblem] = []
        for rule in shipped:
            self._put(rule, "shipped", enabled=rule.id not in OFF)
        self._problems += plugged.problems
        for rule in plugged.rules:
            self._plug(rule)
        seen: set[str] = set()
        for data in configured:
            self._say_twice(data, seen)
            self._add(data, "configured")
        for name, data in yours.items():
            self._add({**data, "id": name}, "yours")

    @property
    def judging(self) -> tuple[Rule, ...]:
        """The rules that are in use."""
        return tuple(self._rules[name] for name, item in self._items.items() if item.enabled)

    @property
    def told(self) -> RuleBook:
        """Everything, for people."""
        return RuleBook(rules=tuple(self._items.values()), problems=tuple(self._problems))

    def item(self, id: str) -> RuleItem | None:
        """One of them; None where there is none of this id."""
        return self._items.get(id)

    def _plug(self, rule: Rule) -> None:
        if rule.id in self._items:
            said = f"A plug-in's rule is called {rule.id}, as another one is: it does not judge."
            self._problems.append(RuleProblem(origin="plugin", id=rule.id, message=said))
        else:
            self._put(rule, "plugin", enabled=True)

    def _say_twice(self, data: Data, seen: set[str]) -> None:
        name = named(data)
        if name in seen:
            said = f"Two rules are called {name}: the later one judges. Give one another id."
            self._problems.append(RuleProblem(origin="configured", id=name, message=said))
        seen.add(name)

    def _add(self, data: Data, origin: str) -> None:
        try:
            self._read(data, origin)
        except RuleError as e:
            self._problems.append(RuleProblem(origin=origin, id=named(data), message=str(e), column=e.column))

    def _read(self, data: Data, origin: str) -> None:
        before = self._items.get(named(data))
        enabled = data.get("enabled", True) if isinstance(data, Mapping) else True
        if not isinstance(enabled, bool):
            raise RuleError(f'The rule {named(data)}: "enabled" is true or false.')
        changed = origin == "yours" and before is not None
        if before is not None and set(data) <= {"id", "enabled"}:
            self._put(self._rules[named(data)], before.origin, enabled=enabled, changed=changed)
        else:
            self._put(_changed(before, data), origin, enabled=enabled, changed=changed)

    def _put(self, rule: Rule, origin: str, *, enabled: bool, changed: bool = False) -> None:
        self._rules[rule.id] = rule
        self._items[rule.id] = RuleItem(
            rule=described(rule),
            origin=origin,
            enabled=enabled,
            editable=isinstance(rule, Threshold),
            changed=changed,
            help="" if isinstance(rule, Threshold) else helped(rule),
        )


def named(data: object) -> str:
    """The id that a rule gives itself; empty where it gives none."""
    name = data.get("id") if isinstance(data, Mapping) else None
    return name if isinstance(name, str) else ""


def _changed(before: RuleItem | None, data: Data) -> Threshold:
    """A whole rule, or a part of one that there is already: ``{"id": "hot", "for": 60}``."""
    if before is not None and not before.editable:
        raise RuleError(f"The rule {data['id']} is not a condition: it can only be switched off, by enabled = false.")
    return read_rule(data if before is None or "when" in data else {**before.rule, **data})


def described(rule: Rule) -> dict[str, Any]:
    """What a rule says of itself; of one in Python, without a condition."""
    if isinstance(rule, Threshold):
        return write_rule(rule)
    said: dict[str, Any] = {"id": rule.id, "for": rule.hold, "level": getattr(rule, "level", "warning")}
    for key in ("title", "cause"):
        if getattr(rule, key, ""):
            said[key] = getattr(rule, key)
    return said | {"steps": list(getattr(rule, "steps", ()))}


def helped(rule: Rule) -> str:
    """The condition of a rule in Python, in words."""
    if not isinstance(rule, Written):
        return (rule.__doc__ or "").strip().partition("\n")[0]
    return f"{rule.help} Over: {rule.ends[0].lower()}{rule.ends[1:]}" if rule.ends else rule.help
