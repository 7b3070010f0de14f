"""The panels of runs, asked of a real PostgreSQL in which runs were kept as they always are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from jupyter_gpumon.dashboards.benchmarks import COMPILED, EAGER, FORWARD, WHOLE
from jupyter_gpumon.experiments import Origin
from jupyter_gpumon.runs.store import RunStore

from ..runs.made import metric, run
from .reading import boards, panels

BOARD = boards()["benchmarks-serving.json"]
METRICS = [name for group in (FORWARD, EAGER, COMPILED, WHOLE) for _, name in group]


@pytest.fixture(scope="module")
def kept(postgresql: Any) -> Iterator[Engine]:
    """Twelve runs of two branches, one with a name that would end a careless statement; and one without a branch."""
    url = postgresql.fresh().url
    store = RunStore(url)
    for number in range(12):
        origin = Origin(branch="main" if number % 2 else "o'neil", commit=f"{number:040x}", gpus=("H200",))
        logged = {name: metric(number + 1.0) for name in METRICS}
        store.save(run("bench'; DROP TABLE runs; --", 100.0 + number, origin=origin, metrics=logged))
    store.save(run("bench'; DROP TABLE runs; --", origin=Origin(), metrics={"model_load_time": metric(99.0)}))
    engine = create_engine(url)
    yield engine
    engine.dispose()
    store.close()


def rows(engine: Engine, sql: str, **chosen: str) -> list[dict[str, Any]]:
    """What PostgreSQL answers, with what Grafana would put in; all values of a variable where none is chosen."""
    with engine.connect() as connection:
        for variable in BOARD["templating"]["list"]:
            name = variable["name"]
            if variable["type"] == "query" and variable["datasource"]["type"] == "grafana-postgresql-datasource":
                values = [row[0] for row in connection.execute(text(variable["query"]))]
                sql = sql.replace(f"${{{name}:sqlstring}}", _quoted([chosen[name]] if name in chosen else values))
        sql = sql.replace("${last_n}", chosen.get("last_n", "10"))
        assert "$" not in sql
        return [dict(row._mapping) for row in connection.exec_driver_sql(sql)]


def _quoted(values: list[str]) -> str:
    """As Grafana's ``sqlstring`` writes them."""
    return ",".join("'" + value.replace("'", "''") + "'" for value in values)


def asked(title: str) -> str:
    """The statement of a panel."""
    panel = next(panel for panel in panels(BOARD) if panel["title"] == title)
    return str(panel["targets"][0]["rawSql"])


def test_the_table_has_the_last_runs_and_a_way_to_their_time(kept):
    """Ten of thirteen, the newest first; five seconds before the start to five after the end, in milliseconds."""
    found = rows(kept, asked("Runs"))
    assert len(found) == 10
    assert [row["date"] for row in found] == sorted((row["date"] for row in found), reverse=True)
    assert {"commit_id", "commit_message", "gpu_name", "date"} <= set(found[0])
    assert found[0]["to_ms"] - found[0]["from_ms"] == 20_000
    assert found[1]["energy"] == 111.0


def test_what_is_chosen_narrows_it(kept):
    """By branch, also one with a quote in its name, and by how many."""
    assert {row["branch"] for row in rows(kept, asked("Runs"), branch="o'neil", last_n="100")} == {"o'neil"}
    assert len(rows(kept, asked("Runs"), last_n="100")) == 13
    assert len(rows(kept, asked("Runs"), last_n="5")) == 5


@pytest.mark.parametrize("title", [title for group in (FORWARD, EAGER, COMPILED, WHOLE) for title, _ in group])
def test_every_bar_is_a_run(kept, title):
    """A name and a value each, the newest at the right."""
    found = rows(kept, asked(title), last_n="100")
    assert len(found) >= 12
    values = [row[title] for row in found]
    assert values == sorted(values)
    assert len({row["run"] for row in found}) == len(found)
