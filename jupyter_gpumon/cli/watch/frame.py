"""One frame of ``gpumon watch``: head, GPUs, who is on them, the host, what happened, the keys; never too wide."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable

from rich.text import Text

from ...model import Device, Process
from ...report.palette import colour
from ...units import quantity
from . import boards
from .meters import cell, joined, meter
from .state import State

Order = Callable[[Process], tuple[float, ...]]
ORDERS: dict[str, tuple[str, Order]] = {
    "m": ("memory", lambda process: (-(process.memory or 0.0),)),
    "u": ("busy", lambda process: (-(process.utilization or 0.0), -(process.memory or 0.0))),
    "p": ("pid", lambda process: (float(process.pid or 0),)),
    "g": ("GPU", lambda _: ()),
}
"""Key → what processes are sorted by; the GPU's position goes before or after it."""
_LEAST_PROCESSES, _NEWS = 4, 3
_LEVELS = {"info": "dim", "warning": "dark_orange", "critical": "bold red"}


def frame(state: State, width: int, height: int | None, order: str = "g") -> list[Text]:
    """The lines.

    Args:
        state: what is known.
        width: columns.
        height: lines; None takes as many as there are, without the keys.
        order: one of ``ORDERS``.
    """
    head = [_head(state, width), *_trouble(state, width), Text("")]
    foot = [] if height is None else [_keys(order)]
    host = [] if state.host is None else [Text(""), _host(state, width)]
    room = None if height is None else max(2, height - len(head) - len(foot))
    body = _body(state, width, room, order, (host, _news(state)))
    lines = [*head, *body, *foot] if height is None else [*_filled([*head, *body], height - len(foot)), *foot]
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return lines


def _body(state: State, width: int, room: int | None, order: str, below: tuple[list[Text], list[Text]]) -> list[Text]:
    """GPUs, processes, and what stands below; in a small window the GPUs go before all else, the news last."""
    if room is None:
        gpus = boards.lines(state, width, None)
        return [*gpus, Text(""), *_processes(state, width, None, order), *below[0], *below[1]]
    spare = room - min(room, 1 + len(state.hello.devices))
    processes = 1 + min(_LEAST_PROCESSES, 1 + len(state.processes or ()))
    kept: list[Text] = []
    for part in below:
        if spare >= processes + len(kept) + len(part):
            kept += part
    gpus = boards.lines(state, width, room - len(kept) - (processes if spare >= processes else 0))
    left = room - len(gpus) - len(kept) - 1
    listed = _processes(state, width, left, order) if left >= 2 else []
    return [*gpus, *([Text("")] if listed else []), *listed, *kept]


def _filled(lines: list[Text], height: int) -> list[Text]:
    """Exactly so many lines."""
    return [*lines[:height], *[Text("")] * (height - len(lines))]


def _head(state: State, width: int) -> Text:
    hello = state.hello
    driver = "simulated GPUs" if hello.simulated else hello.driver and f"driver {hello.driver}"
    said = [hello.hostname, driver, hello.cuda and f"CUDA {hello.cuda}", f"every {hello.interval:g} s"]
    text = Text("gpumon ", "bold")
    text.append(" · ".join(word for word in said if word), "bold dark_orange" if hello.simulated else "")
    moment = time.strftime("%H:%M:%S", time.localtime(state.sample.time)) if state.sample else ""
    text.append(" " * max(1, width - len(text) - len(moment)) + moment, "dim")
    return text


def _trouble(state: State, width: int) -> list[Text]:
    """What is the matter with the source, and what to do; nothing where all is well."""
    status = state.hello.status
    if status.state == "live" and state.sample is not None:
        return []
    words = f"{status.message or 'Waiting for the first sample.'} {status.hint}".strip()
    style = "dim" if status.state in ("live", "starting") else "bold red"
    return [Text(line, style) for line in textwrap.wrap(words, width)]


def _processes(state: State, width: int, room: int | None, order: str) -> list[Text]:
    """Who is on the GPUs, as many as there is room for."""
    if state.sample is None:
        return []
    if state.processes is None:
        return [Text("Who is on the GPUs cannot be seen here.", "dim")]
    if not state.processes:
        return [Text("Nobody is on the GPUs.", "dim")]
    devices = {device.uuid: (place, device) for place, device in enumerate(state.hello.devices)}
    ordered = sorted(state.processes, key=lambda process: _rank(process, order, devices))
    shown = ordered if room is None or len(ordered) < room else ordered[: max(0, room - 2)]
    found = [_columns("GPU", "pid", "memory", "busy", "what", width, "dim")]
    found += [_process(process, devices, width) for process in shown]
    if len(shown) < len(ordered):
        found.append(Text(f"and {len(ordered) - len(shown)} more", "dim"))
    return found


def _rank(process: Process, order: str, devices: dict[str, tuple[int, Device]]) -> tuple[float, ...]:
    place = float(devices[process.uuid][0]) if process.uuid in devices else 1e9
    ranked = ORDERS[order][1](process)
    return (*ranked, place, -(process.memory or 0.0))


def _columns(gpu: str, pid: str, memory: str, busy: str, what: str, width: int, style: str = "") -> Text:
    parts = [cell(pid, 8, style, right=True), cell(memory, 9, style, right=True), cell(busy, 6, style, right=True)]
    return joined([cell(gpu, 6, style), *parts, cell(what, max(8, width - 33), style)])


def _process(process: Process, devices: dict[str, tuple[int, Device]], width: int) -> Text:
    place, device = devices.get(process.uuid, (0, None))
    name = _who(process)
    line = _columns(
        device.label if device else "?",
        "—" if process.pid is None else str(process.pid),
        quantity(process.memory, "bytes"),
        quantity(process.utilization, "ratio"),
        name,
        width,
    )
    line.stylize(f"bold {colour(place)}", 0, 6)
    if process.own or process.notebook:
        line.stylize("bold", 33)
    return line


def _who(process: Process) -> str:
    """The notebook where it is one's, else the program; or how many are not shown one by one."""
    if process.pid is None:
        return f"{process.count} processes of others" if process.count != 1 else "a process of others"
    if process.notebook:
        return f"{process.notebook} ({process.name})" if process.name else process.notebook
    return process.name or ("a process of another container" if process.started is None else "?")


def _host(state: State, width: int) -> Text:
    host = state.host
    if host is None:
        return Text("")
    wide = 10 if width >= 100 else 6
    parts = [Text("host  ", "dim")]
    if host.cpu is not None:
        count = f" of {host.cpu_count:g} CPUs" if host.cpu_count else ""
        parts.append(joined([meter(host.cpu, wide, "cyan"), f"{quantity(host.cpu, 'ratio')}{count}"]))
    if host.memory_used is not None and host.memory_total:
        share = host.memory_used / host.memory_total
        words = f"{host.memory_used / 1e9:.0f}/{host.memory_total / 1e9:.0f} GB"
        parts.append(joined([meter(share, wide, "cyan", limit=True), words]))
    if host.load is not None:
        parts.append(Text(f"load {host.load:.1f}"))
    return joined(parts, "  ")


def _news(state: State) -> list[Text]:
    """The last things that happened, the latest first."""
    found = []
    for event in list(state.happened)[-_NEWS:][::-1]:
        moment = time.strftime("%H:%M:%S", time.localtime(event.time))
        line = Text(f"{moment}  ", "dim")
        line.append(event.title, _LEVELS.get(event.level, ""))
        found.append(line)
    return found


def _keys(order: str) -> Text:
    text = Text("q", "bold")
    text.append(" quit   sort by", "dim")
    for key, (name, _) in ORDERS.items():
        text.append("  ")
        text.append(key, "bold")
        text.append(f" {name}", "bold underline" if key == order else "dim")
    return text
