"""Panels as a page with Plotly, and as a picture of it that a browser on this machine takes."""

from __future__ import annotations

from typing import Any

from ...report.chart import PlotError
from ..browser import pictured

WIDTH = 1200
"""Pixels of a picture."""


def page(found: Any, how: str, *, buttons: bool = True) -> str:
    """A page of its own.

    Args:
        found: the figure.
        how: ``inline``: with Plotly in it, for a machine without a network; ``cdn``: with a link to it, a few kB.
        buttons: Plotly's own, beside the title.

    Raises:
        PlotError: there is no such way.
    """
    if how not in ("inline", "cdn"):
        raise PlotError(f"--plotly takes inline or cdn, not {how!r}.")
    config = {"displaylogo": False} if buttons else {"displayModeBar": False}
    return str(found.to_html(include_plotlyjs=True if how == "inline" else "cdn", config=config))


def picture(found: Any) -> bytes:
    """A PNG, taken of the page.

    Raises:
        BrowserError: there is no browser that can, or it failed.
    """
    found.update_layout(width=WIDTH)
    return pictured(page(found, "inline", buttons=False), WIDTH + 20, int(found.layout.height) + 20)
