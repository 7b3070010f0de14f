"""A browser of this machine that prints a page, or takes a picture of it, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import GpuMonError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_PATIENCE = 120.0
"""Seconds a browser may take."""


class BrowserError(GpuMonError):
    """There is no browser that can, or it failed; the text says what to do without one."""


def printed(page: str) -> bytes:
    """The page as PDF.

    Raises:
        BrowserError: there is no browser, or it failed.
    """
    return _made(page, "page.pdf", ("--no-pdf-header-footer", "--print-to-pdf={}"))


def pictured(page: str, width: int, height: int) -> bytes:
    """A PNG of so many pixels of the page, once its scripts have drawn.

    Raises:
        BrowserError: there is no browser, or it failed.
    """
    size = f"--window-size={width},{height}"
    return _made(page, "page.png", ("--hide-scrollbars", size, "--virtual-time-budget=10000", "--screenshot={}"))


def _made(page: str, name: str, options: Sequence[str]) -> bytes:
    kind = name.rpartition(".")[2].upper()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise BrowserError(f"A {kind} is made by Chromium or Chrome, and none is here. Write .html instead.")
    with tempfile.TemporaryDirectory(prefix="gpumon-page-") as folder:
        source, made = Path(folder) / "page.html", Path(folder) / name
        source.write_text(page, encoding="utf-8")
        _run(browser, [option.format(made) for option in options], source)
        if not made.is_file():
            raise BrowserError(f"{browser} made no {kind}. Write .html instead.")
        return made.read_bytes()


def _run(browser: str, options: Sequence[str], page: Path) -> None:
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [browser, "--headless", "--disable-gpu", profile, *options, page.as_uri()]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.insert(1, "--no-sandbox")  # a container's usual user, for whom it does not start otherwise
    try:
        subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 - our own words
    except subprocess.TimeoutExpired as e:
        raise BrowserError(f"{browser} was not done within {_PATIENCE:.0f} s. Write .html instead.") from e
