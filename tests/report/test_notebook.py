"""A notebook as evidence, and as nbconvert exports it with what it cost at its top."""

from __future__ import annotations

import re

import pytest
from nbconvert.exporters.base import get_exporter

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.report.accounts import BACKGROUND, CELLS
from jupyter_gpumon.report.notebook import evidence
from jupyter_gpumon.report.page import page

from .notebooks import FIT, STEP, saved

REMOTE = re.compile(
    r"""(?:src|srcset|data|action)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?https?:|@import|import\s*\(""", re.I
)
"""What would have a browser ask somebody else."""


def test_a_block_within_a_cell_counts_once(tmp_path):
    """The ledger has the outer cell and what it left running, and both add up to the total."""
    found = evidence(saved(tmp_path / "x.ipynb", FIT, STEP))
    (account,) = found.accounts
    assert account.parts == {CELLS: 4130.0, BACKGROUND: 70.0}
    assert account.energy.joules == 4200.0
    assert (account.energy.low, account.energy.high) == (4170.0, 4230.0)
    assert [cell.id for cell in found.cells] == ["a", "b"]


def test_records_say_what_went_wrong(tmp_path):
    """XIDs and what held the clock back, from the records alone."""
    found = evidence(saved(tmp_path / "x.ipynb", FIT)).findings
    assert [(one.level, one.title) for one in found] == [
        ("critical", "XID 43 while fit <b> ran"),
        ("warning", "fit <b> was held back by power cap for 6.00 s"),
    ]


def test_the_page_of_a_notebook_tells_its_cells_and_where_the_factors_are_from(tmp_path):
    """Titles are escaped; carbon with region, year, source and licence."""
    made = page(evidence(saved(tmp_path / "x.ipynb", FIT, STEP)))
    for words in ("4.13 kJ ±0.61 %", "[3] fit &lt;b&gt;", "DE 2023", "381 g/kWh", "CC BY 4.0", "python 3.12.1"):
        assert words in made.replace("\u00a0", " "), words
    assert "<b>]" not in made
    assert not REMOTE.search(made)


def test_a_notebook_without_records_gets_a_sentence(tmp_path):
    """On how to have them; in the page and in the export."""
    path = saved(tmp_path / "x.ipynb")
    assert "%gpumon summary on" in page(evidence(path))
    assert "%gpumon summary on" in exported(path)


@pytest.mark.parametrize(
    ("text", "words"), [("{", "not a notebook"), ('{"a": 1}', "format 4"), (None, "cannot be read")]
)
def test_what_is_no_notebook_is_refused(tmp_path, text, words):
    """In a sentence."""
    path = tmp_path / "x.ipynb"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SourceError, match=words):
        evidence(path)


def test_a_record_of_another_version_is_passed_over(tmp_path):
    """One that cannot be read does not take the others away; keys that nobody knows are ignored."""
    path = saved(tmp_path / "x.ipynb", FIT, STEP)
    text = path.read_text().replace('"id": "b"', '"id": 5').replace('"id": "a"', '"id": "a", "later": 1')
    path.write_text(text)
    assert [cell.id for cell in evidence(path).cells] == ["a"]


def exported(path, to: str = "gpumon", **settings: object) -> str:
    """What nbconvert makes of a notebook, by the name that stands after ``--to``."""
    text, _ = get_exporter(to)(**settings).from_filename(str(path))
    return str(text)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A notebook with records that were saved without words, exported."""
    return exported(saved(tmp_path_factory.mktemp("export") / "x.ipynb", FIT, STEP, worded=False))


def test_the_export_has_the_sum_at_its_top_and_a_badge_at_each_cell(export):
    """Badges are made from bare records too."""
    text = export.replace("\u00a0", " ")
    assert text.index("GPU energy of this notebook") < text.index("A title")
    assert "4.13 kJ ±0.61 % · net 3.70 kJ" in text
    assert text.count("<summary>details</summary>") == 2
    assert not REMOTE.search(text)


def test_the_preprocessor_goes_with_other_exporters(tmp_path):
    """``--to html`` with it has the same summary."""
    path = saved(tmp_path / "x.ipynb", FIT)
    text = exported(path, "html", preprocessors=[NAME])
    assert "GPU energy of this notebook" in text


NAME = "jupyter_gpumon.report.nbconvert.GpuMonPreprocessor"
