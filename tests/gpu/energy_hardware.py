"""The experiments that tell what a board's energy sensors are worth, on a machine with an NVIDIA GPU.

    python -m tests.gpu.energy_hardware --json result.json [--gpu 0] [--share 1] [--only probe square …]

Takes about 25 minutes in full; nobody else should use the GPU meanwhile. The file names the board's model and driver
and the date, and neither serial number nor UUID, so it can be published. It runs on the fake driver too, to show that
the experiments find what they look for; such a file says ``"simulated": true``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pynvml as nvml

import jupyter_gpumon

from . import cells, experiments
from .experiments import Bench, Found
from .load import open_load
from .readings import Board

EXPERIMENTS = {
    "probe": experiments.probe,
    "polling": experiments.polling,
    "square": experiments.square,
    "step": experiments.step,
    "repeated": cells.repeated,
    "shared": cells.shared,
    "decay": experiments.decay,
    "waiting": cells.waiting,
}


def provenance(board: Board, share: float) -> Found:
    """What was measured, with what and when; nothing that names this very board or machine."""
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(board.handle)
    return {
        "board": nvml.nvmlDeviceGetName(board.handle),
        "compute_capability": f"{major}.{minor}",
        "vbios": _answered(nvml.nvmlDeviceGetVbiosVersion, board.handle),
        "power_limit_watts": _answered(nvml.nvmlDeviceGetEnforcedPowerLimit, board.handle),
        "persistence": _answered(nvml.nvmlDeviceGetPersistenceMode, board.handle),
        "driver": nvml.nvmlSystemGetDriverVersion(),
        "system": f"{platform.system()} {platform.release()}",
        "software": jupyter_gpumon.__version__,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
        "share": share,
        "simulated": "FAKENVML_SCENARIO" in os.environ,
    }


def _answered(call: Any, handle: Any) -> Any:
    try:
        return call(handle)
    except nvml.NVMLError as error:
        return str(error)


def run(bench: Bench, names: Sequence[str]) -> Found:
    """The experiments one after the other; one that fails says so in its place, and the others go on."""
    result: Found = {"version": 1, "provenance": provenance(bench.board, bench.share)}
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            result[name] = EXPERIMENTS[name](bench)
        except (nvml.NVMLError, ArithmeticError, ValueError, RuntimeError, OSError) as error:
            traceback.print_exc()
            result[name] = {"failed": f"{type(error).__name__}: {error}"}
    return result


def main() -> int:
    """Run what is asked for and write the file; 1 where an experiment failed."""
    options = _arguments().parse_args()
    board = Board(options.gpu)
    load = open_load(board.uuid)
    if options.busy:
        load.busy(options.busy)
        return 0
    result = run(Bench(board, load, options.share), options.only or list(EXPERIMENTS))
    text = json.dumps(result, indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    else:
        print(text)
    return int(any("failed" in part for part in result.values() if isinstance(part, dict)))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.energy_hardware", description=__doc__)
    parser.add_argument("--gpu", type=int, default=0, help="NVML's index of the board")
    parser.add_argument("--share", type=float, default=1.0, help="how thorough: 1 in full, 0.1 to try it out")
    parser.add_argument("--only", nargs="+", choices=list(EXPERIMENTS))
    parser.add_argument("--json", type=Path, help="the result file; else it goes to standard output")
    parser.add_argument("--busy", type=float, metavar="SECONDS", help="only keep the GPU busy for so long")
    return parser


if __name__ == "__main__":
    sys.exit(main())
