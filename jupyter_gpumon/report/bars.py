"""Bars as a picture without any library: what each device's energy is made of, and what the dearest cells took."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from .palette import colour
from .preference import said

_WIDTH, _LEFT, _RIGHT, _PITCH, _THICK = 720, 150, 90, 22, 14
_INK = "#808080"
"""Readable on white and on black: a picture does not know the page's theme."""
_NAME = 22
"""Characters of a name that find room."""


class Bar(NamedTuple):
    """One bar: its parts lie end to end, in the colours of the legend."""

    name: str
    parts: Sequence[float]
    """In joules."""


def drawing(bars: Sequence[Bar], legend: Sequence[str]) -> tuple[str, int, int]:
    """The bars as SVG, with its width and height in pixels. All are on one scale."""
    top = max((sum(bar.parts) for bar in bars), default=0.0) or 1.0
    shown = [i for i in range(len(legend)) if any(i < len(bar.parts) and bar.parts[i] > 0 for bar in bars)]
    height = _PITCH * (len(bars) + len(shown)) + 12
    body = "".join(_bar(bar, row, top) for row, bar in enumerate(bars))
    keys = "".join(_key(legend[i], i, len(bars) + row) for row, i in enumerate(shown))
    made = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">{body}{keys}</svg>'
    )
    return made, _WIDTH, height


def _bar(bar: Bar, row: int, top: float) -> str:
    scale, x, y = (_WIDTH - _LEFT - _RIGHT) / top, float(_LEFT), row * _PITCH + 4
    name = bar.name if len(bar.name) <= _NAME else f"{bar.name[: _NAME - 1]}…"
    drawn = [f'<text x="{_LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(name)}</text>']
    for position, joules in enumerate(bar.parts):
        width = joules * scale
        if width > 0:
            drawn.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_THICK}" fill="{colour(position)}"/>')
        x += width
    return "".join([*drawn, f'<text x="{x + 6:.1f}" y="{y + 11}">{escape(said(sum(bar.parts)))}</text>'])


def _key(words: str, position: int, row: int) -> str:
    y = row * _PITCH + 8
    return (
        f'<rect x="{_LEFT}" y="{y}" width="10" height="10" rx="2" fill="{colour(position)}"/>'
        f'<text x="{_LEFT + 16}" y="{y + 9}">{escape(words)}</text>'
    )
