"""Small tables, as plain text and as static HTML that survives a notebook's sanitiser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

Row = Sequence[str]


def as_text(head: Row, rows: Sequence[Row], *, words: int = 1) -> str:
    """Columns padded to their widest cell; the first ``words`` columns to the left, numbers to the right."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < words else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def as_html(head: Row, rows: Sequence[Row], *, words: int = 1) -> str:
    """The same as a table; every text is escaped."""
    body = "".join(_line("td", row, words) for row in rows)
    return f'<table style="width: auto; margin: 4px 0">{_line("th", head, words)}{body}</table>'


def _line(tag: str, cells: Row, words: int) -> str:
    parts = (
        f'<{tag} style="text-align: left">{escape(cell)}</{tag}>'
        if i < words
        else f'<{tag} style="text-align: right">{escape(_joined(cell))}</{tag}>'
        for i, cell in enumerate(cells)
    )
    return f"<tr>{''.join(parts)}</tr>"


def _joined(cell: str) -> str:
    """A number and its unit stay on one line where a page is narrow."""
    return re.sub(r"(?<=[\d±≤]) (?=[^\s(])", "\u00a0", cell)


def filled(head: Row, rows: Sequence[Row], *, kept: int) -> tuple[Row, list[Row]]:
    """The table without the columns, from the ``kept``-th on, in which no row says anything."""
    columns = [i for i in range(len(head)) if i < kept or any(row[i] not in ("", "—") for row in rows)]
    return tuple(head[i] for i in columns), [tuple(row[i] for i in columns) for row in rows]


def sentences(parts: list[str]) -> str:
    """Sentences as one small paragraph."""
    return f'<p style="max-width: 60em; margin: 4px 0">{escape(" ".join(parts))}</p>' if parts else ""
