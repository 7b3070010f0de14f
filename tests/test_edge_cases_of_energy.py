"""The edge cases of energy.md §3.9 that need no kernel: streams of samples against ledger and attribution."""

from __future__ import annotations

import sys
from types import SimpleNamespace as Some

import pytest
from msgspec.structs import replace

from jupyter_gpumon.attribution.charges import Charges, of_slices, portion
from jupyter_gpumon.attribution.claims import Charge, Claim
from jupyter_gpumon.energy.ledger import Ledger
from jupyter_gpumon.kernel import remotes
from jupyter_gpumon.kernel.groups import Groups
from jupyter_gpumon.model import Cell, CellDevice, Device, Edge, Energy, Gpu, Hello, Process, Sample
from jupyter_gpumon.report import words

UUID = "GPU-0"
PERIOD = 0.1


class Stream:
    """Samples of one GPU, fed to a ledger and to its attribution as a monitor feeds them."""

    def __init__(self, *, namespace: str = "host", device: Device | None = None, watts: float = 100.0) -> None:
        self.ledger = Ledger()
        self.charges = Charges(self.ledger, lambda process: process.kernel or "others", "own")
        self.watts, self.mono, self.joules, self._offset = watts, 100.0, 5e6, 0.0
        self.processes: tuple[Process, ...] | None = (Process(uuid=UUID, pid=1, kernel="own", utilization=0.8),)
        device = device or Device(uuid=UUID, index=0, name="Fake", power_limit_max=700.0)
        self._give(Hello(devices=(device,), pid_namespace=namespace, interval=1.0))

    def _give(self, message) -> None:
        self.ledger.take(message)
        self.charges.write(message)

    def run(self, seconds: float, *, clock: float = 0.0, every: float = 1.0) -> None:
        """So much time; ``clock`` is what the wall clock is off by then, ``every`` the seconds between two samples."""
        end = self.mono + seconds
        while self.mono < end - 1e-9:
            until = min(end, self.mono + every)
            edges = []
            while self.mono < until - 1e-9:
                self.mono += PERIOD
                self.joules += self.watts * PERIOD
                edges.append(Edge(uuid=UUID, since=self.mono - 0.004, mono=self.mono, joules=self.joules))
            gpus = (Gpu(uuid=UUID, power=self.watts),)
            sample = Sample(
                time=1e9 + self.mono + clock, mono=self.mono, gpus=gpus, processes=self.processes, edges=tuple(edges)
            )
            self._give(sample)

    def sleep(self, seconds: float) -> None:
        """Nobody looks; the counter goes on."""
        self.mono += seconds
        self.joules += self.watts * seconds

    def cell(self, seconds: float, key: str = "cell", who: str = "own") -> Charge:
        """A cell of so many seconds; what it is charged."""
        self.charges.open(Claim(key, who, self.mono))
        start = self.mono
        self.run(seconds)
        end = self.mono
        self.charges.close(key, end)
        self.run(2.0)
        self.window = start, end
        return self.charges.charge(UUID, key, end)


@pytest.fixture
def stream() -> Stream:
    """Ten seconds of one kernel at work at 100 W."""
    made = Stream()
    made.run(10.0)
    return made


def _kernel(name: str, busy: float) -> Process:
    return Process(uuid=UUID, pid=hash(name) % 1000, kernel=name, utilization=busy, memory=1e9)


def test_a_cell_has_what_the_counter_grew_by(stream):
    """Alone on the device: all of it."""
    charge = stream.cell(5.0)
    assert (charge.joules, charge.whole, charge.company) == (
        pytest.approx(500, abs=1),
        pytest.approx(500, abs=1),
        set(),
    )


def test_several_kernels_on_one_gpu_are_charged_their_shares_and_no_more_than_the_counter(stream):
    """3 : 1 by what each kept the device busy; each record names the other."""
    stream.processes, stream.watts = (_kernel("own", 0.6), _kernel("k2", 0.2)), 400.0
    stream.run(2.0)
    stream.charges.open(Claim("theirs", "k2", stream.mono))
    mine = stream.cell(5.0)
    theirs = stream.charges.charge(UUID, "theirs", stream.window[1])
    assert mine.company == {"k2"}
    assert mine.joules + mine.others == pytest.approx(mine.whole)
    assert mine.joules > 1.5 * theirs.joules > 0
    assert mine.joules + theirs.joules <= theirs.whole


def test_a_counter_that_falls_charges_nothing_for_that_time(stream):
    """GPU reset, driver reload: the growth across it is not known, and what comes after is counted again."""
    stream.charges.open(Claim("cell", "own", stream.mono))
    stream.run(3.0)
    stream.joules = 1000.0
    stream.run(3.0)
    stream.charges.close("cell", stream.mono)
    stream.run(3.0)
    charge = stream.charges.charge(UUID, "cell", stream.mono)
    assert 0 < charge.unknown <= 2.1
    assert charge.joules == pytest.approx(600 - 100 * charge.unknown, abs=15)


def test_a_board_that_was_never_at_rest_is_not_taken_to_idle_at_its_lowest_power():
    """Somebody has been at work on it since before we came: what they share is mostly work, and goes by utilization."""
    stream = Stream(watts=600.0)
    stream.processes = (_kernel("own", 0.9), _kernel("k2", 0.1))
    stream.run(10.0)
    charge = stream.cell(5.0)
    assert charge.joules == pytest.approx(0.9 * 5 * (600 - 84) + 0.5 * 5 * 84, rel=0.02)


def test_a_suspended_machine_is_not_extrapolated_over(stream):
    """20 s without a look: the counter's growth is real, but who was at work in it is not guessed."""
    stream.processes = (_kernel("own", 0.8), _kernel("k2", 0.8))
    stream.run(3.0)
    stream.charges.open(Claim("cell", "own", stream.mono))
    stream.run(2.0)
    stream.sleep(20.0)
    stream.run(2.0)
    stream.charges.close("cell", stream.mono)
    stream.run(3.0)
    charge = stream.charges.charge(UUID, "cell", stream.mono)
    assert charge.whole == pytest.approx(2400, rel=0.02)
    assert charge.left_work > 0
    assert charge.joules + charge.others + charge.unattributed == pytest.approx(charge.whole)


def test_a_clock_that_is_set_changes_no_energy(stream):
    """Only the monotonic clock counts: an hour back in the middle of a cell is nothing."""
    stream.charges.open(Claim("cell", "own", stream.mono))
    stream.run(2.0)
    stream.run(2.0, clock=-3600.0)
    stream.charges.close("cell", stream.mono)
    end = stream.mono
    stream.run(3.0, clock=-3600.0)
    assert stream.charges.charge(UUID, "cell", end).joules == pytest.approx(400, abs=1)


def test_in_a_foreign_pid_namespace_the_cell_has_all_of_it():
    """Whose the processes are cannot be known: nothing is divided, and the record says so."""
    stream = Stream(namespace="foreign")
    stream.processes = (Process(uuid=UUID, count=3, utilization=0.9),)
    stream.run(10.0)
    charge = stream.cell(3.0)
    assert (charge.joules, charge.company) == (pytest.approx(charge.whole), set())


def test_where_processes_cannot_be_seen_the_cell_has_all_of_it():
    """As on Windows, or where the server shows none."""
    stream = Stream()
    stream.processes = None
    stream.run(10.0)
    assert stream.cell(3.0).joules == pytest.approx(300, abs=1)


def test_a_mig_instance_is_an_estimate_of_its_share():
    """The driver tells neither its power nor its utilization: the board's energy by slices, at most all of it."""
    instance = Device(uuid="MIG-0", index=0, name="1g", parent=UUID, instance=0, slices=1 / 7)
    found = of_slices(Energy(joules=700.0, low=690.0, high=710.0), instance)
    assert (found.joules, found.high, found.method) == (pytest.approx(100.0), 710.0, "estimate")


def test_without_a_counter_energy_is_divided_by_the_integral_of_power():
    """The same rules; the line is made of readings of power."""
    old = Device(uuid=UUID, index=0, name="Old", absent={"energy": "unsupported"}, power_limit_max=250.0)
    stream = Stream(device=old)
    stream.processes = (_kernel("own", 0.6), _kernel("k2", 0.2))
    stream.run(10.0)
    charge = stream.cell(5.0)
    assert charge.whole == pytest.approx(500, abs=1)
    assert charge.joules + charge.others + charge.unattributed == pytest.approx(charge.whole)
    assert charge.joules > charge.others > 0


def test_a_record_never_says_nothing_was_drawn(stream):
    """One that rested while another had the device: at most the idle part, and not 0 J."""
    stream.processes = (_kernel("own", 0.0), _kernel("k2", 0.9))
    stream.run(3.0)
    charge = stream.cell(4.0)
    found = portion(Energy(joules=400.0, low=399.0, high=401.0, idle=240.0), charge)
    assert found.joules is None
    assert found.high == 240.0


def test_the_interval_of_a_share_holds_the_doubt_about_device_and_share():
    """Both are carried; the parts add up to the whole."""
    charge = Charge(joules=50.0, idle=10.0, low=42.0, high=58.0, whole=100.0, company={"k2"})
    found = portion(Energy(joules=200.0, low=190.0, high=210.0, least=150.0, most=250.0), charge)
    assert (found.joules, found.others) == (pytest.approx(100), pytest.approx(100))
    assert (found.low, found.high) == (pytest.approx(190 * 0.42), pytest.approx(210 * 0.58))
    assert (found.least, found.most) == (0.0, 250.0)


def test_other_kernels_are_told_apart_without_their_ids():
    """What is saved in a notebook names them k2, k3; what has no kernel is everybody else's."""
    groups = Groups()
    names = [groups(Process(uuid=UUID, pid=1, kernel=kernel)) for kernel in ("b7", "c9", "b7", None)]
    assert names == ["k2", "k3", "k2", "others"]
    assert groups(Process(uuid=UUID, count=3)) == "others"


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("ray", Some(is_initialized=lambda: True), "Ray"),
        ("distributed", Some(client=Some(_get_global_client=lambda: Some(cluster=None))), "Dask"),
        ("pyspark", Some(SparkContext=Some(_active_spark_context=Some(master="spark://a"))), "Spark"),
    ],
)
def test_work_on_other_machines_is_said_not_to_be_measured(monkeypatch, name, module, words):
    """Where such a cluster is connected; nothing is imported to find out."""
    monkeypatch.setitem(sys.modules, name, module)
    assert [note for note in remotes.notes() if words in note]


def test_clusters_that_are_not_connected_are_no_matter(monkeypatch):
    """Imported and not used, run on this machine, or of a version nobody knows."""
    monkeypatch.setitem(sys.modules, "ray", Some(is_initialized=lambda: False))
    local = Some(_active_spark_context=Some(master="local[4]"))
    monkeypatch.setitem(sys.modules, "pyspark", Some(SparkContext=local))
    monkeypatch.setitem(sys.modules, "distributed", Some())
    assert list(remotes.notes()) == []


def test_power_capping_is_annotated_and_corrects_nothing():
    """The seconds for which the board was held back stand beside the energy, which is what was drawn."""
    energy = {"gpu0": Energy(joules=500.0, low=495.0, high=505.0)}
    free = Cell(start=0.0, end=2.0, devices=(CellDevice(name="gpu0", model="Fake"),), energy=energy)
    capped = replace(free, delta={"gpu0": {"held_power_cap": 1.5}})
    assert "power cap held it back for 1.50 s" in words.small_print(capped)
    assert "power cap" not in words.small_print(free)
    assert words.cost(capped) == words.cost(free)
