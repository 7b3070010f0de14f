"""What is injected into the fake driver to make each watch warn or fail, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping

Injection = tuple[Mapping[str, object], Mapping[str, object], str]

INJECTIONS: dict[str, list[Injection]] = {
    "pcie": [({"pcie_replay": 500}, {}, "warn"), ({"pcie_fatal_errors": 3}, {}, "fail")],
    "memory": [
        ({"ecc_uncorrected": 1}, {"ecc_uncorrected": 0}, "fail"),
        ({"remap_failure": 1}, {"remap_failure": 0}, "fail"),
        ({"unrepairable_memory": 1}, {"unrepairable_memory": 0}, "fail"),
        ({"retired_pages": 63}, {"retired_pages": 0}, "fail"),
        ({"retired_double_bit": 16, "retired_double_bit_week": 2}, {"retired_double_bit": 0}, "fail"),
        ({"sram_threshold": 1}, {"sram_threshold": 0}, "warn"),
        ({"remap_pending": 1}, {"remap_pending": 0}, "warn"),
        ({"retired_pending": 1}, {"retired_pending": 0}, "warn"),
        ({"remapped_uncorrectable": 512}, {"remapped_uncorrectable": 0}, "warn"),
    ],
    "inforom": [({"inforom_valid": 0}, {"inforom_valid": 1}, "warn")],
    "thermal": [
        ({"held_hw_thermal": 0.5}, {"held_hw_thermal": 0}, "warn"),
        ({"held_thermal": 0.5}, {"held_thermal": 0}, "warn"),
        ({"clock_events": 0x40}, {"clock_events": 0}, "warn"),
    ],
    "power": [
        ({"held_power_brake": 0.5}, {"held_power_brake": 0}, "warn"),
        ({"clock_events": 0x80}, {"clock_events": 0}, "warn"),
    ],
    "clocks": [({"clock_events": 0x8}, {"clock_events": 0}, "warn")],
    "nvlink": [
        ({"nvlink_down": 1}, {"nvlink_down": 0}, "fail"),
        ({"nvlink_replays": 1}, {}, "fail"),
        ({"nvlink_recoveries": 1}, {}, "fail"),
        ({"nvlink_crc_errors": 1}, {}, "warn"),
        ({"fabric_state": 1}, {"fabric_state": 3}, "fail"),
        ({"fabric_state": 2}, {"fabric_state": 3}, "warn"),
        ({"fabric_health": 2}, {"fabric_health": 1}, "fail"),
    ],
    "driver": [
        ({"recovery_action": 1}, {"recovery_action": 0}, "fail"),
        ({"recovery_action": 3}, {"recovery_action": 0}, "warn"),
    ],
}  # fmt: skip
"""Watch → (injected, what ends it, state); of what only grows nothing ends it but a minute without more."""
