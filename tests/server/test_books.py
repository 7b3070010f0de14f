"""The energy books: every joule of a board's counter is somewhere, and only once."""

from __future__ import annotations

import json
import random
import time

import pytest
from msgspec.structs import replace

from jupyter_gpumon.model import Cell, CellDevice, Device, Energy, Footprint, Gpu, Hello, Sample, Sensor
from jupyter_gpumon.server.books import RECENT, Keeper, day_of

from .conftest import eventually

NOON = time.mktime((2026, 6, 15, 12, 0, 0, 0, 0, -1))
MIDNIGHT = time.mktime((2026, 6, 16, 0, 0, 0, 0, 0, -1))
HELLO = Hello(devices=(Device(uuid="GPU-a", index=0, name="H200"), Device(uuid="GPU-b", index=1, name="H200")))


class Run:
    """Books that follow boards second by second."""

    def __init__(self, hello: Hello = HELLO, begin: float = NOON) -> None:
        self.keeper, self.time, self.counters = Keeper(), begin, {"GPU-a": 1000.0, "GPU-b": 5e6}
        self.keeper.write(hello)
        self.step(0.0)

    def step(self, seconds: float, watts: float = 0.0, busy: float | None = None, **changes: object) -> None:
        """Let both boards draw ``watts``; they are busy where that is more than their 100 W without work."""
        self.time += seconds
        gpus = []
        for uuid in self.counters:
            self.counters[uuid] += watts * seconds
            load = float(watts > 100) if busy is None else busy
            gpus.append(
                Gpu(uuid=uuid, **{"energy": self.counters[uuid], "power": watts, "utilization": load, **changes})
            )
        self.keeper.write(Sample(time=self.time, mono=self.time - NOON + 5000, gpus=tuple(gpus)))

    def cell(self, seconds: float, joules: float | None, id: str = "c1", kernel: str = "k1", **more: object) -> Cell:
        """A cell on GPU 0 that has just ended."""
        device = CellDevice(name="gpu0", model="H200")
        energy = {"gpu0": Energy(joules=joules, high=None if joules is None else joules * 1.01, low=joules)}
        made = Cell(id=id, start=self.time - seconds, end=self.time, devices=(device,), energy=energy, kernel_id=kernel)
        return replace(made, **more)

    def books(self, **paths: str):
        return self.keeper.books(paths)

    def board(self, uuid: str = "GPU-a"):
        return self.books().start.devices[uuid]


def whole(board) -> float:
    """The four parts of a board."""
    return board.cells + board.background + (board.idle or 0.0) + board.rest


def test_the_parts_of_a_board_are_its_counters_growth():
    """A minute without work, ten seconds of a cell, five of something that was not measured."""
    run = Run()
    for _ in range(60):
        run.step(1.0, 100.0)
    for _ in range(10):
        run.step(1.0, 500.0)
    run.keeper.post(run.cell(10, 5000.0), "k1")
    for _ in range(5):
        run.step(1.0, 400.0)
    board = run.board()
    assert board.joules == 60 * 100 + 10 * 500 + 5 * 400
    assert (board.cells, board.idle, board.rest) == (5000.0, pytest.approx(6500.0), pytest.approx(1500.0))
    assert whole(board) == pytest.approx(board.joules)


def test_any_schedule_adds_up():
    """Random loads, cells of two kernels, drafts, bounds, background, a counter that began anew: to a millijoule."""
    chance = random.Random(7)
    run, grown = Run(), 0.0
    for number in range(600):
        seconds, watts = chance.uniform(0.2, 5), chance.choice([100.0, 100.0, 700.0 * chance.random()])
        run.step(seconds, watts)
        grown += watts * seconds
        if number % 7 == 0:
            joules = chance.choice([None, watts * seconds * chance.random()])
            after = {"gpu0": Energy(joules=chance.random() * 5)} if number % 2 else {}
            for final in (False, True):
                cell = run.cell(seconds, joules, str(number), chance.choice("ab"), background=after, final=final)
                run.keeper.post(cell, cell.kernel_id)
        if number % 100 == 50:
            run.counters["GPU-a"] = 0.0
            run.step(0.5, 0.0)
    board = run.board()
    assert board.resets == 6
    assert board.joules == pytest.approx(grown, abs=1e-3)
    assert whole(board) == pytest.approx(board.joules, abs=1e-3)
    assert run.board("GPU-b").joules == pytest.approx(grown, abs=1e-3)


def test_a_counter_that_falls_back_is_counted_anew_from_there():
    """What was drawn over the fall is not known, and said to be missing; nothing is below zero."""
    run = Run()
    run.step(1.0, 300.0)
    run.counters["GPU-a"] = 7.0
    run.step(1.0, 300.0)
    run.step(1.0, 300.0)
    assert (run.board().joules, run.board().resets) == (600.0, 1)
    assert (run.board("GPU-b").joules, run.board("GPU-b").resets) == (900.0, 0)


def test_a_completed_record_takes_the_place_of_its_draft():
    """And many of them stay bounded in memory without a change of the sums."""
    run = Run()
    run.step(1.0, 700.0)
    draft = {"gpu0": Energy(joules=650.0, method="power", final=False)}
    run.keeper.post(run.cell(1, 650.0, energy=draft, final=False), "k1")
    assert run.books().start.notebooks[0].energy["GPU-a"].final is False
    run.keeper.post(run.cell(1, 700.0), "k1")
    (book,) = run.books().start.notebooks
    assert (book.cells, book.energy["GPU-a"].joules, book.energy["GPU-a"].final) == (1, 700.0, True)
    for number in range(2 * RECENT):
        run.keeper.post(run.cell(1, 1.0, f"n{number}"), "k1")
    (book,) = run.books().start.notebooks
    assert (book.cells, book.energy["GPU-a"].joules) == (1 + 2 * RECENT, 700.0 + 2 * RECENT)
    assert len(run.keeper._records) == RECENT


def test_what_a_nested_measurement_has_is_not_counted_twice():
    """Both are posted; the outer one says what it had without the inner."""
    run = Run()
    run.step(2.0, 500.0)
    run.keeper.post(run.cell(1, 400.0, "inner"), "k1")
    run.keeper.post(run.cell(2, 1000.0, "outer", exclusive={"gpu0": Energy(joules=600.0)}), "k1")
    assert run.board().cells == 1000.0


def test_a_part_too_short_to_tell_is_counted_with_what_its_cell_is_without():
    """So the whole cell is in the books; footprint and host are in them once as well."""
    run = Run()
    run.step(2.0, 500.0)
    one = Footprint(
        joules=1000.0, grams=400.0, grams_low=390.0, grams_high=410.0, pue=1.2, intensity=1.2e6, intensity_year=2024
    )
    one = replace(one, cost=1.0, cost_low=0.9, cost_high=1.1, currency="EUR", price=3000.0)
    host = {"package-0": Energy(joules=50.0, method="rapl")}
    part = {"energy": {"gpu0": Energy(high=30.0)}, "exclusive": {"gpu0": Energy(joules=12.0)}, "within": ("outer",)}
    run.keeper.post(run.cell(0.1, None, "inner", host_energy=host, **part), "k1")
    outer = {"exclusive": {"gpu0": Energy(joules=988.0, low=980.0, high=996.0)}, "footprint": one, "host_energy": host}
    run.keeper.post(run.cell(2, 1000.0, "outer", **outer), "k1")
    (book,) = run.books().start.notebooks
    assert (book.energy["GPU-a"].joules, book.energy["GPU-a"].low, book.energy["GPU-a"].high) == (1000, 992, 1008)
    assert (book.unresolved, book.host) == (0, 50.0)
    assert (book.cells, book.seconds) == (1, 2.0)
    assert book.footprint.joules == 988.0
    assert book.footprint.grams == pytest.approx(988 * 1.2 / 3.6e6 * 1.2e6)
    assert book.footprint.cost == pytest.approx(988 * 1.2 / 3.6e6 * 3000)


def test_estimates_are_in_no_sum_and_bounds_by_their_middle():
    """A MIG instance's share is told apart, its energy is in the rest; a cell too short to tell widens the sum."""
    instance = Device(uuid="MIG-1", index=0, instance=0, name="H200 MIG", parent="GPU-a")
    run = Run(replace(HELLO, devices=(*HELLO.devices, instance)))
    run.step(1.0, 500.0)
    run.keeper.post(run.cell(0.01, None, energy={"gpu0": Energy(high=9.0)}), "k1")
    guess = run.cell(1, None, "c2", energy={"gpu0:0": Energy(joules=80.0, method="estimate")})
    run.keeper.post(replace(guess, devices=(CellDevice(name="gpu0:0", model="H200 MIG"),)), "k1")
    (book,) = run.books().start.notebooks
    assert (book.estimate, book.unresolved, book.bound) == ({"MIG-1": 80.0}, 1, 9.0)
    assert book.energy == {"GPU-a": Energy(joules=4.5, low=0.0, high=9.0)}
    assert (run.board().cells, run.board().rest) == (4.5, 495.5)


def test_today_begins_at_midnight():
    """The second that midnight is in, and the cell that runs over it, count with their later part."""
    run = Run(begin=MIDNIGHT - 10.5)
    for _ in range(20):
        run.step(1.0, 400.0)
    run.keeper.post(run.cell(19, 7600.0), "k1")
    today, start = run.books().today, run.books().start
    assert (today.since, start.since) == (MIDNIGHT, MIDNIGHT - 10.5)
    assert start.devices["GPU-a"].joules == pytest.approx(8000.0)
    assert today.devices["GPU-a"].joules == pytest.approx(9.5 * 400)
    assert today.notebooks[0].energy["GPU-a"].joules == pytest.approx(7600 * 9.5 / 19)
    assert today.notebooks[0].seconds == pytest.approx(9.5)
    run.step(86400.0, 1.0)
    assert run.books().today.notebooks == ()
    assert run.books().start.notebooks[0].cells == 1


def test_a_day_may_have_23_hours(monkeypatch):
    """Where clocks are changed."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        day = day_of(time.mktime((2026, 3, 29, 18, 0, 0, 0, 0, -1)))
        assert day.end - day.start == 23 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_board_without_a_counter_is_integrated():
    """And one whose counter failed its trial; a hole in the readings is told, not bridged."""
    for change in ({"absent": {"energy": "unsupported"}}, {"sensor": Sensor(method="instant", reason="disagrees")}):
        run = Run(Hello(devices=(replace(HELLO.devices[0], **change),)))
        run.step(1.0, 200.0)
        run.step(1.0, 300.0)
        assert (run.board().joules, run.board().method) == (100.0 + 250.0, "power")
        run.step(100.0, 300.0)
        assert (run.board().joules, run.board().uncovered) == (350.0, 100.0)


def test_a_board_never_seen_without_work_has_no_idle_share():
    """It is not known, so it is in the rest; it becomes known for the whole time as soon as the board rests."""
    run = Run()
    run.step(10.0, 700.0)
    run.step(10.0, 700.0)
    assert (run.board().idle, run.board().rest) == (None, 14000.0)
    run.step(1.0, 100.0)
    run.step(10.0, 100.0)
    assert run.board().idle == pytest.approx(31 * 100)


def test_notebooks_are_found_by_their_kernels():
    """Two kernels of one notebook are one line; an open one without cells is there; a path follows a renaming."""
    run = Run()
    run.step(10.0, 500.0)
    for kernel in ("k1", "k2"):
        run.keeper.post(run.cell(1, 400.0, kernel, kernel, notebook="old.ipynb"), kernel)
    run.keeper.post(run.cell(1, 50.0, "c3", "k3"), "k3")
    books = run.books(k1="old.ipynb", k2="new.ipynb", k4="idle.ipynb").start.notebooks
    assert [(book.notebook, book.kernel, book.cells) for book in books] == [
        ("old.ipynb", "k1", 1),
        ("new.ipynb", "k2", 1),
        (None, None, 1),
        ("idle.ipynb", "k4", 0),
    ]
    (first, *_) = run.books(k1="new.ipynb", k2="new.ipynb").start.notebooks
    assert (first.cells, first.energy["GPU-a"].joules) == (2, 800.0)


def test_a_cell_measured_on_simulated_gpus_is_not_in_the_books_of_real_ones():
    """Nor the other way round."""
    run = Run()
    run.step(1.0, 500.0)
    run.keeper.post(run.cell(1, 500.0, simulated=True), "k1")
    assert run.books().start.notebooks == ()


def test_footprints_are_summed_as_far_as_they_agree():
    """Of two prices the price is that of the sum; two currencies have no sum; carbon is added all the same."""
    run = Run()
    run.step(10.0, 500.0)
    one = Footprint(
        joules=400.0, grams=0.1, grams_low=0.05, grams_high=0.2, region="DE", cost=0.01, currency="EUR", price=0.3
    )
    run.keeper.post(run.cell(1, 400.0, "c1", footprint=one), "k1")
    run.keeper.post(run.cell(1, 400.0, "c2", footprint=replace(one, price=0.4)), "k1")
    footprint = run.books().start.notebooks[0].footprint
    assert (footprint.joules, footprint.grams, footprint.cost) == (800.0, 0.2, 0.02)
    assert (footprint.price, footprint.region) == (pytest.approx(0.02 / 800 * 3.6e6), "DE")
    run.keeper.post(run.cell(1, 400.0, "c3", footprint=replace(one, currency="USD")), "k1")
    footprint = run.books().start.notebooks[0].footprint
    assert (footprint.grams, footprint.cost, footprint.currency) == (pytest.approx(0.3), None, "")


async def test_the_route_tells_the_books(gpumon, jp_fetch):
    """Both boards of a real server, followed from its first sample, and a record that a kernel has posted."""
    await eventually(lambda: gpumon.service.tally.samples >= 4, "four samples")
    moment = gpumon.service.monitor.latest.time
    device = CellDevice(name="gpu1", model="H200")
    cell = Cell(id="c1", start=moment - 0.1, end=moment, simulated=True, devices=(device,), kernel_id="k1")
    gpumon.service.post(replace(cell, energy={"gpu1": Energy(joules=2.0)}), "k1")
    answer = json.loads((await jp_fetch("gpumon", "api", "ledger")).body)
    boards = {device.uuid: device for device in gpumon.service.monitor.hello.devices}
    assert set(answer["start"]["devices"]) == set(boards)
    assert all(board["joules"] > 0 for board in answer["start"]["devices"].values())
    (book,) = answer["today"]["notebooks"]
    assert [(boards[uuid].index, energy["joules"]) for uuid, energy in book["energy"].items()] == [(1, 2.0)]
