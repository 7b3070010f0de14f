"""What the docs say, for tests that hold them to it."""

from __future__ import annotations

from pathlib import Path

import jupyter_gpumon

DOCS = Path(jupyter_gpumon.__file__).parent / "docs"


def table_of(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = (DOCS / page).read_text().partition(f"# {heading}\n")[2].splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")])
    return rows
