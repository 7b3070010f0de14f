"""Which scripts and notebooks there are, and how each is started."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import SourceError
from ...experiments import Origin

ENDINGS = (".py", ".ipynb")
ENTRY = "run_benchmark"
"""A module with a function of this name is loaded, and that is called."""
_GUEST = Path(__file__).with_name("guest.py")


def found(words: Sequence[str]) -> list[Path]:
    """The files that are named, and those of the folders that are named, by name; each once.

    Raises:
        SourceError: one is not there, or is no script or notebook; or there is none at all.
    """
    files = list(dict.fromkeys(path for word in words for path in _of(Path(word))))
    if not files:
        raise SourceError(f"There is no script or notebook in {', '.join(words) or 'nothing'}: name files or folders.")
    return files


def _of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if each.suffix in ENDINGS and each.is_file())
        yield from (each for each in inside if not each.name.startswith(("_", ".")))
    elif not path.is_file():
        raise SourceError(f"{path} is not there. --each takes scripts, notebooks, folders; arguments follow after --.")
    elif path.suffix not in ENDINGS:
        raise SourceError(f"{path} is no script or notebook: there are {' and '.join(ENDINGS)}.")
    else:
        yield path


def names(files: Sequence[Path]) -> list[str]:
    """What each is called: its name without the ending, with its folder's where two are of one name."""
    stems = [path.stem for path in files]
    return [path.stem if stems.count(path.stem) == 1 else path.as_posix() for path in files]


def command(path: Path, arguments: Sequence[str], origin: Origin, measurements: Path) -> list[str]:
    """How it is started, with the Python that we run on.

    Args:
        path: the script, which is started as it is; a notebook, or a module with ``run_benchmark``, by a guest.
        arguments: the script's own; a notebook has none.
        origin: the commit that a benchmark is told.
        measurements: file into which a benchmark's measurements are written.
    """
    if path.suffix != ".ipynb" and not is_module(path):
        return [sys.executable, str(path), *arguments]
    told = {
        "measurements": str(measurements), "repository": origin.repository or "", "branch": origin.branch or "",
        "commit_id": origin.commit or "", "commit_msg": origin.message or "",
    }  # fmt: skip
    return [sys.executable, str(_GUEST), json.dumps(told), str(path), *arguments]


def is_module(path: Path) -> bool:
    """Whether it defines ``run_benchmark``; what cannot be read is left to Python to complain of."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(each, ast.FunctionDef) and each.name == ENTRY for each in body)
