"""The panels our dashboards are made of, in the words of grafana-foundation-sdk (at development time only).

Values are shown in the catalogue's base units, and Grafana finds the prefix: bytes are bytes, ratios run from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    gauge,
    piechart,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

UNITS = {
    "ratio": "percentunit",
    "watts": "watt",
    "celsius": "celsius",
    "hertz": "hertz",
    "bytes": "decbytes",
    "bytes/s": "Bps",
    "joules": "joule",
    "kwh": "kwatth",
    "seconds": "s",
    "count": "short",
    "flops": "flops",
    "per second": "cps",
}
"""Our units → Grafana's. ``decbytes`` takes bytes and shows GB, as the sidebar does."""

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"

Panel: TypeAlias = build.Panel
"""Builder of a panel of any kind."""

Step = tuple[float, str]


class Query(NamedTuple):
    """An expression, and how its series are called; ``{{gpu}}`` stands for the label."""

    expression: str
    legend: str = "GPU {{gpu}}"


def limits(base: str, *steps: Step) -> build.ThresholdsConfig:
    """Colours from below: ``base`` up to the first step, then each step's own.

    Raises:
        ValueError: the steps do not ascend, so that Grafana would colour good values as bad.
    """
    values = [value for value, _ in steps]
    if values != sorted(set(values)):
        raise ValueError(f"Thresholds have to ascend: {values}")
    all_steps = [model.Threshold(None, base), *(model.Threshold(value, colour) for value, colour in steps)]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(all_steps)


def lines(title: str, help: str, unit: str, *queries: Query, top: float | None = None, wide: int = 12) -> Panel:
    """Curves over time; a gap in the data is a gap in the curve."""
    legend = common.VizLegendOptions().show_legend(True).display_mode(words.LegendDisplayMode.TABLE)
    legend = legend.placement(words.LegendPlacement.BOTTOM).calcs(["lastNotNull", "mean", "max"])
    tooltip = common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI).sort(words.SortOrder.DESCENDING)
    panel = timeseries.Panel().line_width(1).fill_opacity(8).show_points(words.VisibilityMode.NEVER)
    panel = panel.span_nulls(False).legend(legend).tooltip(tooltip).axis_soft_min(0)
    panel = panel.max(top) if top is not None else panel
    return _asked(_named(panel, title, help, unit, wide, 8), queries)


def figures(
    title: str,
    help: str,
    unit: str,
    *queries: Query,
    steps: build.ThresholdsConfig,
    wide: int = 6,
    instant: bool = False,
) -> Panel:
    """The latest values, large, each with its name; and a small curve, unless only this instant is asked for."""
    panel = stat.Panel().reduce_options(_latest()).thresholds(steps).color_mode(words.BigValueColorMode.VALUE)
    panel = panel.text_mode(words.BigValueTextMode.VALUE_AND_NAME).graph_mode(words.BigValueGraphMode.AREA)
    return _asked(_named(panel, title, help, unit, wide, 8), queries, instant=instant)


def dial(title: str, help: str, unit: str, *queries: Query, steps: build.ThresholdsConfig, top: float) -> Panel:
    """The latest value on a scale from 0 to ``top``."""
    panel = gauge.Panel().reduce_options(_latest()).thresholds(steps).min(0).max(top)
    return _asked(_named(panel, title, help, unit, 6, 8), queries)


def bars(title: str, help: str, unit: str, *queries: Query, steps: build.ThresholdsConfig, wide: int = 6) -> Panel:
    """The latest values, a bar each; a ratio's bar ends at 100 %."""
    panel = bargauge.Panel().reduce_options(_latest()).thresholds(steps).min(0)
    panel = panel.orientation(words.VizOrientation.HORIZONTAL).display_mode(words.BarGaugeDisplayMode.BASIC)
    panel = panel.max(1) if unit == "ratio" else panel
    return _asked(_named(panel, title, help, unit, wide, 8), queries, instant=True)


def pie(title: str, help: str, unit: str, *queries: Query, wide: int = 6) -> Panel:
    """Parts of a whole, now."""
    legend = piechart.PieChartLegendOptions().show_legend(True).display_mode(words.LegendDisplayMode.TABLE)
    legend = legend.placement(words.LegendPlacement.RIGHT)
    panel = piechart.Panel().reduce_options(_latest()).legend(legend)
    return _asked(_named(panel, title, help, unit, wide, 8), queries, instant=True)


def rows(
    title: str, help: str, *queries: Query, units: Sequence[str], hide: Sequence[str] = (), wide: int = 12
) -> Panel:
    """A table with a line per series; ``hide`` names labels that say nothing here.

    A query's legend is its column's title, its unit the one of the same place in ``units``.
    """
    hidden = dict.fromkeys(("Time", *hide), True)
    titles = {_column(n, len(queries)): query.legend for n, query in enumerate(queries)}
    arranged = model.DataTransformerConfig("organize", {"excludeByName": hidden, "renameByName": titles})
    panel = table.Panel().show_header(True).filterable(True)
    for query, unit in zip(queries, units, strict=True):
        panel = panel.override_by_name(query.legend, [model.DynamicConfigValue("unit", UNITS[unit])])
    if len(queries) > 1:
        panel = panel.with_transformation(model.DataTransformerConfig("merge", {}))
    panel = panel.with_transformation(arranged)
    return _asked(_named(panel, title, help, units[0], wide, 9), queries, instant=True, tabular=True)


def _column(number: int, of: int) -> str:
    """What Grafana calls the values of a query in a table."""
    return "Value" if of == 1 else f"Value #{_letter(number)}"


def _letter(number: int) -> str:
    return chr(ord("A") + number)


def _latest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _named(panel: Panel, title: str, help: str, unit: str, wide: int, high: int) -> Panel:
    panel = panel.title(title).description(help).unit(UNITS[unit]).datasource(SOURCE)
    return panel.span(wide).height(high)


def _asked(panel: Panel, queries: Sequence[Query], *, instant: bool = False, tabular: bool = False) -> Panel:
    for number, query in enumerate(queries):
        target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(_letter(number))
        # Of what is summed up over the whole range there is one value, not one for every step of a curve.
        once = instant or "$__range" in query.expression
        target = target.instant() if once else target.range()
        panel = panel.with_target(target.format(PromQueryFormat.TABLE) if tabular else target)
    return panel
