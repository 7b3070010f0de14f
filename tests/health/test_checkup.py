"""The watches: what makes each of them warn or fail, and that it passes again when that is over."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from jupyter_gpumon.checkups import Health, Watched
from jupyter_gpumon.health import RULES, Checkup
from jupyter_gpumon.model import Device, Event, Gpu, Hello, Process, Sample, Status

WELL: dict[str, object] = {
    "power": 300.0, "clock_events": (), "temperature": 60.0, "uptime": 5000.0,
    "pcie_gen": 5.0, "pcie_width": 16.0, "pcie_replay": 3.0, "pcie_fatal_errors": 0.0,
    "ecc_uncorrected": 0.0, "remap_failure": 0.0, "remap_pending": 0.0, "remapped_uncorrectable": 2.0,
    "sram_threshold": 0.0, "unrepairable_memory": 0.0, "retired_pages": 0.0, "retired_pending": 0.0,
    "retired_double_bit": 0.0, "retired_double_bit_week": 0.0,
    "inforom_valid": 1.0, "held_hw_thermal": 1.0, "held_thermal": 1.0, "held_power_brake": 1.0,
    "nvlink_active": 18.0, "nvlink_crc_errors": 0.0, "nvlink_replays": 0.0, "nvlink_recoveries": 0.0,
    "fabric_state": 3.0, "fabric_health": 1.0, "recovery_action": 0.0,
}  # fmt: skip
BLACKWELL = WELL | {"nvlink_errors": 0.0, "nvlink_recovery_failures": 0.0, "nvlink_ber": 1e-15}
BOARD = Device(uuid="GPU-0", index=0, name="Test", nvlinks=18)


class Machine:
    """A checkup that is fed one board's values."""

    def __init__(self, board: Device = BOARD, generation: int = 1) -> None:
        self.checkup, self.board, self.at = Checkup(), board, 0.0
        self.greet(board, generation)

    def greet(self, board: Device, generation: int = 1, boot: str = "boot") -> None:
        """Say which board there is."""
        self.board = board
        status = Status(state="live")
        self.checkup.write(Hello(devices=(board,), status=status, generation=generation, boot_id=boot))

    def run(self, values: Mapping[str, object], seconds: float = 70.0, step: float = 5.0, **more: object) -> Machine:
        """Let it say these values for so long."""
        end = self.at + seconds
        while self.at < end:
            self.at += step
            gpus = (Gpu(uuid="GPU-0", **values),) if self.board.state == "ok" else ()
            self.checkup.write(Sample(time=1.8e9 + self.at, mono=1000.0 + self.at, gpus=gpus, **more))
        return self

    @property
    def health(self) -> Health:
        """What it says now."""
        return self.checkup.health()

    def of(self, watch: str) -> Watched:
        """How one watch stands."""
        return next(each for each in self.health.devices[0].watches if each.watch == watch)

    def xid(self, code: int, *processes: Process) -> Machine:
        """Let the driver tell of an XID."""
        mono = 1000.0 + self.at
        event = Event(kind="xid", time=1.8e9 + self.at, mono=mono, title="", code=code, uuid="GPU-0")
        return self.run(WELL, 5.0, events=(event,), processes=processes)


INJECTED = [
    ("pcie", {"pcie_replay": 3 + 32.0}, "warn", "32 replays"),
    ("pcie", {"pcie_gen": 1.0, "pcie_replay": 3 + 4.0}, "warn", "up to 3"),
    ("pcie", {"pcie_fatal_errors": 1.0}, "fail", "1 fatal"),
    ("memory", {"ecc_uncorrected": 1.0}, "fail", "uncorrectable"),
    ("memory", {"remap_failure": 1.0}, "fail", "could not be remapped"),
    ("memory", {"unrepairable_memory": 1.0}, "fail", "beyond repair"),
    ("memory", {"retired_pages": 63.0}, "fail", "63"),
    ("memory", {"retired_double_bit": 16.0, "retired_double_bit_week": 2.0}, "fail", "16 retired"),
    ("memory", {"sram_threshold": 1.0}, "warn", "SRAM"),
    ("memory", {"remap_pending": 1.0}, "warn", "waits"),
    ("memory", {"retired_pending": 1.0}, "warn", "waits"),
    ("memory", {"remapped_uncorrectable": 512.0}, "warn", "512"),
    ("inforom", {"inforom_valid": 0.0}, "warn", "corrupted"),
    ("thermal", {"held_hw_thermal": 1.5}, "warn", "500 ms"),
    ("thermal", {"held_thermal": 1.5}, "warn", "driver"),
    ("thermal", {"clock_events": ("hw_thermal",)}, "warn", "60 °C"),
    ("power", {"held_power_brake": 2.0}, "warn", "power supply"),
    ("power", {"clock_events": ("power_brake",)}, "warn", "power supply"),
    ("clocks", {"clock_events": ("hw_slowdown",)}, "warn", "hardware"),
    ("nvlink", {"nvlink_active": 17.0}, "fail", "17 of 18"),
    ("nvlink", {"nvlink_replays": 1.0}, "fail", "1 replays"),
    ("nvlink", {"nvlink_recoveries": 1.0}, "fail", "recover"),
    ("nvlink", {"nvlink_crc_errors": 1.0}, "warn", "1 CRC"),
    ("nvlink", {"nvlink_crc_errors": 6000.0}, "fail", "6000 CRC"),
    ("nvlink", {"fabric_state": 1.0}, "fail", "not registered"),
    ("nvlink", {"fabric_state": 2.0}, "warn", "under way"),
    ("nvlink", {"fabric_health": 2.0}, "fail", "unhealthy"),
    ("nvlink", {"fabric_health": 3.0}, "warn", "limits"),
    ("driver", {"recovery_action": 1.0}, "fail", "reset of the GPU"),
    ("driver", {"recovery_action": 2.0}, "fail", "restart of the machine"),
    ("driver", {"recovery_action": 3.0}, "warn", "peer-to-peer"),
]


@pytest.mark.parametrize(("watch", "injected", "state", "words"), INJECTED)
def test_each_watch_goes_from_pass_to_what_is_wrong_and_back(watch, injected, state, words):
    """At the threshold, and one below it is nothing; no other watch says anything of it."""
    machine = Machine().run(WELL)
    assert {each.state for each in machine.health.devices[0].watches} == {"pass"}
    ill = machine.run(WELL | injected, 5.0).of(watch)
    assert (ill.state, machine.health.state) == (state, state)
    assert words in ill.detail
    assert ill.steps
    others = [each for each in machine.health.devices[0].watches if each.watch != watch]
    assert {each.state for each in others} == {"pass"}
    grown = {name: value for name, value in injected.items() if name.startswith(("held", "pcie_", "nvlink_"))}
    after = WELL | {name: value for name, value in grown.items() if name not in ("nvlink_active", "pcie_gen")}
    machine.run(after, 90.0)
    assert (machine.of(watch).state, machine.health.state) == ("pass", "pass")


@pytest.mark.parametrize(
    "harmless",
    [
        {"pcie_replay": 3 + 31.0}, {"pcie_gen": 1.0, "pcie_replay": 3 + 3.0}, {"retired_pages": 62.0},
        {"remapped_uncorrectable": 511.0}, {"clock_events": ("power_cap", "idle", "sync_boost")}, {"pcie_width": 8.0},
        {"retired_double_bit": 15.0, "retired_double_bit_week": 15.0},
        {"retired_double_bit": 40.0, "retired_double_bit_week": 1.0},
    ],
)  # fmt: skip
def test_what_stays_below_its_threshold_is_well(harmless):
    """One less than what counts."""
    assert Machine().run(WELL).run(WELL | harmless, 5.0).health.state == "pass"


@pytest.mark.parametrize(
    ("injected", "state"),
    [
        ({"nvlink_recoveries": 1.0}, "warn"), ({"nvlink_errors": 1.0}, "fail"), ({"nvlink_ber": 3e-12}, "fail"),
        ({"nvlink_recovery_failures": 1.0}, "fail"), ({"nvlink_ber": 9e-13}, "pass"),
    ],
)  # fmt: skip
def test_nvlink_5_is_judged_by_its_own_counters(injected, state):
    """A link of Blackwell that recovered by itself is a warning only."""
    machine = Machine(replace(BOARD, architecture="Blackwell")).run(BLACKWELL)
    assert machine.run(BLACKWELL | injected, 5.0).of("nvlink").state == state


def test_rates_are_warming_up_until_they_can_be_known():
    """After five seconds nobody knows what a minute brings; what is standing is known at once."""
    machine = Machine().run(WELL, 10.0)
    states = {each.watch: each.state for each in machine.health.devices[0].watches}
    assert {name for name, state in states.items() if state == "warming"} == {"pcie", "thermal", "power", "nvlink"}
    assert states["memory"] == "pass"
    assert machine.run(WELL | {"held_hw_thermal": 9.0}, 5.0).of("thermal").state == "warn"


def test_a_counter_that_begins_again_is_no_alarm():
    """Because its value fell; or the GPU was reset, or the driver loaded anew, although it is higher by now."""
    high = WELL | {"pcie_replay": 900.0, "held_hw_thermal": 50.0}
    assert Machine().run(high).run(WELL, 60.0).health.state == "pass"
    reset = WELL | {"uptime": 20.0, "pcie_replay": 500.0, "held_hw_thermal": 30.0}
    machine = Machine().run(WELL).run(reset, 5.0)
    assert (machine.of("pcie").state, machine.of("thermal").state) == ("warming", "warming")
    machine = Machine().run(WELL)
    machine.greet(BOARD, generation=2)
    assert machine.run(WELL | {"pcie_replay": 500.0}, 60.0).health.state == "pass"


def test_what_cannot_be_read_is_unknown_and_says_why():
    """Never a pass."""
    board = replace(BOARD, absent={"inforom_valid": "unsupported", "recovery_action": "permission"})
    values = {name: value for name, value in WELL.items() if name not in board.absent}
    machine = Machine(board).run(values)
    found = {each.watch: (each.state, each.reason) for each in machine.health.devices[0].watches}
    assert (found["inforom"], found["driver"]) == (("unknown", "unsupported"), ("unknown", "permission"))
    assert "does not report it" in machine.of("inforom").detail
    assert machine.health.state == "pass"


def test_power_that_could_be_read_and_cannot_any_more_is_a_warning():
    """As opposed to power that no such board tells."""
    broken = {name: value for name, value in WELL.items() if name != "power"}
    machine = Machine().run(WELL)
    machine.greet(replace(BOARD, absent={"power": "error"}))
    assert machine.run(broken, 5.0).of("power").state == "warn"
    machine.greet(replace(BOARD, absent={"power": "unsupported"}))
    assert machine.run(broken, 60.0).of("power").state == "pass"


def test_nvlinks_of_a_split_board_are_not_down():
    """NVML says that all are; that is MIG, and no fault."""
    board = replace(BOARD, mig=True, absent={"nvlink_active": "mig"})
    values = {name: value for name, value in WELL.items() if not name.startswith(("nvlink", "fabric"))}
    found = Machine(board).run(values).of("nvlink")
    assert (found.state, found.reason) == ("unknown", "mig")


def test_a_card_without_a_bridge_has_no_link_down():
    """No link is up, no peer is reached by one, there is no switch."""
    values = {name: value for name, value in WELL.items() if not name.startswith("fabric")}
    assert Machine().run(values | {"nvlink_active": 0.0}).of("nvlink").state == "pass"
    bridged = replace(BOARD, topology={"GPU-1": "nvlink"})
    assert Machine(bridged).run(values | {"nvlink_active": 0.0}).of("nvlink").state == "fail"


def test_a_lost_gpu_fails_and_one_that_sleeps_is_unknown():
    """With what the driver says of it."""
    machine = Machine().run(WELL)
    machine.greet(replace(BOARD, state="lost", detail="It has fallen off the bus."))
    machine.run(WELL, 10.0)
    assert (machine.of("driver").state, machine.of("memory").state) == ("fail", "unknown")
    assert "fallen off the bus" in machine.of("driver").detail
    machine.greet(replace(BOARD, state="asleep", detail="It sleeps."))
    machine.run(WELL, 10.0)
    assert (machine.of("driver").state, machine.of("driver").reason) == ("unknown", "asleep")


@pytest.mark.parametrize(
    ("code", "state"), [(79, "fail"), (48, "fail"), (62, "fail"), (94, "warn"), (61, "warn"), (9999, "warn"),
                        (13, "pass"), (31, "pass"), (43, "pass"), (63, "pass")],
)  # fmt: skip
def test_an_xid_counts_as_grave_as_the_table_says(code, state):
    """What a program did to itself, or what only follows, is listed and says nothing of the GPU."""
    machine = Machine().run(WELL).xid(code)
    assert machine.of("xids").state == state
    assert [each.code for each in machine.health.devices[0].xids] == [code]


def test_an_xid_says_who_was_running_and_stays_until_it_is_acknowledged():
    """It comes back with the next of its kind; cleared, it is gone."""
    training = Process(uuid="GPU-0", pid=7, notebook="train.ipynb")
    machine = Machine().run(WELL).xid(79, training, Process(uuid="GPU-1", pid=8)).xid(79, training)
    (seen,) = machine.health.devices[0].xids
    assert (seen.count, seen.who, seen.counts) == (2, ("train.ipynb",), True)
    assert "train.ipynb" in machine.of("xids").detail
    assert machine.run(WELL, 3600.0).of("xids").state == "fail"
    assert machine.checkup.acknowledge("GPU-0", 79, 1.8e9)
    assert machine.of("xids").state == "pass"
    assert machine.health.devices[0].xids[0].acknowledged
    assert machine.xid(79).of("xids").state == "fail"
    assert machine.checkup.clear("GPU-0", 79)
    assert not machine.health.devices[0].xids
    assert not machine.checkup.acknowledge("GPU-0", 79, 1.8e9)


def test_of_a_split_board_the_xid_says_who_was_on_its_instances():
    """The driver tells of the board."""
    machine = Machine(replace(BOARD, mig=True))
    instance = Device(uuid="MIG-0", index=0, name="Test MIG 1g.18gb", parent="GPU-0", instance=0)
    machine.checkup.write(Hello(devices=(machine.board, instance), status=Status(state="live"), boot_id="boot"))
    machine.xid(31, Process(uuid="MIG-0", pid=7, name="python"))
    assert machine.health.devices[0].xids[0].who == ("python",)


def test_an_xid_is_over_after_a_day_or_with_the_machine_s_restart():
    """Nobody may be there to acknowledge it."""
    machine = Machine().run(WELL).xid(79)
    assert machine.run(WELL, 86_500.0, step=600.0).of("xids").state == "pass"
    machine = Machine().run(WELL).xid(79)
    machine.greet(BOARD, boot="another")
    assert machine.of("xids").state == "pass"


def test_since_when_a_watch_stands_as_it_does_is_kept():
    """From the moment it changed."""
    machine = Machine().run(WELL)
    began = 1.8e9 + machine.at + 5.0
    machine.run(WELL | {"remap_pending": 1.0}, 60.0)
    assert machine.of("memory").since == began


def test_ids_of_checks_are_unique_and_every_check_says_what_to_do():
    """They are rules too, and configured by their ids."""
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    assert all(rule.steps and rule.code for rule in RULES)
