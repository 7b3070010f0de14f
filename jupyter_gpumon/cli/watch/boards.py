"""The GPUs of ``gpumon watch``: a line each, or where there is room a block of four lines each."""

from __future__ import annotations

from rich.text import Text

from ...model import Device, Gpu
from ...report.palette import colour
from ...units import quantity
from .meters import cell, joined, level, meter, spark
from .state import State

BLOCK = 4
"""Lines of a block."""
_NARROW = 100
"""Columns below which the lines do without the model's name."""
_WORDS = {"hw_thermal": "heat (hw)", "thermal": "heat", "hw_slowdown": "hw slowdown"}


def lines(state: State, width: int, room: int | None) -> list[Text]:
    """All devices that are there, in as much detail as the room (lines) allows; None: a line each."""
    devices = [device for device in state.hello.devices if device.state != "gone"]
    room = len(devices) + 1 if room is None else room
    if devices and BLOCK * len(devices) <= room:
        return [line for place, device in enumerate(devices) for line in _block(state, device, place, width)]
    shown = devices if len(devices) < room else devices[: max(1, room - 2)]
    head = _head(width) if devices else Text("")
    found = [head, *(_line(state, device, place, width) for place, device in enumerate(shown))]
    if len(shown) < len(devices):
        found.append(Text(f"and {len(devices) - len(shown)} more: a taller window shows them", "dim"))
    return found


def _widths(width: int) -> tuple[int, int, int, int]:
    """Model, busy meter, sparkline, memory meter: what is left over goes to the sparkline."""
    if width < _NARROW:
        return 0, 6, max(4, width - 68), 6
    model = 18 if width >= 120 else 14
    return model, 10, max(8, width - 77 - model), 10


def _head(width: int) -> Text:
    model, busy, past, memory = _widths(width)
    parts = [cell("GPU", 6, "dim"), *([cell("model", model, "dim")] if model else [])]
    parts += [cell("busy", busy + 6, "dim"), cell("2 min", past, "dim"), cell("memory", memory + 11, "dim")]
    parts += [cell("power", 9, "dim", right=True), cell("temp.", 6, "dim", right=True), cell("held back by", 12, "dim")]
    return joined(parts)


def _line(state: State, device: Device, place: int, width: int) -> Text:
    hue, gpu = colour(place), state.gpu(device.uuid)
    model, busy, past, memory = _widths(width)
    name = [cell(device.label, 6, f"bold {hue}"), *([cell(_short(device.name), model)] if model else [])]
    if device.state != "ok":
        return joined([*name, Text(device.detail or device.state, "bold red")])
    total = gpu.memory_total or device.memory_total
    parts = [
        joined([meter(gpu.utilization, busy, hue), cell(_percent(gpu.utilization), 5, right=True)]),
        spark(state.past(device.uuid, "utilization", past), 1.0, hue),
        joined([meter(_share(gpu.memory_used, total), memory, hue, limit=True), _memory(gpu, total, 10)]),
        _power(device, gpu, 9),
        _temperature(device, gpu, 6),
        cell(held(gpu), 12, "dark_orange"),
    ]
    return joined([*name, *parts])


def _block(state: State, device: Device, place: int, width: int) -> list[Text]:
    hue, gpu = colour(place), state.gpu(device.uuid)
    title = joined([cell(device.label, 6, f"bold {hue}"), Text(device.name, "bold")])
    if device.state != "ok":
        return [title, Text(f"  {device.detail or device.state}", "bold red"), Text(""), Text("")]
    facts = _facts(device, gpu)
    title.append(" " * max(2, width - len(title) - len(facts)))
    title.append_text(facts)
    total, limit = gpu.memory_total or device.memory_total, gpu.power_limit or device.power_limit_default
    bar, words = (16, 16) if width < _NARROW else (24, 18)
    past = max(8, width - bar - words - 13)
    rows = (
        ("busy", gpu.utilization, _percent(gpu.utilization), "utilization", 1.0, False),
        ("memory", _share(gpu.memory_used, total), _of(gpu.memory_used, total, "bytes"), "memory_used", total, True),
        ("power", _share(gpu.power, limit), _of(gpu.power, limit, "watts"), "power", limit, False),
    )
    found = [title]
    for name, share, said, metric, top, limited in rows:
        line = [cell(f"  {name}", 9, "dim"), meter(share, bar, hue, limit=limited), cell(said, words, right=True)]
        found.append(joined([*line, Text(""), spark(state.past(device.uuid, metric, past), top, hue)]))
    return found


def _facts(device: Device, gpu: Gpu) -> Text:
    """Temperature, clock and what holds it back, for the right end of a block's title."""
    parts = [_hot(device, gpu)]
    if gpu.clock_sm is not None:
        parts.append(Text(f"{gpu.clock_sm / 1e6:.0f} MHz"))
    if gpu.fan is not None:
        parts.append(Text(f"fan {gpu.fan * 100:.0f} %"))
    if held(gpu):
        parts.append(Text(f"held back by {held(gpu)}", "dark_orange"))
    return joined(parts, " · ")


def _hot(device: Device, gpu: Gpu) -> Text:
    return Text(quantity(gpu.temperature, "celsius"), level(_heat(device, gpu), ""))


def _temperature(device: Device, gpu: Gpu, width: int) -> Text:
    return cell(quantity(gpu.temperature, "celsius"), width, level(_heat(device, gpu), ""), right=True)


def _heat(device: Device, gpu: Gpu) -> float | None:
    """The temperature as a share of that at which the board slows down."""
    return _share(gpu.temperature, device.temperature_slowdown)


def held(gpu: Gpu) -> str:
    """What keeps the clock below its maximum; empty where nothing does, or nothing runs."""
    words = (_WORDS.get(word, word.replace("_", " ")) for word in gpu.clock_events or () if word != "idle")
    return ", ".join(dict.fromkeys(words))


def _percent(share: float | None) -> str:
    return quantity(share, "ratio")


def _share(value: float | None, of: float | None) -> float | None:
    return value / of if value is not None and of else None


def _of(value: float | None, limit: float | None, unit: str) -> str:
    """``109 / 151 GB``: the unit once where it is the same."""
    said = quantity(value, unit)
    if value is None or not limit:
        return said
    number, _, symbol = said.partition(" ")
    whole = quantity(limit, unit)
    return f"{number} / {whole}" if whole.endswith(f" {symbol}") else f"{said} / {whole}"


def _memory(gpu: Gpu, total: float | None, width: int) -> Text:
    used = gpu.memory_used
    if used is None or not total:
        return cell(quantity(used, "bytes"), width, right=True)
    return cell(f"{used / 1e9:.0f}/{total / 1e9:.0f} GB", width, right=True)


def _power(device: Device, gpu: Gpu, width: int) -> Text:
    limit = gpu.power_limit or device.power_limit_default
    if gpu.power is None or not limit:
        return cell(quantity(gpu.power, "watts"), width, right=True)
    return cell(f"{gpu.power:.0f}/{limit:.0f} W", width, right=True)


def _short(model: str) -> str:
    """Without what is the same of all; of a MIG instance what it is, since its board stands above it."""
    _, mig, profile = model.partition("MIG ")
    return mig + profile if mig else model.removeprefix("NVIDIA ").removeprefix("GeForce ")
