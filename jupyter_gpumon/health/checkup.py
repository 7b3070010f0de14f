"""The checkup: follows a stream and says at any time how each watch stands on each GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from ..absence import why
from ..checkups import Health, Patient, Sighting, Watched, gravest
from ..findings import Finding
from ..findings import gravest as in_order
from ..model import Device, Hello, Process, Sample
from ..rules import Window
from ..wire import Stream
from .check import Board, Check, Verdict, boards
from .sightings import Book, findings
from .watches import DRIVER, RULES, WATCHES, Watch

EVERY = 5.0
"""Seconds between two looks of its own, for since when a watch stands as it does; who asks has it as it is now."""
XIDS = Watch("xids", "XIDs", "ALL", ())
LOST = ("lost", "error")
"""States of a device that are a fault."""


class Checkup:
    """A sink. Any thread may ask it."""

    def __init__(self) -> None:
        self.book = Book()
        self._save: Callable[[Book], object] = lambda _: None
        self._window, self._lock = Window(), threading.Lock()
        self._window.watch(*(node for rule in RULES for node in rule.conditions()))
        self._found: dict[str, dict[str, Watched]] = {}
        self._judged, self._stale = float("-inf"), True

    def adopt(self, book: Book, save: Callable[[Book], object]) -> None:
        """Take the XIDs that are known from before; ``save`` is called whenever the book has changed."""
        with self._lock:
            self.book, self._save, self._stale = book, save, True

    def write(self, message: Stream) -> None:
        """Take a message of the stream."""
        with self._lock:
            if not self._window.push(message):
                return
            self._stale = True
            if isinstance(message, Hello):
                self.book.booted(message.boot_id)
            else:
                self._sample(message)

    def _sample(self, sample: Sample) -> None:
        told = [event for event in sample.events if event.kind == "xid"]
        for event in told:
            self.book.note(event, self._running(event.uuid or ""))
        if told:
            self._save(self.book)
        if told or sample.mono - self._judged >= EVERY:
            self._judge()

    def _running(self, uuid: str) -> list[Process]:
        """Who is on a board, or on one of its MIG instances."""
        parts = [uuid, *(device.uuid for device in self._window.hello.devices if device.parent == uuid)]
        return [process for part in parts for process in self._window.on(part)]

    def acknowledge(self, uuid: str, code: int, time: float | None) -> bool:
        """Note that an XID was seen (None: not after all). False where there is no such XID."""
        with self._lock:
            return self._changed(self.book.acknowledge(uuid, code, time))

    def clear(self, uuid: str, code: int) -> bool:
        """Forget an XID. False where there is no such XID."""
        with self._lock:
            return self._changed(self.book.clear(uuid, code))

    def _changed(self, known: bool) -> bool:
        if known:
            self._stale = True
            self._save(self.book)
        return known

    def health(self) -> Health:
        """How all stand now. MIG instances are as well as their boards, and not listed."""
        with self._lock:
            self._judge()
            patients = tuple(map(self._patient, self._boards()))
            state = gravest([patient.state for patient in patients])
            return Health(state=state, time=self._window.time, devices=patients)

    def patient(self, uuid: str) -> Patient | None:
        """How one board stands now; None where it is not known, or is a MIG instance."""
        with self._lock:
            self._judge()
            found = next((device for device in self._boards() if device.uuid == uuid), None)
            return None if found is None else self._patient(found)

    def _boards(self) -> list[Device]:
        return [device for device in self._window.hello.devices if device.parent is None]

    def _patient(self, device: Device) -> Patient:
        watches = tuple(self._found.get(device.uuid, {}).values())
        return Patient(
            uuid=device.uuid,
            label=device.label,
            name=device.name,
            state=gravest([watch.state for watch in watches]),
            watches=watches,
            xids=self.book.of(device.uuid, self._window.time),
        )

    def _judge(self) -> None:
        """Look at every watch on every board, where anything is new; what stands as before keeps its time."""
        if not self._stale:
            return
        window = self._window
        self._judged, self._stale = window.mono, False
        looks = {board.device.uuid: board for board in boards(window)}
        before, self._found = self._found, {}
        for device in self._boards():
            board, known = looks.get(device.uuid), before.get(device.uuid, {})
            seen = self.book.of(device.uuid, window.time)
            watches = [_watched(window, watch, device, board) for watch in WATCHES]
            watches.append(_xids(device, seen))
            self._found[device.uuid] = {each.watch: self._since(each, known.get(each.watch)) for each in watches}

    def _since(self, watched: Watched, before: Watched | None) -> Watched:
        same = before is not None and before.state == watched.state
        return replace(watched, since=before.since if before and same else self._window.time or None)


def _watched(window: Window, watch: Watch, device: Device, board: Board | None) -> Watched:
    if board is None:
        return _unanswered(watch, device)
    verdicts = [(check, check.judge(window, board)) for check in watch.checks]
    found = in_order([verdict.finding for _, verdict in verdicts if verdict.finding is not None])
    if found:
        return _unwell(watch, found)
    reasons = [verdict.reason for _, verdict in verdicts]
    if "warming" in reasons:
        return Watched(
            watch=watch.name, title=watch.title, state="warming", detail="Nothing so far; known after a minute."
        )
    if "" in reasons:
        return Watched(watch=watch.name, title=watch.title, state="pass")
    return _unknown(watch, device, verdicts)


def _unwell(watch: Watch, found: Sequence[Finding]) -> Watched:
    """As the gravest says; the others are beside it."""
    first = found[0]
    return Watched(
        watch=watch.name,
        title=watch.title,
        state="fail" if first.level == "critical" else "warn",
        detail=f"{first.title}. {first.detail}".strip(),
        steps=first.steps,
        findings=tuple(found),
    )


def _unknown(watch: Watch, device: Device, verdicts: Iterable[tuple[Check, Verdict]]) -> Watched:
    check, verdict = next(iter(verdicts))
    said = why(device, check.metric)
    return Watched(
        watch=watch.name,
        title=watch.title,
        state="unknown",
        detail=f"{said[0].upper()}{said[1:]}.",
        reason=verdict.reason,
    )


def _unanswered(watch: Watch, device: Device) -> Watched:
    """Of a device that is lost, asleep or gone, or that has not been read yet."""
    if watch is DRIVER and device.state in LOST:
        finding = Finding(
            rule="health-lost",
            level="critical",
            title="The GPU does not answer",
            detail=device.detail,
            steps=("Look into the kernel log: dmesg | grep -i xid", "Reset the GPU, or restart the machine."),
            uuid=device.uuid,
            cause="lost",
        )
        return _unwell(watch, [finding])
    reason = "not-yet" if device.state == "ok" else device.state
    detail = device.detail or "It has not been read yet."
    return Watched(watch=watch.name, title=watch.title, state="unknown", detail=detail, reason=reason)


def _xids(device: Device, seen: Iterable[Sighting]) -> Watched:
    """Events need no reading: none is well, also of a GPU that is lost."""
    found = in_order(findings(device.uuid, seen))
    return _unwell(XIDS, found) if found else Watched(watch=XIDS.name, title=XIDS.title, state="pass")
