"""The dashboards as files: current, of Grafana's own keys, and legible."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_gpumon.dashboards.files import FOLDER

from .reading import asked, boards, panels


@pytest.fixture(scope="module")
def sdk() -> Any:
    """Grafana's types, with every kind of panel and query known to them."""
    dashboard = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    from grafana_foundation_sdk.cog.plugins import register_default_plugins

    register_default_plugins()
    return dashboard


def test_the_files_are_what_the_code_makes(sdk):
    """`python -m jupyter_gpumon.dashboards` was run after the last change, and makes every file there."""
    from jupyter_gpumon.dashboards.generated import generated

    made = generated()
    assert {path for path in FOLDER.iterdir() if path.suffix in (".json", ".yml")} <= set(made)
    assert not [path.name for path, text in made.items() if path.read_text() != text]


@pytest.mark.parametrize("name", boards())
def test_no_key_is_unknown_to_grafana(sdk, name):
    """Read by Grafana's own types and written again, no key is lost; one that is misspelt would be."""
    board = boards()[name]
    assert _lost(sdk, board) == set()
    assert _lost(sdk, board | {"refreshh": "5s"}) == {".refreshh"}
    misspelt = json.loads(json.dumps(board))
    next(target for panel in panels(misspelt) for target in panel["targets"] if "expr" in target)["exprr"] = "up"
    assert [path for path in _lost(sdk, misspelt) if path.endswith(".exprr")]


def _lost(sdk: Any, board: dict[str, Any]) -> set[str]:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    again = json.loads(JSONEncoder().encode(sdk.Dashboard.from_json(board)))
    return set(_paths(board)) - set(_paths(again))


def _paths(value: Any, at: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}.{key}"
            yield from _paths(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _paths(inner, f"{at}[{number}]")


@pytest.mark.parametrize("name", boards())
def test_thresholds_ascend_from_a_colour_for_everything_below(name):
    """Grafana takes the last step that is reached: out of order, good values would be red."""
    for panel in panels(boards()[name]):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step["value"] for step in steps[1:]]
        assert not steps or steps[0]["value"] is None, panel["title"]
        assert values == sorted(set(values)), panel["title"]


def test_thresholds_out_of_order_are_refused():
    """Where the code is wrong, no file is made."""
    pytest.importorskip("grafana_foundation_sdk")
    from jupyter_gpumon.dashboards.panels import limits

    with pytest.raises(ValueError, match="ascend"):
        limits("green", (80, "yellow"), (50, "red"))


@pytest.mark.parametrize(("title", "good"), [("Cache hit rate", 0.9), ("Task success rate", 0.99)])
def test_of_what_is_better_when_higher_the_top_is_green(title, good):
    """Red below, green above."""
    panel = next(panel for panel in panels(boards()["gpu-node.json"]) if panel["title"] == title)
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or step["value"] <= good]
    assert (steps[0]["color"], reached[-1]) == ("red", "green")


def test_the_node_has_at_least_18_panels_each_naming_the_gpu():
    """Several GPUs' curves are told apart by their legends, and the variables choose among them."""
    board = boards()["gpu-node.json"]
    assert len(panels(board)) >= 18
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "instance", "gpu"]
    each = [query for query in asked() if query.board == "gpu-node.json" and 'gpu=~"$gpu"' in query.expression]
    each = [query for query in each if not query.expression.startswith(("sum(", "avg("))]
    assert len(each) >= 30
    assert not [query for query in each if "{{gpu}}" not in query.legend]


@pytest.mark.parametrize("name", boards())
def test_bytes_are_shown_as_bytes_and_ratios_as_percent(name):
    """Grafana finds the prefix itself: a unit such as decmbytes would be wrong by a million."""
    for panel in panels(boards()[name]):
        expressions = " ".join(target.get("expr", "") for target in panel["targets"])
        unit = panel["fieldConfig"]["defaults"].get("unit", "")
        assert unit not in ("percent", "decmbytes", "mbytes", "MBs"), panel["title"]
        counted = any(word in expressions for word in (":count", "count(", " / "))
        if "_bytes" in expressions and not counted and panel["type"] != "table":
            assert unit in ("decbytes", "Bps"), panel["title"]


@pytest.mark.parametrize("name", boards())
def test_every_panel_says_what_it_shows_and_lies_within_the_grid(name):
    """24 columns, no overlap, a title and a sentence each."""
    taken: set[tuple[int, int]] = set()
    for panel in panels(boards()[name]):
        assert panel["title"]
        assert panel["description"]
        place = panel["gridPos"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
