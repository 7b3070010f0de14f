"""The shipped rules that are data: what a user may write is what stands here, so that each can be copied and changed.

``for`` and what is looked back over are chosen so that what passes by itself is not said: a start, a checkpoint, a link
that sleeps while the GPU does. Limits are the board's own where it tells them.
"""

from __future__ import annotations

from typing import Any

FREE_MEMORY = (
    "Free what is not needed: del the tensors, then torch.cuda.empty_cache().",
    "Restart or shut down notebooks that are done.",
    "Take a smaller batch, or accumulate gradients over several.",
)
COOL = (
    "Look at fans, dust and the temperature of the air that goes in.",
    "Lower the power limit (nvidia-smi -pl, as administrator) until that is done.",
)
LINK = (
    "Look at the seat of the board, riser and cables.",
    "Look in the BIOS whether the slot is set to fewer lanes or a lower generation.",
    "Until then keep data on the GPU: what crosses PCIe is slower than it need be.",
)

TABLE: tuple[dict[str, Any], ...] = (
    {
        "id": "memory-full", "level": "critical", "cause": "fullness", "for": "5 s",
        "title": "GPU memory is full",
        "when": "memory_used / memory_total > 95 %", "clear": "memory_used / memory_total < 90 %",
        "steps": FREE_MEMORY,
    },
    {
        "id": "memory-high", "cause": "fullness", "for": "2 min",
        "title": "GPU memory is nearly full",
        "when": "memory_used / memory_total > 90 %", "clear": "memory_used / memory_total < 85 %",
        "steps": FREE_MEMORY,
    },
    {
        "id": "idle-holder", "cause": "idle", "for": "20 min",
        "title": "An idle GPU is held",
        "when": "mean(first(utilization, sm_activity), 10 min) < 2 % and memory_used / memory_total > 5 %",
        "clear": "mean(first(utilization, sm_activity), 1 min) > 5 % or memory_used / memory_total < 4 %",
        "steps": (
            "Shut the kernel down where its work is done: others can then use the GPU.",
            "Or free its memory: del the tensors, then torch.cuda.empty_cache().",
        ),
    },
    {
        "id": "hot", "level": "critical", "cause": "heat", "for": "1 min",
        "title": "GPU is too hot",
        "when": "temperature >= first(temperature_slowdown, 90 C)",
        "clear": "temperature < first(temperature_slowdown, 90 C) - 4",
        "steps": COOL,
    },
    {
        "id": "slowed-by-heat-hardware", "level": "critical", "cause": "heat", "for": "10 s",
        "title": "The hardware slows the GPU down because of heat",
        "when": 'rate(held_hw_thermal, 1 min) > 2 % or "hw_thermal" in clock_events',
        "clear": 'first(rate(held_hw_thermal, 1 min), 0) < 0.5 % and not "hw_thermal" in clock_events',
        "steps": COOL,
    },
    {
        "id": "slowed-by-heat", "cause": "heat", "for": "10 s",
        "title": "Heat slows the GPU down",
        "when": 'rate(held_thermal, 1 min) > 5 % or "thermal" in clock_events',
        "clear": 'first(rate(held_thermal, 1 min), 0) < 1 % and not "thermal" in clock_events',
        "steps": COOL,
    },
    {
        "id": "nearly-hot", "cause": "heat", "for": "1 min",
        "title": "GPU is near the temperature at which it slows down",
        "when": "temperature > first(temperature_slowdown - 4, 85 C)",
        "clear": "temperature < first(temperature_slowdown - 7, 82 C)",
        "steps": COOL,
    },
    {
        "id": "memory-hot", "cause": "heat", "for": "1 min",
        "title": "The GPU's memory is at its highest temperature",
        "when": "temperature_memory >= temperature_memory_max",
        "clear": "temperature_memory < temperature_memory_max - 4",
        "steps": COOL,
    },
    {
        "id": "fan-stopped", "level": "critical", "cause": "fan", "for": "2 min",
        "title": "The fan stands still on a warm GPU",
        "when": "fan < 5 % and temperature > 70 C", "clear": "fan > 10 % or temperature < 60 C",
        "steps": COOL,
    },
    {
        "id": "power-brake", "level": "critical", "cause": "power", "for": "5 s",
        "title": "The power supply slows the GPU down",
        "when": 'rate(held_power_brake, 1 min) > 0.5 % or "power_brake" in clock_events',
        "clear": 'first(rate(held_power_brake, 1 min), 0) == 0 and not "power_brake" in clock_events',
        "steps": (
            "Look at power supplies and cables: the board was told from outside to draw less.",
            "Move work to another machine until that is done.",
        ),
    },
    {
        "id": "slowed-by-hardware", "cause": "slowdown", "for": "15 s",
        "title": "The hardware slows the GPU down",
        "when": '"hw_slowdown" in clock_events and not "hw_thermal" in clock_events '
        'and not "power_brake" in clock_events',
        "steps": (
            "The board does not say whether heat or power is the cause: look at both.",
            "Look at power cables and power supply, then at fans and air.",
        ),
    },
    {
        "id": "power-capped", "level": "info", "cause": "power", "for": "5 min",
        "title": "The power limit holds the GPU back",
        "when": "rate(held_power_cap, 5 min) > 50 %", "clear": "rate(held_power_cap, 5 min) < 25 %",
        "steps": (
            "Usual under full load: nothing has to be done.",
            "If the limit is lower than the board's own, ask for it to be raised (nvidia-smi -pl).",
            "Lower precision (bf16, tf32) does more work for the same power.",
        ),
    },
    {
        "id": "many-corrected-errors", "cause": "memory-errors",
        "title": "Many corrected errors in GPU memory",
        "when": "delta(ecc_corrected, 5 min) > 100", "clear": "delta(ecc_corrected, 5 min) < 10",
        "steps": ("Results are right; the board may fail soon. Tell who runs this machine.",),
    },
    {
        "id": "corrected-errors", "level": "info", "cause": "memory-errors",
        "title": "Corrected errors in GPU memory",
        "when": "delta(ecc_corrected, 5 min) > 0",
        "steps": ("Results are right. Watch whether it goes on.",),
    },
    {
        "id": "pcie-narrow", "cause": "pcie", "for": "1 min",
        "title": "The PCIe link is narrower than it can be",
        "when": "max(pcie_width, 2 min) < pcie_width_max and mean(utilization, 2 min) > 50 %",
        "clear": "max(pcie_width, 2 min) >= pcie_width_max",
        "steps": LINK,
    },
    {
        "id": "pcie-slow", "cause": "pcie", "for": "1 min",
        "title": "The PCIe link is slower than it can be",
        "when": "max(pcie_gen, 2 min) < pcie_gen_max and mean(utilization, 2 min) > 50 %",
        "clear": "max(pcie_gen, 2 min) >= pcie_gen_max",
        "steps": LINK,
    },
    {
        "id": "input-bound", "cause": "input", "for": "1 min",
        "title": "The GPU waits for its input",
        "when": "mean(utilization, 1 min) > 3 % and mean(utilization, 1 min) < 30 % "
        "and (mean(host.cpu, 1 min) > 90 % or rate(pcie_rx, 1 min) > 1 GB/s)",
        "clear": "mean(utilization, 1 min) > 40 % or mean(utilization, 1 min) < 1 %",
        "level": "info",
        "steps": (
            "Load in parallel: DataLoader(num_workers=…, pin_memory=True, persistent_workers=True).",
            "Prepare data once and store it in the form that is read, or decode on the GPU (DALI).",
        ),
    },
    # No trouble by themselves, so off until they are switched on.
    {
        "id": "busy", "enabled": False, "for": "5 min", "level": "info", "cause": "use",
        "title": "The GPU is busy",
        "when": "mean(utilization, 5 min) > 90 %", "clear": "mean(utilization, 5 min) < 80 %",
        "steps": ("New work waits: another GPU may be free.",),
    },
    {
        "id": "little-used", "enabled": False, "for": "20 min", "level": "info", "cause": "use",
        "title": "The GPU is little used",
        "when": "mean(utilization, 10 min) < 20 %", "clear": "mean(utilization, 10 min) > 30 %",
        "steps": ("Larger batches, or several jobs on one GPU, use it better.",),
    },
    {
        "id": "above-85", "enabled": False, "for": "1 min", "level": "critical", "cause": "heat",
        "title": "GPU is above 85 °C",
        "when": "temperature > 85 C", "clear": "temperature < 80 C",
        "steps": COOL,
    },
)  # fmt: skip
