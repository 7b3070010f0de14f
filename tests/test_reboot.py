"""The observed machine is started anew: its clock begins at 0 again, and so do its counters."""

from __future__ import annotations

import time

import pytest

from jupyter_gpumon.attribution.charges import Charges
from jupyter_gpumon.attribution.claims import Claim
from jupyter_gpumon.energy.ledger import REBOOT, Ledger
from jupyter_gpumon.kernel.tape import Tape
from jupyter_gpumon.model import Device, Edge, Gpu, Hello, Process, Sample, Sensor, Status

UUID, PERIOD, WATTS = "GPU-0", 0.1, 200.0
COUNTER = Device(uuid=UUID, index=0, name="Fake", power_limit_max=700.0)
POWER = Device(uuid=UUID, index=0, name="Fake", power_limit_max=700.0, sensor=Sensor(method="instant"))
BY = pytest.mark.parametrize("device", [COUNTER, POWER], ids=["counter", "power"])


class Node:
    """A machine with one GPU, fed to a ledger and to its charges as a monitor feeds them."""

    def __init__(self, device: Device = COUNTER) -> None:
        self.ledger, self.device = Ledger(), device
        self.charges = Charges(self.ledger, lambda process: process.kernel or "others", "own")
        self.processes: tuple[Process, ...] = (Process(uuid=UUID, pid=1, kernel="own", utilization=0.8),)
        self.told: dict[str, float] = {}

    def boot(self, name: str, up: float = 0.0) -> Node:
        """Switch it on; ``up`` is what its clock shows when somebody first looks."""
        self.mono, self.joules, self._name = up, 0.0, name
        self.say()
        return self

    def say(self, status: str = "live", name: str | None = None) -> None:
        boot = self._name if name is None else name
        self._give(Hello(devices=(self.device,), interval=1.0, boot_id=boot, status=Status(state=status)))

    def _give(self, message) -> None:
        self.ledger.take(message)
        self.charges.write(message)

    def run(self, seconds: float, watts: float = WATTS) -> None:
        for _ in range(round(seconds)):
            self._give(Sample(time=1e9 + self.mono, mono=self.mono + 1, **self._second(watts)))
            self.mono += 1

    def _second(self, watts: float) -> dict:
        gpus, edges = (Gpu(uuid=UUID, power=watts),), []
        for n in range(1, 11):
            self.joules += watts * PERIOD
            mono = self.mono + n * PERIOD
            edges.append(Edge(uuid=UUID, since=mono - 0.004, mono=mono, joules=self.joules))
        counts = self.device is COUNTER
        return {"gpus": gpus, "edges": tuple(edges) if counts else (), "processes": self.processes}

    def window(self, seconds: float, watts: float = 300.0):
        """The energy of a window of so many seconds, with the ten seconds before it and the five after it."""
        self.run(10)
        start = self.mono
        self.ledger.mark(start)
        self.run(seconds, watts)
        self.ledger.mark(start, self.mono)
        end = self.mono
        self.run(5)
        return self.ledger.measure(UUID, start, end)

    def cell(self, key: str, seconds: float) -> None:
        self.charges.open(Claim(key, "own", self.mono))
        self.run(seconds)
        self.charges.close(key, self.mono)
        self.charges.follow(key, "own", lambda left: self.told.update({key: left[UUID]}))

    def charge(self, key: str):
        return self.charges.charge(UUID, key, self.mono)

    @property
    def sums(self):
        """Where the energy went."""
        return self.charges.sums()[UUID]


def parts(sums) -> float:
    """What everybody was charged, and nobody."""
    groups = (sums.cells, sums.background, sums.between, sums.others)
    return sum(sum(group.values()) for group in groups) + sums.idle + sums.unattributed


@BY
def test_a_window_after_a_reboot_is_measured_as_on_a_machine_that_nobody_saw_before(device):
    """To the joule, with the same interval: nothing of before counts, and nothing of after is thrown away."""
    node = Node(device).boot("first", up=50_000)
    node.run(30)
    seen, fresh = node.boot("second").window(20), Node(device).boot("second").window(20)
    assert seen == fresh
    assert seen.joules == pytest.approx(6000, rel=0.02)


def test_a_word_of_the_same_boot_and_one_of_none_forget_nothing():
    """A connection that was lost is not a reboot; nor is a source that does not say."""
    node = Node().boot("first", up=50_000)
    start = node.mono
    node.run(10)
    for status, name in (("disconnected", None), ("live", ""), ("live", None)):
        node.say(status, name)
        node.run(5)
    assert node.ledger.measure(UUID, start + 2, start + 22).joules == pytest.approx(4000, abs=5)


def test_nobody_knows_what_a_window_took_in_which_the_machine_was_started_anew():
    """Also where the new clock has come to show what the old one did at its start."""
    node = Node().boot("first", up=10)
    node.run(10)
    start = node.mono
    node.ledger.mark(start)
    node.run(10)
    node.boot("second").run(60)
    node.ledger.mark(start, 50.0)
    energy = node.ledger.measure(UUID, start, 50.0)
    assert (energy.joules, energy.high, energy.warning) == (None, None, REBOOT)
    assert node.ledger.measure(UUID, 15.0, 45.0).joules == pytest.approx(6000, abs=10)


@BY
def test_a_cell_after_a_reboot_is_charged(device):
    """By the new clock; the sums of before stay, and add up to what was drawn in both lives of the machine."""
    node = Node(device).boot("first", up=50_000)
    node.run(10)
    node.cell("before", 20)
    node.run(10)
    known, before = node.charge("before").joules, node.sums.total
    assert known == pytest.approx(4000, rel=0.03)
    node.boot("second").run(10)
    node.cell("after", 20)
    node.run(10)
    assert node.charge("before").joules == known
    assert node.charge("after").joules == pytest.approx(4000, rel=0.03)
    assert node.sums.total == pytest.approx(before + WATTS * 38, abs=2 * WATTS)
    assert parts(node.sums) == pytest.approx(node.sums.total)


def test_what_was_not_charged_yet_is_charged_before_the_clock_ends():
    """To the last second or two, of which it is said that they are not known."""
    node = Node().boot("first", up=50_000)
    node.run(29)
    node.boot("second")
    assert node.sums.total == pytest.approx(WATTS * (28 - node.sums.unknown), abs=1)
    assert node.sums.unknown <= 2


def test_a_cell_that_is_open_through_a_reboot_is_charged_what_is_known_of_both_lives():
    """Its kernel is on another machine; and from its end on it is charged nothing more."""
    node = Node().boot("first", up=50_000)
    node.run(10)
    node.charges.open(Claim("long", "own", node.mono))
    node.run(20)
    node.boot("second").run(20)
    node.charges.close("long", node.mono)
    node.run(20)
    charge = node.charge("long")
    assert charge.joules == charge.whole == pytest.approx(WATTS * (39 - charge.unknown), abs=5)
    assert node.sums.cells == {"own": pytest.approx(charge.joules)}


def test_a_cell_that_had_ended_leaves_nothing_behind_on_the_machine_that_was_started_anew():
    """What it left behind until then is told; what its kernel does after it is nobody's background."""
    node = Node().boot("first", up=50_000)
    node.run(10)
    node.cell("before", 10)
    node.run(10)
    left = node.charge("before").background
    assert left > WATTS
    node.boot("second").run(30)
    assert node.charge("before").background == pytest.approx(left, abs=2.5 * WATTS)
    assert node.told["before"] == node.charge("before").background
    assert node.sums.between["own"] > WATTS * 20


def test_a_kernel_tells_the_time_of_the_machine_as_it_is_now():
    """Not by how far the old clock was ahead; the same boot told again changes nothing."""
    tape, gpus = Tape(), (Gpu(uuid=UUID, power=WATTS),)
    for boot, up in (("one", 900_000.0), ("one", 900_001.0), ("two", 5.0)):
        tape.write(Hello(boot_id=boot))
        tape.write(Sample(time=0.0, mono=up, gpus=gpus))
    assert time.monotonic() - tape.lag == pytest.approx(5.0, abs=60.0)
    assert [sample.mono for sample in tape.recent()] == [5.0]
