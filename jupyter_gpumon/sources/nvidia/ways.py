"""The ways in which the driver tells something, and one look at one GPU in which each call is made only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pynvml as nvml

from .driver import ERROR, UNSUPPORTED, Absent, ask_named
from .fields import Entry, FieldReader
from .gpm import Gpm

Pick = Callable[[Any], Any]
"""From a call's answer to a value in the driver's unit; None where the answer is a sentinel."""


def whole(answer: Any) -> Any:
    """The answer as it is."""
    return answer


class Call(NamedTuple):
    """A function of its own, by its name in nvidia-ml-py."""

    function: str
    args: tuple[Any, ...] = ()
    pick: Pick = whole
    scale: float | None = None

    def ask(self, look: Look) -> Any:
        """The value in the driver's unit; None where it is a sentinel."""
        answer = look.ask(self.function, *self.args)
        return answer if isinstance(answer, Absent) else self.pick(answer)


class Fields(NamedTuple):
    """The sum of field values."""

    entries: tuple[Entry, ...]
    scale: float | None = None
    pick: Pick = whole
    per_link: bool = False
    wraps: bool = False

    def on(self, links: int) -> Fields:
        """The same for a GPU with that many NVLinks."""
        if not self.per_link:
            return self
        entries = tuple((field, link) for field, _ in self.entries for link in range(links))
        return self._replace(entries=entries, per_link=False)

    def ask(self, look: Look) -> Any:
        """Over those that answer: of an NVLink that is not wired the driver says "not supported"."""
        if self.wraps:
            for entry in self.entries:
                look.access.fields.unfold(entry)
        values = look.fields(self.entries)
        picked = [self.pick(value) for value in values if not isinstance(value, Absent)]
        if not picked:
            return next(iter(values), UNSUPPORTED)
        return None if None in picked else picked[0] if len(picked) == 1 else sum(picked)


class Activity(NamedTuple):
    """A GPM metric, by its id."""

    metric: int
    scale: float | None = None

    def ask(self, look: Look) -> Any:
        """The mean since the look before."""
        return look.activity(self.metric)


class Own(NamedTuple):
    """A few calls of our own."""

    function: Callable[[Look], Any]
    scale: float | None = None

    def ask(self, look: Look) -> Any:
        """What they make."""
        return self.function(look)


Way = Call | Fields | Activity | Own


class Access(NamedTuple):
    """How to reach one GPU."""

    handle: Any
    links: int
    fans: int
    fields: FieldReader
    gpm: Gpm


class Look:
    """One look at one GPU: however many metrics are picked from an answer, its call is made once.

    Args:
        access: the GPU.
        expected: field values that are certainly needed, which all come by one call.
        activities: GPM metrics that may be needed, which all come by one call.
    """

    def __init__(self, access: Access, expected: tuple[Entry, ...] = (), activities: Iterable[int] = ()) -> None:
        self.access = access
        self._answers: dict[tuple[str, tuple[Any, ...]], Any] = {}
        self._fields = access.fields.fetch(access.handle, expected) if expected else {}
        self._activities = set(activities)
        self._activity: dict[int, Any] | None = None

    def read(self, way: Way) -> Any:
        """The value in base units, or an ``Absent``."""
        value = way.ask(self)
        if value is None:
            return ERROR
        return value if way.scale is None or isinstance(value, Absent) else value * way.scale

    def ask(self, function: str, *args: Any) -> Any:
        """A function's answer about this GPU."""
        key = (function, args)
        if key not in self._answers:
            self._answers[key] = ask_named(function, self.access.handle, *args)
        return self._answers[key]

    def fields(self, entries: tuple[Entry, ...]) -> list[Any]:
        """Field values in the order of the entries."""
        missing = tuple(entry for entry in entries if entry not in self._fields)
        if missing:
            self._fields |= self.access.fields.fetch(self.access.handle, missing)
        return [self._fields[entry] for entry in entries]

    def activity(self, metric: int) -> Any:
        """A GPM metric."""
        if self._activity is None or metric not in self._activity:
            self._activities.add(metric)
            self._activity = {**(self._activity or {}), **self.access.gpm.look(sorted(self._activities))}
        return self._activity[metric]


def attribute(name: str) -> Pick:
    """Pick a member of a C struct; None where this version of the struct has none."""
    return lambda answer: getattr(answer, name, None)


def item(index: int) -> Pick:
    """Pick one of several values."""
    return lambda answer: answer[index]


def up_to(most: float, pick: Pick = whole) -> Pick:
    """Values above are slips of the driver and mean ``most``."""
    return lambda answer: min(pick(answer), most)


MEMORY_V2 = getattr(nvml, "nvmlMemory_v2", 0x02000028)
"""Version tag of the memory struct that tells the driver's reserve apart."""
