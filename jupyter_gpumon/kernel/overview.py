"""``%gpumon status``: where the numbers come from and one look at every GPU."""

from __future__ import annotations

from html import escape

from ..energy.trust import sentences
from ..model import Device, Gpu, Hello
from ..report.tables import as_html, as_text
from ..units import quantity
from . import alerts
from .connect import Connection, connection
from .show import Shown

_HEAD = ("GPU", "model", "busy", "memory", "power", "temp.", "held back by")


def status(*, summary: bool) -> None:
    """Show it."""
    link = connection()
    link.ready()
    said = [_source(link), f"summary {'on' if summary else 'off'}"]
    trouble = explanation(link.hello)
    head, rows = _HEAD, now(link)
    text, page = "gpumon │ " + " · ".join(said), f"<div>{escape(' · '.join(said))}</div>"
    if trouble:
        text, page = f"{text}\n{trouble}", f"{page}<div><b>{escape(trouble)}</b></div>"
    if calls := alerts.line(link):
        text, page = f"{text}\n{calls}", f"{page}<div><b>{escape(calls)}</b></div>"
    if rows:
        text, page = f"{text}\n{as_text(head, rows, words=2)}", page + as_html(head, rows, words=2)
    for words in sentences(link.hello.devices):
        text, page = f"{text}\nenergy │ {words}", f"{page}<div>energy │ {escape(words)}</div>"
    Shown().draw({"text/plain": text, "text/html": page})


def now(link: Connection) -> list[tuple[str, ...]]:
    """A row per device."""
    gpus = {gpu.uuid: gpu for gpu in link.latest.gpus} if link.latest else {}
    return [_row(device, gpus.get(device.uuid)) for device in link.hello.devices if device.state != "gone"]


def _row(device: Device, gpu: Gpu | None) -> tuple[str, ...]:
    if gpu is None:
        return device.label, device.name, "—", "—", "—", "—", _why_not(device)
    held = ", ".join(word.replace("_", " ") for word in gpu.clock_events or () if word != "idle")
    return (
        device.label,
        device.name,
        quantity(gpu.utilization, "ratio"),
        _of(gpu.memory_used, gpu.memory_total or device.memory_total, "bytes"),
        _of(gpu.power, gpu.power_limit or device.power_limit_default, "watts"),
        quantity(gpu.temperature, "celsius"),
        held,
    )


def _why_not(device: Device) -> str:
    """Why a device has no values now."""
    return device.detail or (device.state if device.state != "ok" else "no sample yet")


def _of(value: float | None, limit: float | None, unit: str) -> str:
    if value is None:
        return "—"
    return quantity(value, unit) + (f" / {quantity(limit, unit)}" if limit else "")


def _source(link: Connection) -> str:
    kinds = {"unix:": "from this notebook's Jupyter server", "ws": "from another server", "replay:": "a replay"}
    where = next(
        (words for start, words in kinds.items() if link.url.startswith(start)), "sampled by a process of its own"
    )
    hello = link.hello
    driver = "simulated GPUs" if hello.simulated else f"driver {hello.driver or 'unknown'}"
    return f"{driver} · {where}, every {hello.interval:g} s"


def explanation(hello: Hello) -> str:
    """What is the matter and what to do; empty where all is well."""
    if hello.status.state == "live" and hello.devices:
        return ""
    message = hello.status.message or {"live": "There is no GPU here.", "starting": "No sample has come yet."}.get(
        hello.status.state, hello.status.state
    )
    return f"{message} {hello.status.hint}".strip()
