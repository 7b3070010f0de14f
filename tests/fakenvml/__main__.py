"""``python -m tests.fakenvml --gpus 8 --mig 2 -- jupyter lab``: run a command on a fake driver."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .driver import FakeDriver
from .scenario import Proc, Scenario


def arguments() -> argparse.ArgumentParser:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakenvml", description=__doc__)
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--mig", type=int, default=0, help="how many of them, the last ones, are split")
    parser.add_argument("--driver", default="580.95.05", help="driver version; decides on symbols and field numbers")
    parser.add_argument("--power", default="square:60,450,0.1,0.6", help="power profile, in watts (see profile.py)")
    parser.add_argument("--latencies", choices=("none", "real"), default="none")
    parser.add_argument("--own", action="store_true", help="let the command itself appear as a process on GPU 0")
    parser.add_argument("--folder", type=Path, help="where the scenario lives, to edit it while the command runs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any other key of the scenario")
    parser.add_argument("command", nargs="+")
    return parser


def scenario(options: argparse.Namespace) -> Scenario:
    """The machine asked for; each GPU runs the profile a little later than the one before."""
    split = {gpu: ["1g.18gb", None, "2g.35gb", "3g.71gb"] for gpu in range(options.gpus - options.mig, options.gpus)}
    each = {gpu: {"phase": 1.7 * gpu, "numa": 2 * gpu // options.gpus} for gpu in range(options.gpus)}
    more = dict(pair.split("=", 1) for pair in options.set)
    return Scenario(
        options.gpus,
        mig=split,
        each=each,
        power=options.power,
        driver=options.driver,
        latencies=options.latencies,
        **more,
    )


def main() -> int:
    """Run the command; its exit status is ours."""
    options = arguments().parse_args()
    with tempfile.TemporaryDirectory(prefix="fakenvml-") as folder:
        driver = FakeDriver(options.folder or Path(folder), scenario(options))
        child = subprocess.Popen(options.command, env=driver.env)
        if options.own:
            driver.processes(Proc(0, child.pid, memory=12 * 1024**3, sm=55))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command; we end when it does
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        return child.wait()


if __name__ == "__main__":
    sys.exit(main())
