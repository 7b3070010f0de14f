"""What is handed over: an alert that fired, changed or ended, with the names of its device; and its words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from ...findings import LEVELS, Alert
from ...model import Hello
from ...units import duration, quantity


class Notice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert as it was when there was something to be said of it."""

    key: str
    """The same however often it is tried: whoever has taken it once may drop it."""
    alert: Alert
    hostname: str = ""
    gpu: str = ""
    """As the panel calls it: ``0``, or ``0:1`` for an instance; empty where it is about no device."""
    model: str = ""
    at: float
    """Unix time at which it was handed to us."""

    @property
    def over(self) -> bool:
        """Whether it says that the alert is resolved."""
        return self.alert.state == "resolved"


class Target(Protocol):
    """Somebody who takes alerts. Called in a thread of its own; may block for some seconds."""

    @property
    def most(self) -> int:
        """Notices that go together in one message."""

    @property
    def again(self) -> float | None:
        """Seconds after which ``send`` is called with nothing new while alerts fire; None where once is enough."""

    def send(self, notices: Sequence[Notice]) -> None:
        """Hand them over, all or none.

        Raises:
            DeliveryError: they did not arrive, as far as is known.
        """


def notice(alert: Alert, key: str, hello: Hello) -> Notice:
    """Evidence stays here: it is large, and drawn where the samples are."""
    device = next((device for device in hello.devices if device.uuid == alert.finding.uuid), None)
    return Notice(
        key=key,
        alert=replace(alert, finding=replace(alert.finding, evidence=(), code=None)),
        hostname=hello.hostname,
        gpu="" if device is None else device.label.removeprefix("gpu"),
        model="" if device is None else device.name,
        at=time.time(),
    )


def title(notice: Notice) -> str:
    """One line: ``Critical: Temperature near its limit (GPU 0 of n1)``."""
    finding = notice.alert.finding
    where = " of ".join(filter(None, (f"GPU {notice.gpu}" if notice.gpu else "", notice.hostname)))
    head = "Over" if notice.over else finding.level.capitalize()
    return f"{head}: {finding.title}" + (f" ({where})" if where else "")


def text(notice: Notice) -> str:
    """What is the case, since when, and what to do."""
    alert, finding = notice.alert, notice.alert.finding
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(alert.since))
    if alert.resolved is not None:
        peak = "" if alert.peak is None or not finding.unit else f", at most {quantity(alert.peak, finding.unit)}"
        return f"It held for {duration(max(0.0, alert.resolved - alert.since))} from {since} on{peak}."
    lines = [finding.detail, f"Since {since}."]
    lines += [f"Notebook: {finding.notebook}"] if finding.notebook else []
    lines += [f"- {step}" for step in finding.steps]
    return "\n".join(filter(None, lines))


def together(notices: Sequence[Notice]) -> tuple[str, str]:
    """Title and text of one message for all of them."""
    if len(notices) == 1:
        return title(notices[0]), text(notices[0])
    firing, over = sum(not each.over for each in notices), sum(each.over for each in notices)
    counts = ", ".join(part for count, part in ((firing, f"{firing} firing"), (over, f"{over} over")) if count)
    hosts = sorted({each.hostname for each in notices if each.hostname})
    head = f"{len(notices)} GPU alerts: {counts}" + (f" ({', '.join(hosts)})" if hosts else "")
    return head, "\n\n".join(f"{title(each)}\n{text(each)}" for each in notices)


def level(notices: Sequence[Notice]) -> str:
    """The gravest that fires; ``over`` where none does."""
    firing = [each.alert.finding.level for each in notices if not each.over]
    return min(firing, key=LEVELS.index, default="over")
