"""A notebook with all the cells that are hard to account for, in a real server: its ledger adds up to the counter."""

from __future__ import annotations

import json
import threading
import time

import pytest

from ..energy.served import clock_offset, kernel_of, server_on
from ..energy.story import BEGIN, IDLE, OTHER, STORY
from ..fakenvml.driver import FakeDriver
from ..fakenvml.scenario import Scenario

ACCOUNT = """
def gpumon_account():
    import json
    from jupyter_gpumon.kernel.connect import connection
    link = connection()
    ((uuid, sums),) = link.charges.sums().items()
    parts = {name: sum(value.values()) if isinstance(value, dict) else value for name, value in vars(sums).items()}
    return json.dumps(parts | {"cursor": link.charges._attribution.reached(uuid)})
"""
"""Where the energy went, by the kernel, and until when (monotonic): a JSON text."""
PARTS = ("cells", "background", "between", "others", "idle", "unattributed")


class Story:
    """The notebook as it was run: records by name, accounts before and after, the server's books, the truth."""

    def __init__(self, driver, server, first, second) -> None:
        self.driver = driver
        first.run(ACCOUNT)
        for kernel in (first, second):
            kernel.run(BEGIN)
            kernel.run("%gpumon summary on")
        time.sleep(6)  # as long as it takes to know what the GPU draws at rest
        self.before = _account(first)
        self.records = {}
        for step in STORY:
            beside = threading.Thread(target=self._run, args=(second, OTHER))
            if step.name == "shared":
                beside.start()
            self._run(first, step)
            if beside.ident:
                beside.join()
        time.sleep(3)
        end = time.monotonic() + 60
        while not self._booked(server) and time.monotonic() < end:
            time.sleep(0.2)  # records are posted in the background
        self.after = _account(first)
        self.books = server.get("gpumon/api/ledger")["start"]

    def _booked(self, server) -> bool:
        (board,) = server.get("gpumon/api/ledger")["start"]["devices"].values()
        return abs(board["cells"] - self.charged()) < 1e-6 * self.charged()

    def charged(self) -> float:
        """Joules of all cells by their records; of what is only bounded, the middle."""
        return sum(cost.get("joules", cost["high"] / 2) for cost in map(self.cost, self.records))

    def _run(self, kernel, step) -> None:
        offset = clock_offset()
        (record,) = kernel.records(step.code)
        self.records[step.name] = record | {"truth": self.truth(record["start"] - offset, record["end"] - offset)}

    def truth(self, start: float, end: float) -> float:
        """Joules of the GPU between two monotonic times."""
        return self.driver.energy(start, end, 0)

    def cost(self, name: str) -> dict[str, float]:
        """A cell's energy."""
        return self.records[name]["energy"]["gpu0"]


def _account(kernel) -> dict[str, float]:
    return json.loads(kernel.value("gpumon_account()").strip("'"))


@pytest.fixture(scope="module")
def story(fakenvml_library, tmp_path_factory):
    """Run once for all tests of this module."""
    driver = FakeDriver(tmp_path_factory.mktemp("driver"), Scenario(1, power=f"{IDLE:g}", energy_period=0.1))
    with server_on(driver) as server, kernel_of(server) as first, kernel_of(server) as second:
        return Story(driver, server, first, second)


def test_every_cell_ends_as_it_did(story):
    """Also those that were interrupted or failed have a record, and it says so."""
    assert {step.name: story.records[step.name]["status"] for step in STORY} == {s.name: s.status for s in STORY}


@pytest.mark.parametrize("name", [step.name for step in (*STORY, OTHER)])
def test_what_a_cell_and_the_others_took_is_what_the_gpu_drew(story, name):
    """The exact integral over the cell's own window, however its code ended and whoever drew it."""
    cost = story.cost(name)
    if "joules" not in cost:  # too short for a value: then it is a bound
        assert name in ("async", "short")
        assert story.records[name]["truth"] <= cost["most"]
        return
    whole, truth = (
        cost["joules"] + cost.get("others", 0.0) + cost.get("unattributed", 0.0),
        story.records[name]["truth"],
    )
    assert whole == pytest.approx(truth, abs=max(0.03 * truth, 1.0, (cost["high"] - cost["low"]) / 2))


def test_the_ledger_adds_up_to_the_counter(story):
    """Its parts are its total to the millijoule, and the total is what the GPU drew in that time."""
    before, after = story.before, story.after
    assert sum(after[part] for part in PARTS) == pytest.approx(after["total"], abs=1e-3)
    drawn = story.truth(before["cursor"], after["cursor"])
    assert after["total"] - before["total"] == pytest.approx(drawn, rel=0.005)
    assert after["unknown"] == before["unknown"]  # only from before the counter was first read


def test_the_cells_of_the_ledger_are_those_of_the_records(story):
    """What the account calls measured cells is the sum of what is written under them."""
    total = sum(story.cost(step.name).get("joules", 0.0) for step in STORY)
    assert story.after["cells"] - story.before["cells"] == pytest.approx(total, rel=0.02)


def test_work_that_outlives_its_cell_is_told_apart(story):
    """The cell itself took next to nothing; what its work drew afterwards is in the ledger, charged to somebody."""
    later = story.cost("pause")["joules"] + story.after["background"]
    assert later > 0.9 * (4 * 300 + 3 * IDLE)
    assert story.cost("async")["high"] < 0.2 * later


def test_a_subprocess_is_the_cells_own(story):
    """What the child drew is charged to the cell that started it: to others goes at most their share of idleness.

    The second in which it appears may be nobody's: nobody was seen at work then.
    """
    record, cost = story.records["subprocess"], story.cost("subprocess")
    assert cost.get("others", 0.0) < IDLE * (record["end"] - record["start"])
    assert cost["joules"] > 4 * 280 - 1.2 * 280


def test_two_kernels_on_one_gpu_share_it(story):
    """Each has its part, together they have all; each names the other."""
    first, other = story.cost("shared"), story.cost("other")
    assert first["others"] > 0.15 * (first["joules"] + first["others"])
    assert first["joules"] > other["joules"]
    assert story.records["shared"]["corunning"]
    assert story.records["other"]["corunning"]


def test_the_servers_books_add_up_too(story):
    """Cells of both kernels, background, idleness and the rest are what the counter grew by."""
    (board,) = story.books["devices"].values()
    parts = sum(board.get(part, 0.0) for part in ("cells", "background", "idle", "rest"))
    assert parts == pytest.approx(board["joules"], abs=1e-3)
    assert board["cells"] == pytest.approx(story.charged(), rel=1e-6)
    assert len([book for book in story.books["notebooks"] if book.get("cells")]) == 2
