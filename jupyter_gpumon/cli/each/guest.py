"""Runs a notebook, or the ``run_benchmark`` of a module, as a task of its own.

It is started by its path, and imports nothing of ours: what is measured is the benchmark. What the benchmark says of
itself is left in a file: ``{"tags": {…}, "metrics": {name: [[time, value], …]}}``.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import math
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

_OLD = ("logger", "branch", "commit_id", "commit_msg")
_NEW = ("logger", "repository", "branch", "commit_id", "commit_msg")
"""What Transformers' benchmarks are called with, in this order; those of before had no repository."""


class Recorder:
    """Takes what a benchmark tells, by the three calls of Transformers' recorder."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.metrics: dict[str, list[tuple[float, float]]] = {}

    def initialise_benchmark(self, metadata: Mapping[str, object]) -> str:
        """What it is about; an id."""
        self.tags |= {str(name): str(value) for name, value in metadata.items()}
        return str(uuid.uuid4())

    def collect_device_measurements(self, benchmark_id: object, *values: object, **named: object) -> None:
        """Nothing: the devices are measured from outside, all of them."""

    def collect_model_measurements(self, benchmark_id: object, measurements: Mapping[str, float]) -> None:  # noqa: ARG002 - theirs
        """Numbers by name; one that is told again is another value of it. What is no number (NaN) is left out."""
        now = time.time()
        for name, value in measurements.items():
            number = float(value)
            if math.isfinite(number):
                self.metrics.setdefault(str(name), []).append((now, number))

    def close(self) -> None:
        """Nothing is open."""

    def write(self, path: str) -> None:
        """Leave what was told."""
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - no pathlib: less is imported
            json.dump({"tags": self.tags, "metrics": self.metrics}, file)


def bound(function: Callable[..., object], values: Mapping[str, object]) -> Callable[[], object]:
    """The call with what the function takes: by names where it has ours, else in the order of now, else of before.

    Whether it can be called so is asked of its signature: a TypeError of the benchmark itself is its own affair.

    Raises:
        TypeError: it can be called in none of these ways.
    """
    signature = inspect.signature(function)
    takes = signature.parameters.values()
    anything = any(each.kind is each.VAR_KEYWORD for each in takes)
    named = {name: value for name, value in values.items() if anything or name in signature.parameters}
    recorder = {name: named[name] for name in ("metrics_recorder",) if name in named}
    ways: list[tuple[tuple[object, ...], dict[str, object]]] = [((), named)]
    ways += [(tuple(values[name] for name in order), recorder) for order in (_NEW, _OLD)]
    for given, more in ways:
        try:
            signature.bind(*given, **more)
        except TypeError:
            continue
        return lambda given=given, more=more: function(*given, **more)  # type: ignore[misc]
    raise TypeError(f"run_benchmark{signature} cannot be called: it is given {', '.join(values)}.")


def benchmark(path: str, told: Mapping[str, str]) -> None:
    """Load a module and call its ``run_benchmark``; what it has told stays, however it ends."""
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)  # noqa: PTH119,PTH122
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded as a module.")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recorder = Recorder()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="[%(levelname)s - %(asctime)s] %(message)s")
    values = {"logger": logging.getLogger(spec.name), **told, "metrics_recorder": recorder}
    measurements = values.pop("measurements")
    try:
        bound(module.run_benchmark, values)()
    finally:
        recorder.write(str(measurements))


def notebook(path: str) -> int:
    """Run all cells in the notebook's folder, and print what they put out as text; it is not written to."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    book = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    folder = {"metadata": {"path": os.path.dirname(os.path.abspath(path))}}  # noqa: PTH100,PTH120
    try:
        NotebookClient(book, timeout=None, resources=folder).execute()
    except CellExecutionError as e:
        sys.stderr.write(f"{e}\n")
        return 1
    finally:
        for cell in book.cells:
            sys.stdout.write("".join(map(_text, cell.get("outputs", ()))))
    return 0


def _text(output: Mapping[str, Any]) -> str:
    """An output as text; an error's is told apart."""
    shown = output.get("data", {}).get("text/plain")
    return f"{shown}\n" if shown else str(output.get("text", ""))


def main(told: str, path: str, *arguments: str) -> int:
    """Run it as if it had been started itself."""
    sys.argv = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(path))  # noqa: PTH100,PTH120
    if path.endswith(".ipynb"):
        return notebook(path)
    benchmark(path, json.loads(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
