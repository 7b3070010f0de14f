"""The ways in which the driver tells something, and one look at one GPU in which each call is made only once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pynvml as nvml

from .driver import UNSUPPORTED, Absent, ask_named
from .fields import Entry, Unfolded, fetch, is_narrow, translate, value_of
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


class Fields(NamedTuple):
    """The sum of field values; those of one ``batch`` cost about the same and are asked for together."""

    entries: tuple[Entry, ...]
    scale: float | None = None
    batch: str = "cheap"
    pick: Pick = whole
    per_link: bool = False
    wraps: bool = False


class Activity(NamedTuple):
    """A GPM metric, by its id."""

    metric: int
    scale: float | None = None


class Own(NamedTuple):
    """A few calls of our own."""

    function: Callable[[Look], Any]
    scale: float | None = None


Way = Call | Fields | Activity | Own


class Access(NamedTuple):
    """How to reach one GPU, and what stays from look to look."""

    handle: Any
    driver: tuple[int, ...]
    links: int
    fans: int
    gpm: Gpm
    unfolded: dict[Entry, Unfolded]


class Look:
    """One look at one GPU: however many metrics are picked from an answer, its call is made once."""

    def __init__(self, access: Access, expected: Iterable[Way] = ()) -> None:
        self.access = access
        self._answers: dict[tuple[str, tuple[Any, ...]], Any] = {}
        self._values: dict[Entry, Any] = {}
        expected = list(expected)
        self._activities = {way.metric for way in expected if isinstance(way, Activity)}
        self._activity: dict[int, Any] | None = None
        self._fetch_batches(way for way in expected if isinstance(way, Fields))

    def read(self, way: Way) -> Any:
        """The value in base units, or an ``Absent``."""
        value = self._unscaled(way)
        if value is None:
            return Absent("error")
        return value if isinstance(value, Absent) or way.scale is None else value * way.scale

    def ask(self, function: str, *args: Any) -> Any:
        """A function's answer about this GPU, asked for once."""
        key = (function, args)
        if key not in self._answers:
            self._answers[key] = ask_named(function, self.access.handle, *args)
        return self._answers[key]

    def _unscaled(self, way: Way) -> Any:
        match way:
            case Call():
                answer = self.ask(way.function, *way.args)
                return answer if isinstance(answer, Absent) else way.pick(answer)
            case Fields():
                return self._sum(way)
            case Activity():
                return self._look_at_activity(way.metric)
            case Own():
                return way.function(self)

    def _entries(self, way: Fields) -> tuple[Entry, ...]:
        if not way.per_link:
            return way.entries
        return tuple((field, link) for field, _ in way.entries for link in range(self.access.links))

    def _fetch_batches(self, ways: Iterable[Fields]) -> None:
        batches: defaultdict[str, dict[Entry, None]] = defaultdict(dict)
        for way in ways:
            batches[way.batch].update(dict.fromkeys(self._entries(way)))
        for entries in batches.values():
            self._fetch(list(entries))

    def _fetch(self, entries: list[Entry]) -> None:
        ids = {entry: translate(entry[0], self.access.driver) for entry in entries}
        known = [entry for entry in entries if ids[entry] is not None]
        self._values.update(dict.fromkeys(entries, UNSUPPORTED))
        answers = fetch(self.access.handle, [(ids[entry] or 0, entry[1]) for entry in known]) if known else ()
        if isinstance(answers, Absent):
            self._values.update(dict.fromkeys(known, answers))
            return
        for entry, answer in zip(known, answers, strict=True):
            self._values[entry] = self._unfold(entry, answer) if is_narrow(answer) else value_of(answer)

    def _unfold(self, entry: Entry, answer: Any) -> Any:
        unfolded = self.access.unfolded.get(entry)
        value = value_of(answer)
        return unfolded(value) if unfolded else value

    def _sum(self, way: Fields) -> Any:
        """Over those that answer: of an NVLink that is not wired the driver says "not supported"."""
        entries = self._entries(way)
        if way.wraps:
            for entry in entries:
                self.access.unfolded.setdefault(entry, Unfolded())
        missing = [entry for entry in entries if entry not in self._values]
        if missing:
            self._fetch(missing)
        values = [self._values[entry] for entry in entries]
        picked = [way.pick(value) for value in values if not isinstance(value, Absent)]
        if not picked:
            return next(iter(values), UNSUPPORTED)
        return None if None in picked else sum(picked)

    def _look_at_activity(self, metric: int) -> Any:
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
