"""What all our dashboards share: variables, time range, refresh, and the links between them."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from .panels import SOURCE, Panel

Section = tuple[str, Sequence[Panel]]
REFRESH = "10s"


def board(uid: str, title: str, help: str, variables: Sequence[object], sections: Sequence[Section]) -> str:
    """A dashboard of rows of panels, as the JSON that Grafana imports."""
    made = build.Dashboard(title).uid(uid).description(help).tags(["gpumon", "gpu"]).timezone("browser")
    made = made.refresh(REFRESH).time("now-1h", "now").timepicker(_ranges()).editable()
    made = made.tooltip(model.DashboardCursorSync.CROSSHAIR).link(_siblings()).with_variable(source())
    for variable in variables:
        made = made.with_variable(variable)
    for heading, panels in sections:
        made = made.with_row(build.Row(heading))
        for panel in panels:
            made = made.with_panel(panel)
    return _numbered(made)


def source() -> build.DatasourceVariable:
    """Which Prometheus is asked."""
    return build.DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def choice(name: str, label: str, family: str, of: str, *, several: bool = True) -> build.QueryVariable:
    """A variable whose values are those of a label."""
    query = f"label_values({family}, {of})"
    asked = build.QueryVariable(name).label(label).datasource(SOURCE)
    asked = asked.query({"query": query, "refId": f"gpumon-{name}"})
    asked = asked.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.NATURAL_ASC)
    if not several:
        return asked
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return asked.multi(True).include_all(True).all_value(".*").current(everything)


def _ranges() -> build.TimePicker:
    return build.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m", "15m"])


def _siblings() -> build.DashboardLink:
    """A menu of the other dashboards of ours, which keeps the time range."""
    link = build.DashboardLink("gpumon").type(model.DashboardLinkType.DASHBOARDS).tags(["gpumon"])
    return link.as_dropdown(True).keep_time(True)


def _numbered(made: build.Dashboard) -> str:
    dashboard = made.build()
    for number, panel in enumerate(dashboard.panels, start=1):
        panel.id_val = number
    return f"{JSONEncoder(sort_keys=True, indent=2).encode(dashboard)}\n"
