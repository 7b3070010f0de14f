"""Small tables, as plain text and as static HTML that survives a notebook's sanitiser."""

from __future__ import annotations

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
        f'<{tag} style="text-align: {"left" if i < words else "right"}">{escape(cell)}</{tag}>'
        for i, cell in enumerate(cells)
    )
    return f"<tr>{''.join(parts)}</tr>"
