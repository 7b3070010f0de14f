"""What this machine's GPU does against its CPU, and how fast a model generates. Never run unless asked for.

from jupyter_gpumon import bench

bench.run()                        # a matrix product and a copy: the result is a run of its own
bench.tokens(times, start=begin)   # the timing of one generation
bench.generate(model.generate)     # the thirteen times of Transformers' benchmark, as metrics of the open run
"""

from __future__ import annotations

from ..runs.timing import Generation, TokenTimer, tokens
from .generate import generate
from .machine import Plan, run

__all__ = ["Generation", "Plan", "TokenTimer", "generate", "run", "tokens"]
