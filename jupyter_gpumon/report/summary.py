"""What a notebook cost, to stand above it: static HTML that survives every exporter, with the styles of a record."""

from __future__ import annotations

from html import escape

from . import accounts
from .amounts import energy, net
from .cells import charge_together, outer, table
from .evidence import Evidence
from .findings import Finding
from .tables import as_html, sentences


def summary(evidence: Evidence) -> str:
    """The sum in a sentence, the energy ledger, the cells, what is worth knowing and how it was measured.

    Nothing in it is a blank line: Markdown, in which it may stand, would end the HTML there.
    """
    if not evidence.cells:
        return _framed(sentences([evidence.origin]))
    parts = [f"<div><b>{escape(_whole(evidence))}</b></div>", *_tables(evidence)]
    parts += [f"<ul>{''.join(map(_finding, evidence.findings))}</ul>"] if evidence.findings else []
    method = sentences([*evidence.method, *evidence.notes])
    parts.append(f'<details style="font-size: 85%" open><summary>method</summary>{method}</details>')
    return _framed("".join(parts))


def _framed(content: str) -> str:
    style = "border-left: 3px solid #0072B2; padding: 2px 10px; margin: 4px 0; line-height: 1.5"
    return f'<div class="gpumon-summary" style="{style}"><h2>GPU energy of this notebook</h2>{content}</div>'


def _whole(evidence: Evidence) -> str:
    cells = outer(evidence.cells)
    spent = charge_together(cells).whole
    parts = [energy(spent), net(spent), f"{len(cells)} measured cells", "simulated GPUs" if evidence.simulated else ""]
    return " · ".join(part for part in parts if part)


def _tables(evidence: Evidence) -> list[str]:
    ledger = [as_html(*accounts.rows(evidence.accounts))] if evidence.accounts else []
    return [*ledger, as_html(*table(evidence.cells), words=2)]


def _finding(finding: Finding) -> str:
    where = f"{finding.device}: " if finding.device else ""
    return f"<li><b>{escape(finding.level)}</b> {escape(f'{where}{finding.title}. {finding.detail}')}</li>"
