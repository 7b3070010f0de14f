"""``jupyter nbconvert --to gpumon``: a notebook with what it cost at its top, as a page that asks nothing of a network.

jupyter nbconvert --to gpumon notebook.ipynb
jupyter nbconvert --to webpdf --HTMLExporter.preprocessors jupyter_gpumon.report.nbconvert.GpuMonPreprocessor …
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.exporters.html import HTMLExporter
from nbconvert.preprocessors.base import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from traitlets import Bool, default
from traitlets.config import Config

from . import notebook
from .record import MIME, bundle
from .summary import summary

POLICY = (
    "default-src 'none'; img-src data: blob:; font-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""The page forbids itself what it does not carry."""
_PRIORITY = (
    "text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain",
)  # fmt: skip
"""What is shown of an output: nothing that takes a script from elsewhere; a widget's picture, not the widget."""


class GpuMonPreprocessor(Preprocessor):
    """Puts above a notebook what its cells cost, and under each measured cell its record, where that has no words."""

    enabled = True

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """The notebook with both; where it holds no records, with a sentence on how to have them."""
        for cell in nb.cells:
            for output in cell.get("outputs", ()):
                _worded(output)
        cells = notebook.records(nb)
        name = (resources.get("metadata") or {}).get("name") or "notebook"
        said = summary(notebook.of_cells(cells, title=name, environment=[]))
        top = new_markdown_cell(said)  # type: ignore[no-untyped-call]
        if nb.get("nbformat_minor", 5) < 5:
            top.pop("id", None)
        nb.cells = [top, *nb.cells]
        return nb, resources


def _worded(output: NotebookNode) -> None:
    """Give a record that was saved without words its words."""
    data = output.get("data") or {}
    if MIME in data and "text/html" not in data:
        for cell in notebook.records_of({"outputs": [output]}):
            words = bundle(cell)
            data.update({kind: words[kind] for kind in ("text/html", "text/plain")})


class GpuMonExporter(HTMLExporter):
    """A notebook as one HTML page: the energy at its top, its cells' badges, pictures embedded, nothing remote."""

    export_from_notebook = "HTML with GPU energy"

    offline = Bool(
        True,
        help="""Forbid the page every request by a Content-Security-Policy: what outputs would load from elsewhere
        (scripts, pictures by address) is left out then.""",
    ).tag(config=True)

    @property
    def default_config(self) -> Config:
        """Ours, over that of the HTML exporter."""
        ours = Config(
            {
                "NbConvertBase": {"display_data_priority": list(_PRIORITY)},
                "GpuMonExporter": {"preprocessors": [GpuMonPreprocessor]},
            }
        )
        found: Config = super().default_config.copy()
        found.merge(ours)
        return found

    @default("template_name")
    def _template_name_default(self) -> str:
        return "gpumon"

    @default("extra_template_basedirs")
    def _basedirs_default(self) -> list[str]:
        return [str(Path(__file__).with_name("templates"))]

    @default("embed_images")
    def _embed_images_default(self) -> bool:
        return True

    @default("mathjax_url")
    def _mathjax_default(self) -> str:
        return ""  # formulas stay as they are written; name an address, and offline = False, to have them set

    def from_notebook_node(  # type: ignore[override] # as HTMLExporter itself does: text, not a notebook
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **more: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page. Widgets' state is left out: it takes a script from elsewhere to show it."""
        nb.metadata.pop("widgets", None)
        resources = {**(resources or {}), "gpumon_policy": POLICY if self.offline else ""}
        return super().from_notebook_node(nb, resources, **more)
