"""%gpumon energy: a table that adds up, a picture of it, and the cells in the order one asks for."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import pytest
from msgspec import structs

from jupyter_gpumon.kernel.energy_page import PARTS, Account, page, rows
from jupyter_gpumon.model import Cell, CellDevice, Energy, Footprint
from jupyter_gpumon.report.bars import Bar, drawing
from jupyter_gpumon.report.cells import OrderError, footprint_of, ordered, table

FIRST = Account("gpu0", 1000.0, cells=600.0, background=50.0, between=300.0, others=40.0, nobody=10.0)
SECOND = Account("gpu1", 500.0, cells=100.0, between=400.0)
MIG = Account("gpu2:0", 70.0, cells=70.0, estimate=True)
GPU = CellDevice(name="gpu0", model="H200", counter_period=0.1)


def _cell(title, start, seconds, joules, idle=0.0):
    value = Energy(joules=joules, low=joules - 1, high=joules + 1, idle=idle)
    return Cell(title=title, start=start, end=start + seconds, devices=(GPU,), energy={"gpu0": value})


CELLS = [_cell("<b>b</b>", 0.0, 3.0, 100.0), _cell("a", 10.0, 1.0, 400.0, 390.0), _cell("c", 20.0, 2.0, 200.0)]


def test_the_parts_add_up_to_the_total():
    """In every column, and the shares to 100 %."""
    head, lines = rows([FIRST, SECOND])
    assert head == ["where it went", "gpu0", "gpu1", "together", "share"]
    joules = [[float(cell.split()[0]) * (1000 if "kJ" in cell else 1) for cell in line[1:4]] for line in lines]
    assert [sum(column) for column in zip(*joules[:-1], strict=True)] == joules[-1] == [1000.0, 500.0, 1500.0]
    assert [line[-1] for line in lines] == ["47 %", "3 %", "47 %", "3 %", "1 %", "100 %"]


def test_an_estimate_has_a_column_and_is_in_no_sum():
    """Of a MIG instance; alone, it is what there is."""
    head, lines = rows([FIRST, SECOND, MIG])
    assert head[3:5] == ["gpu2:0 (estimate)", "together"]
    assert lines[-1][4] == "1.50 kJ"
    assert rows([MIG])[1][-1][1:] == ["70.0 J", "100 %"]


def test_a_part_that_nobody_had_is_left_out():
    """Cells and total are always there."""
    assert [line[0] for line in rows([Account("gpu0", 0.0)])[1]] == [PARTS[0][1], PARTS[-1][1]]


@pytest.mark.parametrize(
    ("order", "titles"),
    [
        ("", ["<b>b</b>", "a", "c"]),
        ("energy", ["a", "c", "<b>b</b>"]),
        ("net", ["c", "<b>b</b>", "a"]),
        ("duration", ["<b>b</b>", "c", "a"]),
        ("title", ["<b>b</b>", "a", "c"]),
    ],
)
def test_cells_are_sorted_as_asked(order, titles):
    """The greatest first."""
    assert [cell.title for cell in ordered(CELLS, order)] == titles
    with pytest.raises(OrderError, match="start, energy, net, duration, title; not 'size'"):
        ordered(CELLS, "size")


def test_the_page_is_static_with_a_picture_and_its_words():
    """No script, every text escaped, the image well formed and with a text alternative."""
    made = page([FIRST, SECOND], CELLS, 0.0)
    html = made["text/html"]
    assert "<script" not in html
    assert "<b>b</b>" not in html
    code = re.search(r'src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)"', html)
    drawn = ElementTree.fromstring(base64.b64decode(code[1]))
    assert drawn.tag.endswith("svg")
    texts = [element.text for element in drawn.iter() if element.tag.endswith("text")]
    assert {"gpu0", "gpu1", "a", "c", "measured cells"} <= set(texts)
    assert "total, by the counter: 1.50 kJ" in code[2]
    assert "3 in all" in made["text/plain"]
    assert "Measured by: H200: counter, 100 ms." in made["text/plain"]


def test_the_bars_are_to_scale():
    """Of 300 and 100 joules one is three times as long as the other; the parts lie end to end."""
    svg, _, _ = drawing([Bar("one", [200.0, 100.0]), Bar("two", [100.0])], ["x", "y"])
    bars = [e.attrib for e in ElementTree.fromstring(svg) if e.attrib.get("height") == "14"]
    widths = [float(bar["width"]) for bar in bars]
    assert widths[0] + widths[1] == pytest.approx(3 * widths[2], abs=0.3)
    assert float(bars[1]["x"]) == pytest.approx(float(bars[0]["x"]) + widths[0], abs=0.1)


def test_the_sums_footprint_has_a_number_where_one_cell_has_only_a_bound():
    """As the sum of energies has: the bound widens it. Cells of before a region was set are not in it, as it says."""
    rates = {"region": "DE", "intensity": 360.0, "pue": 1.0}
    short = structs.replace(
        CELLS[1], energy={"gpu0": Energy(high=20.0)}, footprint=Footprint(grams_high=0.002, **rates)
    )
    long = structs.replace(
        CELLS[0], footprint=Footprint(joules=100.0, grams=0.01, grams_low=0.009, grams_high=0.011, **rates)
    )
    both = footprint_of([short, long])
    assert (both.joules, both.grams, both.grams_low, both.grams_high) == pytest.approx((110.0, 0.011, 0.009, 0.013))
    _, lines = table([short, long, CELLS[2]])
    assert "11 mg CO₂e (2 of 3)" in lines[-1]


def test_where_nothing_is_known_that_is_said():
    """No table of zeros."""
    assert page([], [], 0.0)["text/plain"].endswith("Nothing is known yet of the energy of a GPU here.")


def test_a_notebooks_account_adds_up(notebook):
    """Two cells and the time between them; their records are in it, and the parts are the total."""
    notebook.run("%gpumon summary on\nimport time")
    cells = [notebook.records("time.sleep(0.5)")[0] for _ in range(2)]
    notebook.run("from jupyter_gpumon.kernel.energy_page import accounts_now\n(account,) = accounts_now()")
    account = eval(notebook.value("account._asdict()"))
    parts = sum(account[part] for part, _ in PARTS[:-1])
    assert parts == pytest.approx(account["total"], abs=1e-3)
    assert account["cells"] == pytest.approx(sum(cell["energy"]["gpu0"]["joules"] for cell in cells), rel=0.05)
    (data,) = notebook.outputs("%gpumon energy --sort duration")
    assert "idle between cells" in data["text/plain"]
    assert data["text/html"].count("<img") == 1
