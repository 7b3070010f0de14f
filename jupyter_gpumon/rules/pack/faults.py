"""What the driver and its devices say by themselves: XIDs, a GPU that is gone, a driver that does not answer."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ... import xids
from ...findings import Evidence, Finding
from ...model import Event
from ..holders import owned
from ..window import Window
from .written import Written

REMEMBERED = 600.0
"""Seconds after the last one for which an XID is still said."""
GONE, MEMORY = "gone", "memory-errors"
_CAUSES = {79: GONE, **dict.fromkeys((48, 64, 92, 94, 95, 140, 171, 172), MEMORY), 154: "recovery",
           **dict.fromkeys((74, 121, 136, *range(144, 151), 155, 173), "nvlink")}  # fmt: skip
"""XIDs that another rule finds too, by another way."""
SILENT = ("stalled", "mismatch", "no-driver", "permission")


class Xids(Written):
    """The driver reported an error of a GPU; each code is an alert of its own."""

    id, title = "xid", "XID error"
    help = (
        "The driver reports an XID: level, meaning and what to do are by its code. Those that only follow are left out."
    )
    ends = "None of the same code has come for 10 min."

    def check(self, window: Window) -> Iterator[Finding]:
        """Those that came with this sample."""
        for event in window.events:
            if event.kind == "xid" and event.code is not None and xids.of(event.code).alarms:
                yield self._finding(window, event, xids.of(event.code))

    def still(self, window: Window, finding: Finding) -> bool:
        """For a while after the last one; while the GPU is lost by it, too."""
        device = window.device(finding.uuid or "")
        if finding.cause == GONE and device is not None and device.state == "lost":
            return True
        return window.time - finding.evidence[0].time[0] < REMEMBERED

    def _finding(self, window: Window, event: Event, xid: xids.Xid) -> Finding:
        finding = self.found(event.uuid, event.detail or xid.name, float(xid.code), "count")
        finding = replace(
            finding, level=xid.level, title=xid.title, steps=xid.steps, subject=str(xid.code),
            cause=_CAUSES.get(xid.code, ""), evidence=(Evidence(metric="xid", uuid=event.uuid, time=(event.time,)),),
        )  # fmt: skip
        return owned(window, finding)


class Lost(Written):
    """A device is there, and does not answer."""

    id, title, level, cause = "gpu-lost", "GPU has fallen off the bus", "critical", GONE
    help = "The driver knows the GPU, and it does not answer."
    steps = xids.STEPS["reboot"]

    def check(self, window: Window) -> Iterator[Finding]:
        """Each that is lost."""
        for device in window.hello.devices:
            if device.state == "lost" and device.parent is None:
                yield owned(window, self.found(device.uuid, device.detail or f"{device.label} does not answer"))


class DriverSilent(Written):
    """There were GPUs, and the driver does not answer any more; a machine without a driver is none of this."""

    id, title, level = "driver-silent", "The driver does not respond", "critical"
    help = "The driver hangs, was unloaded, or was upgraded while in use; only where there were GPUs."
    steps = (
        "Save your work; programs on these GPUs may hang with it.",
        "Wait a minute: it heals by itself where it was only slow.",
        "See what gpumon doctor says; if it goes on, the machine has to be restarted.",
    )

    def check(self, window: Window) -> Iterator[Finding]:
        """One, where that is so."""
        status = window.hello.status
        if status.state in SILENT and window.hello.devices:
            finding = self.found(None, status.message)
            yield replace(finding, steps=(status.hint, *self.steps) if status.hint else self.steps)
