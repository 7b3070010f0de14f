"""Panels over the tables of runs, asked of PostgreSQL. Grafana quotes what is chosen: ``${branch:sqlstring}``."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import barchart, common, table
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as model

from .panels import UNITS, Panel

KIND = "grafana-postgresql-datasource"
SOURCE = model.DataSourceRef(type_val=KIND, uid="${runs}")

CHOSEN = """\
SELECT * FROM runs
WHERE name IN (${run:sqlstring}) AND COALESCE(branch, '') IN (${branch:sqlstring})
  AND COALESCE(gpu_name, '') IN (${gpu_name:sqlstring})
ORDER BY started DESC LIMIT ${last_n}"""
"""The runs that the variables at the top choose."""

LABEL = "to_char(to_timestamp(started), 'MM-DD HH24:MI:SS') || COALESCE(' ' || left(commit_id, 8), '')"
"""What a run is called below its bar."""


class Sql(Dataquery, Builder):  # type: ignore[misc]
    """A query as Grafana's PostgreSQL data source keeps it; the SDK has no type for it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def build(self) -> Sql:
        """Itself: there is nothing to be made of it."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As in a dashboard."""
        source = {"type": KIND, "uid": "${runs}"}
        query = {"rawSql": self._text, "rawQuery": True, "format": "table", "editorMode": "code", "refId": "A"}
        return {"datasource": source, **query}


def runs_source() -> build.DatasourceVariable:
    """Which PostgreSQL is asked."""
    return build.DatasourceVariable("runs").label("Runs").type(KIND)


def column_choice(name: str, label: str, column: str) -> build.QueryVariable:
    """A variable whose values are those of a column; all by default."""
    query = f"SELECT DISTINCT COALESCE({column}, '') FROM runs ORDER BY 1"  # noqa: S608 - a column's name, of ours
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    asked = build.QueryVariable(name).label(label).datasource(SOURCE).query(query).current(everything)
    return asked.refresh(model.VariableRefresh.ON_DASHBOARD_LOAD).multi(True).include_all(True)


def last() -> build.CustomVariable:
    """How many runs are shown."""
    ten = model.VariableOption(selected=True, text="10", value="10")
    return build.CustomVariable("last_n").label("Last").values("5,10,20,50,100").current(ten).allow_custom_value(False)


def run_bars(title: str, metric: str, unit: str, wide: int = 6) -> Panel:
    """A metric of the chosen runs, a bar each, the newest at the right."""
    text = (
        f'WITH chosen AS ({CHOSEN})\nSELECT {LABEL} AS run, m.value AS "{title}"\n'
        f"FROM chosen JOIN run_metrics m ON m.run_id = chosen.id\nWHERE m.metric = '{metric}' ORDER BY started"
    )
    legend = common.VizLegendOptions().show_legend(False).display_mode(words.LegendDisplayMode.LIST)
    panel = barchart.Panel().x_field("run").legend(legend.placement(words.LegendPlacement.BOTTOM))
    panel = panel.x_tick_label_rotation(-45).x_tick_label_max_length(24).show_value(words.VisibilityMode.AUTO).min(0)
    panel = panel.title(title).description(f"`{metric}` as it was logged: the value that counts of each run.")
    return panel.unit(UNITS[unit]).datasource(SOURCE).span(wide).height(8).with_target(Sql(text))


TABLE = f"""\
WITH chosen AS ({CHOSEN})
SELECT name, commit_id, commit_message, gpu_name, started * 1000 AS date, branch, status, outcome,
  ended - started AS took, energy_joules AS energy,
  round((started - 5) * 1000) AS from_ms, round((ended + 5) * 1000) AS to_ms
FROM chosen ORDER BY started DESC"""  # noqa: S608 - words of ours


def run_table(title: str, help: str, url: str) -> Panel:
    """The chosen runs, the newest first; its name leads to ``url``, whose ``from_ms`` and ``to_ms`` are its time."""
    panel = table.Panel().show_header(True).filterable(True)
    for column, unit in (("date", "dateTimeAsIso"), ("took", UNITS["seconds"]), ("energy", UNITS["joules"])):
        panel = panel.override_by_name(column, [model.DynamicConfigValue("unit", unit)])
    for column in ("from_ms", "to_ms"):
        panel = panel.override_by_name(column, [model.DynamicConfigValue("custom.hidden", True)])
    panel = panel.override_by_name(
        "name", [model.DynamicConfigValue("links", [{"title": "Go to its time", "url": url}])]
    )
    return panel.title(title).description(help).datasource(SOURCE).span(24).height(9).with_target(Sql(TABLE))
