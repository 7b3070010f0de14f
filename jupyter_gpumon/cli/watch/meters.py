"""Meters and sparklines out of block characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_GROUND = "grey30"
HIGH, FULL = 0.9, 0.97
"""Shares of a limit from which on a meter is of another colour."""


def meter(share: float | None, width: int, colour: str, *, limit: bool = False) -> Text:
    """A bar that is filled to this share.

    Args:
        share: 0 to 1; None leaves it empty.
        width: characters.
        colour: of the bar.
        limit: nearing 1 is worth a warning.
    """
    text = Text("", no_wrap=True)
    eighths = round(8 * width * min(1.0, max(0.0, share or 0.0)))
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[rest] if rest else "")
    text.append(bar, level(share, colour) if limit else colour)
    text.append("░" * (width - len(bar)), _GROUND)
    return text


def level(share: float | None, colour: str) -> str:
    """The colour of a value near its limit."""
    if share is None or share < HIGH:
        return colour
    return "bold red" if share >= FULL else "dark_orange"


def spark(values: Sequence[float | None], top: float | None, colour: str) -> Text:
    """A line of bars of eight heights; blank where nothing is known.

    Args:
        values: from left to right.
        top: the upper end of the scale; the greatest value where there is none.
        colour: of the bars.
    """
    known = [value for value in values if value is not None]
    top = top or max(known, default=0.0) or 1.0
    return Text("".join(_height(value, top) for value in values), colour, no_wrap=True)


def _height(value: float | None, top: float) -> str:
    if value is None:
        return " "
    return _HEIGHTS[min(7, max(0, round(7 * value / top)))]


def joined(parts: Iterable[Text | str], between: str = " ") -> Text:
    """Parts side by side."""
    return Text(between, no_wrap=True).join(part if isinstance(part, Text) else Text(part) for part in parts)


def cell(text: str, width: int, style: str = "", *, right: bool = False) -> Text:
    """A text of exactly this width, cut where it is longer."""
    cut = text if len(text) <= width else text[: max(0, width - 1)] + "…"
    return Text(cut.rjust(width) if right else cut.ljust(width), style, no_wrap=True)
