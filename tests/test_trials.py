"""When boards are tried, what of it is kept, and how it reaches the hello: on a clock turned by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.errors import DriverNotLoaded
from jupyter_gpumon.model import Device, Hello, Request, Sensor
from jupyter_gpumon.sources.known import KEPT, KnownSensors, cache_file
from jupyter_gpumon.sources.sampler import Sampler

from .tiny import TinyBackend, device, samples, status, upto

GAIN = {"GPU-0": 1.0, "GPU-1": 0.57}


class Machine:
    """Two boards of 60 W: the counter of the second shows 57 % of that."""

    def __init__(self, folder: Path, driver: str = "1.0", clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.backend = TinyBackend()
        self.backend.hello = Hello(driver=driver)
        self.backend.present = [device(0, architecture="Ada"), device(1, architecture="Ada")]
        self.backend.energy_of = self.counter
        self.backend.power_of = lambda uuid: 60.0
        self.reads: list[float] = []
        self.file = folder / "sensors.json"
        self.sampler = Sampler(self.backend, known=KnownSensors(self.file))
        self.stream = self.sampler.stream(self.clock)

    def counter(self, uuid: str) -> float:
        self.clock.advance(0.0025)
        self.reads.append(self.clock.mono())
        return round(60.0 * GAIN[uuid] * math.floor(self.clock.mono() / 0.1) * 0.1, 3)

    def devices(self, seconds: float) -> tuple[Device, ...]:
        """The devices as they are told after so long."""
        return self.after(seconds).devices

    def after(self, seconds: float) -> Hello:
        """The hello in force after so long."""
        end = self.clock.mono() + seconds
        while self.clock.mono() < end:
            next(self.stream)
        return self.sampler.hello

    def hellos(self, seconds: float) -> Iterator[Hello]:
        end = self.clock.mono() + seconds
        while self.clock.mono() < end:
            message = next(self.stream)
            if isinstance(message, Hello):
                yield message


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def checked(devices) -> list[bool]:
    return [each.sensor.checked is not None for each in devices]


def test_before_the_trial_a_board_is_taken_as_its_architecture_is_known(machine):
    """The first hello has a sensor for each board, without a date."""
    devices = upto(machine.stream, status("live")).devices
    assert [(each.sensor.method, each.sensor.checked) for each in devices] == [("counter", None)] * 2
    assert devices[0].sensor.provenance


def test_boards_at_rest_are_tried_one_after_the_other_and_the_hello_says_so(machine):
    """Same generation, one more hello per board; the good counter stays, the other is not used."""
    hellos = list(machine.hellos(40))
    devices = hellos[-1].devices
    assert checked(devices) == [True, True]
    assert [each.sensor.method for each in devices] == ["counter", "instant"]
    assert (
        devices[1].sensor.reason == "the counter reads 57 % of the power's integral: energy comes from power readings"
    )
    assert len([hello for hello in hellos if hello.generation == 1]) == 3


def test_samples_go_on_while_a_board_is_tried(machine):
    """One a second, none missed."""
    taken = samples(machine.stream, 40)
    assert sum(sample.missed for sample in taken) == 0
    assert max(b.mono - a.mono for a, b in pairwise(taken)) < 1.05


def test_a_busy_board_is_not_tried(machine):
    """Power that changes every second is no rest."""
    read = machine.backend.read
    machine.backend.read = lambda wanted: [
        each.__class__(uuid=each.uuid, power=60.0 if machine.clock.mono() // 1 % 2 else 300.0) for each in read(wanted)
    ]
    assert checked(machine.devices(60)) == [False, False]


def test_a_board_that_works_steadily_is_not_tried_either(machine):
    """Steady power alone is not rest: somebody's run is under way."""
    read = machine.backend.read
    machine.backend.read = lambda wanted: [
        each.__class__(uuid=each.uuid, power=300.0, utilization=0.9) for each in read(wanted)
    ]
    assert checked(machine.devices(60)) == [False, False]


def test_measuring_ends_a_trial_and_keeps_others_away(machine):
    """The cell goes first; when nobody measures any more, the boards are tried."""
    machine.after(7)
    machine.sampler.ask(Request(measuring=True))
    assert checked(machine.devices(60)) == [False, False]
    machine.sampler.ask(Request(measuring=False))
    assert checked(machine.devices(60)) == [True, True]


def test_a_trial_that_is_given_up_comes_again_ever_more_seldom(machine):
    """Samples looked like rest, but finer readings did not: the counters were only swept; later all is tried."""
    machine.backend.power_of = lambda uuid: 60.0 + 100 * (machine.clock.mono() % 1)
    assert checked(machine.devices(600)) == [False, False]
    assert len(machine.reads) < 2 * 620
    machine.backend.power_of = lambda uuid: 60.0
    assert checked(machine.devices(1200)) == [True, True]


def test_asked_for_it_is_done_at_once_whatever_is_known(machine):
    """Also on boards that were tried a minute ago."""
    first = machine.devices(40)[0].sensor.checked
    machine.sampler.ask(Request(trial=True))
    again = machine.devices(20)
    assert all(each.sensor.checked > first for each in again)


def test_asked_for_on_a_busy_board_it_says_why_there_is_none(machine):
    """Whoever waits for it is told."""
    machine.backend.power_of = lambda uuid: 60.0 + 100 * (machine.clock.mono() % 1)
    machine.after(2)
    machine.sampler.ask(Request(trial=True))
    assert {each.sensor.reason for each in machine.devices(10)} == {
        "no trial yet: its power was not steady, so that there was nothing to compare the counter with"
    }


def test_what_was_found_is_kept_for_the_next_run(machine, tmp_path):
    """The first hello of another process has it, and there is no other trial."""
    found = [each.sensor for each in machine.devices(40)]
    other = Machine(tmp_path)
    assert [each.sensor for each in upto(other.stream, status("live")).devices] == found
    assert len(list(other.hellos(40))) == 0


def test_another_driver_or_a_month_makes_a_new_trial(machine, tmp_path):
    """Firmware comes with the driver; and boards age."""
    machine.after(40)
    assert checked(upto(Machine(tmp_path, driver="2.0").stream, status("live")).devices) == [False, False]
    later = FakeClock(time=machine.clock.time() + KEPT)
    assert checked(upto(Machine(tmp_path, clock=later).stream, status("live")).devices) == [False, False]
    sooner = FakeClock(time=machine.clock.time() + KEPT / 2)
    assert checked(upto(Machine(tmp_path, clock=sooner).stream, status("live")).devices) == [True, True]


def test_an_agent_that_runs_for_a_month_tries_again_by_itself(machine):
    """What it knew serves until then."""
    first = machine.devices(40)[0].sensor.checked
    machine.clock.step(KEPT)
    assert machine.devices(40)[0].sensor.checked > first + KEPT


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"GPU-0": {"driver": 3}}', b"\xff\xfe\x00"])
def test_a_broken_file_is_as_good_as_none(machine, content):
    """It is replaced by the next trial."""
    machine.file.write_bytes(content)
    assert checked(machine.devices(40)) == [True, True]
    assert KnownSensors(machine.file).get("GPU-0", "1.0", machine.clock.time()) is not None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    """What is found holds for this process."""
    (tmp_path / "file").touch()
    machine = Machine(tmp_path / "file")
    assert checked(machine.devices(40)) == [True, True]


def test_two_agents_see_what_the_other_found(tmp_path):
    """The file is read again when it has changed."""
    ours, theirs = KnownSensors(tmp_path / "s.json"), KnownSensors(tmp_path / "s.json")
    ours.put("GPU-0", "1", Sensor(checked=100.0))
    theirs.put("GPU-1", "1", Sensor(checked=101.0))
    assert ours.get("GPU-1", "1", 200.0) == Sensor(checked=101.0)
    assert theirs.get("GPU-0", "1", 200.0) == Sensor(checked=100.0)


def test_simulated_boards_are_not_tried(tmp_path):
    """Everything is known of them, or nothing."""
    machine = Machine(tmp_path)
    machine.backend.hello = Hello(simulated=True)
    assert [each.sensor for each in machine.devices(40)] == [None, None]


def test_a_driver_that_goes_away_in_a_trial_is_tried_again_later(machine):
    """The trial dies with its generation."""
    machine.after(7.5)
    machine.backend.error = DriverNotLoaded("gone")
    machine.after(5)
    machine.backend.error = None
    assert checked(machine.devices(60)) == [True, True]


def test_a_board_that_is_lost_in_its_trial_leaves_the_others_to_theirs(machine):
    """It has no sensor while it is lost."""
    machine.after(7.5)
    machine.backend.present[0] = device(0, state="lost")
    devices = machine.devices(60)
    assert (devices[0].sensor, devices[1].sensor.method) == (None, "instant")


def test_the_cache_is_where_the_user_wants_it(monkeypatch, tmp_path):
    """$GPUMON_CACHE, else the folder for caches; a relative one is to be ignored (XDG Base Directory Specification)."""
    monkeypatch.setenv("GPUMON_CACHE", str(tmp_path))
    assert cache_file() == tmp_path / "sensors.json"
    monkeypatch.delenv("GPUMON_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache_file() == tmp_path / "c" / "jupyter-gpumon" / "sensors.json"
    monkeypatch.setenv("XDG_CACHE_HOME", "c")
    assert cache_file() == tmp_path / ".cache" / "jupyter-gpumon" / "sensors.json"
