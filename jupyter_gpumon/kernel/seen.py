"""What the samples round a measured window say of its devices: who was on them, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterable

from ..findings import Finding
from ..model import Device, Sample
from .groups import Groups


class Seen:
    """Looks at samples as they come, in the monitor's thread.

    Args:
        start: of the window, monotonic seconds.
        devices: those it is about.
        groups: tells whose a process is.
    """

    def __init__(self, start: float, devices: Iterable[Device], groups: Groups) -> None:
        self.owners: set[str] = set()
        """UUIDs of the devices on which this kernel has a context."""
        self.others: dict[str, int] = {}
        """UUID → how many processes of others were on it."""
        self.xids: list[int] = []
        self.alerts: dict[str, Finding] = {}
        """What the alerts that fired within the window found, by their ids."""
        self.gaps: list[str] = []
        """What is said of times without samples."""
        self.lost: set[str] = set()
        """UUIDs of boards and devices that stopped answering."""
        self.processes_at = 0.0
        """When processes were last looked at; 0 where nobody could."""
        self._start, self._groups = start, groups
        self._watched = {uuid for device in devices for uuid in (device.uuid, device.parent) if uuid}

    def take(self, sample: Sample, end: float | None) -> None:
        """Look at one sample; ``end`` is the window's where that is known already."""
        if sample.processes is not None:
            self._look_at_processes(sample)
        if sample.mono >= self._start:
            self._look_at_events(sample, over=end is not None and sample.mono > end)

    def _look_at_processes(self, sample: Sample) -> None:
        owners: set[str] = set()
        others: dict[str, int] = {}
        for process in sample.processes or ():
            if self._groups.owns(process):
                owners.add(process.uuid)
            else:
                others[process.uuid] = others.get(process.uuid, 0) + process.count
        if sample.mono < self._start:
            self.owners, self.others = owners, others  # only the last look before the start counts
        else:
            self.owners |= owners
            self.others = {key: max(n, self.others.get(key, 0)) for key, n in {**self.others, **others}.items()}
        self.processes_at = sample.mono

    def _look_at_events(self, sample: Sample, *, over: bool) -> None:
        here = [event for event in sample.events if event.uuid in self._watched]
        self.xids += [event.code for event in here if event.kind == "xid" and event.code]
        if not over:
            self._note_alerts(sample)
            self.gaps += [event.title for event in sample.events if event.kind == "gap"]
            self.lost |= {event.uuid for event in here if event.kind in ("lost", "gone") and event.uuid}

    def _note_alerts(self, sample: Sample) -> None:
        """One that fired before the window, and is told of again because somebody has seen it, does not count."""
        for alert in (event.alert for event in sample.events if event.alert is not None):
            fired = sample.mono - (sample.time - alert.fired)
            if alert.state == "firing" and fired >= self._start:
                self.alerts[alert.id] = alert.finding
