"""Moments of a recording: ``90``, ``5m`` or ``1h30m`` from its beginning, ``-10m`` from its end, or a time."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import NamedTuple

from ..errors import SourceError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class Moment(NamedTuple):
    """``seconds`` since the beginning, before the end (negative), or, where ``absolute``, in Unix time."""

    seconds: float
    absolute: bool = False


def moment(text: str) -> Moment | None:
    """The moment in ``text``: seconds, a duration, or an ISO time (local where it names no zone); None for none.

    Raises:
        SourceError: it is none of these.
    """
    text = text.strip()
    if not text:
        return None
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    seconds = _duration(rest)
    if seconds is not None:
        return Moment(sign * seconds)
    try:
        # Python 3.10 does not know the letter; a URL has made a space of a plus sign.
        return Moment(
            datetime.fromisoformat(re.sub(r" (?=\d\d:?\d\d$)", "+", text.replace("Z", "+00:00"))).timestamp(), True
        )
    except ValueError:
        raise SourceError(
            f"{text!r} is not a moment. Write seconds (90), a duration (1h30m, -10m from the end) "
            "or a time (2026-11-28T09:30)."
        ) from None


def _duration(text: str) -> float | None:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def iso(time: float) -> str:
    """A Unix time as a UTC timestamp with microseconds."""
    return datetime.fromtimestamp(time, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Window:
    """Which samples are wanted, asked for each in turn.

    Args:
        start: from here on; None is the beginning.
        end: up to here; None is the end.
        length: seconds that the recording covers, for moments told from its end.
    """

    def __init__(self, start: Moment | None = None, end: Moment | None = None, length: float = 0.0) -> None:
        self._start, self._end = _counted(start, length), _counted(end, length)
        self._position, self._last = 0.0, float("inf")

    def place(self, time: float, mono: float) -> int:
        """-1 for a sample before the window, 0 in it, 1 after it. Another boot goes on where the one before ended."""
        self._position += max(0.0, mono - self._last)
        self._last = mono
        if self._start is not None and self._at(self._start, time) < self._start.seconds:
            return -1
        return int(self._end is not None and self._at(self._end, time) > self._end.seconds)

    def _at(self, moment: Moment, time: float) -> float:
        return time if moment.absolute else self._position


def _counted(moment: Moment | None, length: float) -> Moment | None:
    """From the beginning where it was told from the end."""
    if moment is None or moment.absolute or moment.seconds >= 0:
        return moment
    return Moment(max(0.0, length + moment.seconds))
