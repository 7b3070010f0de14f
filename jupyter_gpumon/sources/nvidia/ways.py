"""The ways in which the driver tells something, and one look at one GPU in which each call is made only once."""

from __future__ import annotations

import math
from collections.abc import Callable
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
    """Field values, put together to one: their sum, or what else ``combine`` makes of them."""

    entries: tuple[Entry, ...]
    scale: float | None = None
    pick: Pick = whole
    per_link: bool = False
    wraps: bool = False
    combine: Callable[[list[Any]], Any] = sum

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
        if len(values) == 1:
            return values[0] if isinstance(values[0], Absent) else self.pick(values[0])
        picked = [self.pick(value) for value in values if not isinstance(value, Absent)]
        if not picked:
            return next(iter(values), UNSUPPORTED)
        return None if None in picked else picked[0] if len(picked) == 1 else self.combine(picked)


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


class Plan(NamedTuple):
    """What a look is for: the metrics worth asking, and what is known to be needed for them."""

    names: tuple[str, ...] = ()
    fields: tuple[Entry, ...] = ()
    """Field values that are certainly needed, which all come by one call."""
    activities: tuple[int, ...] = ()
    """GPM metrics that are needed, which all come by one call."""
    calls: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """Functions and their arguments."""
    until: float = math.inf
    """Monotonic time from which on something else may be worth asking."""


NOTHING = Plan()


class Look:
    """One look at one GPU: however many metrics are picked from an answer, its call is made once.

    What is planned is asked at once, and translated when it is read: most calls sleep in the driver, and whatever runs
    after a sleep finds cold caches. So as little as possible does.

    Args:
        access: the GPU.
        plan: what is needed.
    """

    def __init__(self, access: Access, plan: Plan = NOTHING) -> None:
        self.access, self.names = access, plan.names
        self._answers: dict[tuple[str, tuple[Any, ...]], Any] = {}
        self._fields: dict[Entry, Any] = {}
        self._batch = access.fields.ask(access.handle, plan.fields) if plan.fields else None
        for function, args in plan.calls:
            self.ask(function, *args)
        self._activity: dict[int, Any] = access.gpm.look(plan.activities) if plan.activities else {}

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
        if self._batch is not None:
            self._fields, self._batch = self.access.fields.tell(self._batch), None
        found = self._fields
        missing = tuple(entry for entry in entries if entry not in found)
        if missing:
            found |= self.access.fields.fetch(self.access.handle, missing)
        return [found[entry] for entry in entries]

    def activity(self, metric: int) -> Any:
        """A GPM metric."""
        if metric not in self._activity:
            self._activity |= self.access.gpm.look((*self._activity, metric))
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
