"""A fake driver on disk: its scenario, the environment that makes a process use it, and what was asked of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from .build import build
from .profile import Timeline
from .scenario import Proc, Scenario, Xid
from .stats import Stats, read_stats
from .workload import draw

SEEN = 0.002
"""Seconds after which every process has the scenario that was written: the library looks at the file every 1 ms."""


class FakeDriver:
    """Lives in ``folder``; ``env`` makes a child process load it. A change is in force when its call returns."""

    def __init__(self, folder: Path, scenario: Scenario | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.scenario_file, self.load_file, self.stats_file = (folder / name for name in ("scenario", "load", "stats"))
        self.load_file.touch()
        self.write(scenario or Scenario())
        self.library = build(self.scenario.hidden) if self.scenario.library else self._broken_library()

    def _broken_library(self) -> Path:
        """A folder whose libnvidia-ml.so.1 cannot be loaded, also where the machine has a real one."""
        (self.folder / "none").mkdir(exist_ok=True)
        (self.folder / "none" / "libnvidia-ml.so.1").touch()
        return self.folder / "none"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables themselves."""
        path = os.pathsep.join(filter(None, [str(self.library), os.environ.get("LD_LIBRARY_PATH")]))
        files = {"SCENARIO": self.scenario_file, "LOAD": self.load_file, "STATS": self.stats_file}
        own = {"LD_LIBRARY_PATH": path, "GPUMON_CACHE": str(self.folder / "cache")}  # each driver's boards are others
        return own | {f"FAKENVML_{name}": str(file) for name, file in files.items()}

    @property
    def env(self) -> dict[str, str]:
        """The environment of a child process that runs on this driver."""
        return os.environ | self.variables

    def write(self, scenario: Scenario) -> None:
        """Replace the scenario at once."""
        self.scenario = scenario
        draft = self.scenario_file.with_suffix(".new")
        draft.write_text(scenario.text())
        draft.replace(self.scenario_file)
        time.sleep(SEEN)

    def update(self, gpu: int | None = None, **keys: Any) -> None:
        """Change keys of one GPU, or of all; None takes a key out. ``power`` changes from now on, not for the past."""
        if "power" in keys:
            self.power(keys.pop("power"), gpu)
        self.scenario.set(gpu, **keys)
        self.write(self.scenario)

    def processes(self, *processes: Proc) -> None:
        """These processes, and no others, are on the GPUs from now on."""
        self.scenario.processes = list(processes)
        self.write(self.scenario)

    def xid(self, gpu: int, code: int, **more: Any) -> None:
        """An XID now."""
        self.scenario.events.append(Xid(gpu, time.monotonic(), code, **more))
        self.write(self.scenario)

    def fail(self, function: str, code: int | None, gpu: int | None = None) -> None:
        """Let a function (``field:82``: a field; ``*``: all) return this code from now on; None: work again."""
        self._rule("errors", function, code, gpu)

    def hang(self, function: str, seconds: float | None, gpu: int | None = None) -> None:
        """Let calls of a function take this long from now on; None frees also those that hang now."""
        self._rule("hang", function, seconds, gpu)

    def _rule(self, kind: str, function: str, value: float | None, gpu: int | None) -> None:
        rules = {**(self.scenario.get(kind, gpu) or {}), function: value}
        self.update(gpu, **{kind: {name: each for name, each in rules.items() if each is not None}})

    def lose(self, gpu: int) -> None:
        """The GPU falls off the bus now."""
        self.update(gpu, lost_at=time.monotonic(), back_at=None)

    def bring_back(self, gpu: int) -> None:
        """It is there again, for whoever opens the driver from now on."""
        self.update(gpu, back_at=time.monotonic())

    def power(self, profile: float | str, gpu: int | None = None, at: float | None = None) -> float:
        """Draw this (see profile.py) from now, or from ``at``, on; the energy counter runs on. Returns the moment."""
        return draw(profile, gpu, at, self.load_file)

    def timeline(self, gpu: int = 0) -> Timeline:
        """What the GPU draws, as written up to now."""
        keys = (self.scenario.get("power", gpu, "60"), self.scenario.get("epoch"), self.scenario.get("phase", gpu, 0.0))
        timeline = Timeline.of(str(keys[0]), float(keys[1]), float(keys[2]))
        for line in self.load_file.read_text().splitlines():
            start, who, profile = line.split()
            if who in ("*", str(gpu)):
                timeline.add(float(start), profile)
        return timeline

    def energy(self, start: float, end: float, gpu: int = 0) -> float:
        """The exact joules a GPU draws between two moments of ``time.monotonic()``."""
        return self.timeline(gpu).energy(start, end)

    def stats(self) -> Stats:
        """What was asked of the driver up to now, by all processes."""
        return read_stats(self.stats_file)
