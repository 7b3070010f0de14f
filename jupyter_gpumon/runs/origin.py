"""Which code a run is of, and on what it runs: git, notebook, GPU, driver, CUDA, frameworks. Found, not asked."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
from msgspec.structs import replace

from ..experiments import Origin
from ..model import Hello

_PATIENCE = 2.0
"""Seconds that git may take; on a slow network drive a run begins without its tags."""
_MESSAGE = 70
"""Characters of a commit's message that are kept."""

FRAMEWORKS = (
    "torch", "tensorflow", "jax", "cupy", "numpy", "numba", "transformers", "lightning", "keras", "vllm", "cudf",
)  # fmt: skip
"""Modules whose version is told where the code itself has imported them."""


def origin(hello: Hello, folder: Path, notebook: str | None) -> Origin:
    """All that can be told when a run begins."""
    return replace(
        of_git(folder),
        notebook=notebook or _script(),
        hostname=platform.node(),
        python=platform.python_version(),
        cpus=os.cpu_count(),
        memory=float(psutil.virtual_memory().total),
        **_of_gpus(hello),
    )


def _of_gpus(hello: Hello) -> dict[str, object]:
    boards = [device.name for device in hello.devices if device.parent is None and device.state != "gone"]
    return {"gpus": tuple(boards), "driver": hello.driver, "cuda": hello.cuda}


def renewed(origin: Origin, hello: Hello) -> Origin:
    """The same when it ends: by then the GPUs are known, and more may have been imported."""
    return replace(origin, frameworks=frameworks(), **_of_gpus(hello))


def frameworks() -> dict[str, str]:
    """Versions of what this process has imported; imports nothing."""
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in FRAMEWORKS}
    return {name: str(version) for name, version in found.items() if version}


def of_git(folder: Path) -> Origin:
    """Repository, branch, commit and message of the folder; empty where it is in no repository, or git is not there."""
    head = _git(folder, "log", "-1", "--format=%H%n%s")
    if not head:
        return Origin()
    commit, _, message = head.partition("\n")
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Origin(
        repository=_repository(folder),
        branch=None if branch == "HEAD" else branch,
        commit=commit,
        message=message[:_MESSAGE],
        changed=None if changes is None else bool(changes),
    )


def _repository(folder: Path) -> str | None:
    """Where it is from, without what may be secret; else the name of its folder."""
    remote = _git(folder, "remote", "get-url", "origin")
    if remote:
        return re.sub(r"(?<=://)[^/@]*@", "", remote)
    top = _git(folder, "rev-parse", "--show-toplevel")
    return Path(top).name if top else None


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None where it cannot."""
    command: Sequence[str] = ("git", "-C", str(folder), *words)
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, env=quiet, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _script() -> str | None:
    """The name of the program's file; None where it has none (a terminal, ``-c``)."""
    name = Path(getattr(sys.modules.get("__main__"), "__file__", None) or "").name
    return None if name in ("", "ipykernel_launcher.py", "__main__.py") else name
