"""A comparison in words, as a table, and as a page with charts that needs no network: changes, and lines over time."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..experiments import Compared, Comparison, Run
from ..report.tables import Row, as_html, as_text
from .charts import changes, lines
from .compare import Group, share
from .words import value

_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; max-width: 900px; margin: 24px auto; padding: 0 16px; }
table { border-collapse: collapse; } th, td { padding: 2px 10px; border-bottom: 1px solid #8884; }
figure { display: inline-block; margin: 12px 16px 12px 0; } figcaption { font-weight: 600; }
svg { max-width: 100%; } .quiet { opacity: 0.7; font-size: 13px; }
"""


def table(found: Comparison) -> tuple[Row, list[Row]]:
    """A row per metric."""
    head = ("metric", "first", "second", "change", "95 % interval", "chance", "by more than chance")
    return head, [_row(row) for row in found.metrics]


def _row(row: Compared) -> Row:
    interval = "" if row.low is None or row.high is None else f"{share(row.low)} to {share(row.high)}"
    chance = "" if row.p is None else "< 0.001" if row.p < 0.001 else f"{row.p:.2g}"
    verdict = {True: "yes", False: "no", None: ""}[row.significant]
    change = "" if row.change is None else share(row.change)
    return (row.metric, value(row.first, row.unit), value(row.second, row.unit), change, interval, chance, verdict)


def plain(found: Comparison) -> str:
    """For a terminal."""
    reasons = [reason for reason in dict.fromkeys(row.how for row in found.metrics) if reason]
    head = f"first: {found.first}\nsecond: {found.second}\n"
    grounds = [f"{', '.join(_of(found, reason))}: {reason}" for reason in reasons]
    return "\n".join([head, as_text(*table(found)), "", found.statement, *found.notes, *grounds])


def _of(found: Comparison, reason: str) -> list[str]:
    return [row.metric for row in found.metrics if row.how == reason]


def bundle(found: Comparison) -> dict[str, Any]:
    """For a notebook."""
    said = "".join(f"<p>{escape(text)}</p>" for text in (found.statement, *found.notes))
    return {"text/plain": plain(found), "text/html": f"{said}{as_html(*table(found))}"}


def page(found: Comparison, first: Group, second: Group) -> str:
    """A page of its own."""
    reasons = [reason for reason in dict.fromkeys(row.how for row in found.metrics) if reason]
    grounds = "".join(f"<li>{escape(', '.join(_of(found, reason)))}: {escape(reason)}.</li>" for reason in reasons)
    notes = "".join(f"<p>{escape(note)}</p>" for note in found.notes)
    title = escape(f"{found.second} against {found.first}")
    figures = "".join(_figure(name, svg) for name, svg in _figures(found, first.runs[0], second.runs[0]))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(found.statement)}</p>{notes}{as_html(*table(found))}{figures}"
        f'<div class="quiet"><h2>How it was told</h2><ul>{grounds}</ul></div></html>\n'
    )


def _figures(found: Comparison, first: Run, second: Run) -> list[tuple[str, str]]:
    figures = [("Change, with its 95 % interval", changes(found.metrics))]
    both = [name for name in first.metrics if len(first.metrics[name].values) > 1 and name in second.metrics]
    for name in both:
        pairs = [(run.name, run.metrics[name].times, run.metrics[name].values) for run in (first, second)]
        figures.append((f"{name}, over seconds since the start", lines(pairs, first.metrics[name].unit)))
    powers = [power for run in (first, second) if (power := _power(run)) is not None]
    if len(powers) > 1:
        figures.append(("Power of all GPUs, over seconds since the start", lines(powers, "watts")))
    return [(name, svg) for name, svg in figures if svg]


def _power(run: Run) -> tuple[str, Sequence[float], Sequence[float]] | None:
    """The sum over the GPUs that the run used, where each was read."""
    usage, used = run.usage, {device.name for device in run.cell.devices if device.used} if run.cell else set[str]()
    columns = (
        [values["power"] for name, values in usage.gpus.items() if name in used and "power" in values] if usage else []
    )
    if usage is None or not columns:
        return None
    rows = [(time, row) for time, *row in zip(usage.time, *columns, strict=True) if None not in row]
    return run.name, [time - run.start for time, _ in rows], [sum(v or 0.0 for v in row) for _, row in rows]


def _figure(name: str, svg: str) -> str:
    return f"<figure><figcaption>{escape(name)}</figcaption>{svg}</figure>"


def write(text: str, path: Path) -> None:
    """Write the page as HTML, or a picture of it.

    Raises:
        RunError: it is to be another kind of file, or it cannot be written, or there is no browser to draw a picture.
    """
    try:
        if path.suffix == ".html":
            path.write_text(text, encoding="utf-8")
        elif path.suffix == ".png":
            _picture(text, path)
        else:
            raise RunError(f"A comparison is written as .html or .png; not {path.name!r}.")
    except OSError as e:
        raise RunError(f"{path} cannot be written: {e.strerror or e}") from None


def _picture(text: str, path: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        raise RunError("A picture is drawn by Chromium or Chrome, and neither is on PATH. Write it as .html instead.")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.png"
        source.write_text(text, encoding="utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        ]
        command = [browser, *flags, "--window-size=960,1400", f"--screenshot={target}", source.as_uri()]
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=60, check=False)  # noqa: S603 - found on PATH
        if not target.exists():
            raise RunError(f"{Path(browser).name} did not draw the picture. Write it as .html instead.")
        shutil.copyfile(target, path)
