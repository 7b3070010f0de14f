"""Builds the fake libraries with cc and NVML's public header (PyPI nvidia-nvml-dev), once per state of the sources."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

SOURCES = Path(__file__).with_name("src")
FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-Wall", "-Wextra", "-Wno-deprecated-declarations")


class NotBuildable(RuntimeError):
    """What is missing to build the fake driver, in words."""


def header() -> Path:
    """The folder of nvml.h."""
    try:
        files = importlib.metadata.files("nvidia-nvml-dev") or []
    except importlib.metadata.PackageNotFoundError:
        raise NotBuildable("nvml.h is missing: pip install nvidia-nvml-dev") from None
    return next(Path(str(file.locate())).parent for file in files if file.name == "nvml.h")


def compiler() -> str:
    """The C compiler's path."""
    found = shutil.which("cc") or shutil.which("gcc")
    if not found:
        raise NotBuildable("a C compiler is missing: apt install gcc libc6-dev")
    return found


def build(hidden: Iterable[str] = (), root: Path | None = None) -> Path:
    """A folder with libcuda.so.1, and with libnvidia-ml.so.1 less the hidden symbols; built where it is missing."""
    root = root or Path(__file__).with_name("build")
    names = sorted(hidden)
    inputs = [path.read_bytes() for path in sorted(SOURCES.iterdir())]
    key = hashlib.sha256(b"\0".join([*inputs, str(header()).encode(), *(name.encode() for name in names)])).hexdigest()[
        :16
    ]
    target = root / key
    if not target.exists():
        _build(target, names)
    return target


def _build(target: Path, hidden: list[str]) -> None:
    """Build beside the target and move there at once: several test runs may build at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        objects = [_compile(source, work) for source in sorted(SOURCES.glob("*.c"))]
        local = "".join(f"{name}; " for name in hidden)
        nvml = [each for each in objects if each.name != "cuda.o"]
        _link(nvml, work / "libnvidia-ml.so.1", f"{{ global: nvml*; local: {local}*; }};")
        _link(objects, work / "libcuda.so.1", "{ global: cu*; local: *; };")
        with contextlib.suppress(OSError):  # another run was first
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(source: Path, work: Path) -> Path:
    output = work / f"{source.stem}.o"
    _run(compiler(), *FLAGS, f"-isystem{header()}", "-c", source, "-o", output)
    return output


def _link(objects: list[Path], output: Path, symbols: str) -> None:
    script = output.with_suffix(".map")
    script.write_text(symbols)
    _run(
        compiler(),
        "-shared",
        *objects,
        "-o",
        output,
        f"-Wl,--version-script={script},-soname,{output.name}",
        "-lm",
        "-lpthread",
    )


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the fake driver does not build:\n{done.stderr}")
