"""What ``gpumon dashboards`` writes: dashboards, rules, the scrape job, and what Grafana needs to find them.

::

    prometheus/prometheus.yml                       whom to scrape, which rules
    prometheus/alerts.yml, recording.yml            rules
    grafana/dashboards/*.json
    grafana/provisioning/dashboards/gpumon.yml      where the dashboards lie
    grafana/provisioning/datasources/gpumon.yml     Prometheus, and PostgreSQL by environment variables
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import GpuMonError

FOLDER = Path(__file__).parent
RULES = ("alerts.yml", "recording.yml")
EXPORTER = "127.0.0.1:9401"
PROMETHEUS = "http://127.0.0.1:9090"

DATASOURCES = """\
# Read by Grafana at its start. It fills in environment variables itself: no password stands in a file.
apiVersion: 1
datasources:
  - name: gpumon
    uid: gpumon-prometheus
    type: prometheus
    access: proxy
    url: {prometheus}
    isDefault: true
    jsonData:
      timeInterval: {interval}
  - name: gpumon runs
    uid: gpumon-postgresql
    type: grafana-postgresql-datasource
    url: $GRAFANA_POSTGRES_DATASOURCE_URL
    user: $GRAFANA_POSTGRES_DATASOURCE_USER
    secureJsonData:
      password: $GRAFANA_POSTGRES_DATASOURCE_PWD
    jsonData:
      database: $GRAFANA_POSTGRES_DATASOURCE_DB
      sslmode: $GRAFANA_POSTGRES_DATASOURCE_SSLMODE
      maxOpenConns: 10
      maxIdleConns: 2
      connMaxLifetime: 14400
      timescaledb: false
"""

PROVIDER = """\
# Read by Grafana at its start.
apiVersion: 1
providers:
  - name: gpumon
    folder: GPU
    type: file
    allowUiUpdates: true
    options:
      path: {path}
"""

CONFIGURATION = """\
# Read by Prometheus at its start.
global:
  scrape_interval: {interval}
  evaluation_interval: 30s
rule_files:
  - alerts.yml
  - recording.yml
scrape_configs:
"""

NODE_JOB = """\
  # `gpumon serve` on each node
  - job_name: gpumon
    static_configs:
      - targets: {targets}
"""

JUPYTER_JOB = """\
  # a Jupyter server; put its token into the file jupyter-{number}.token, beside this one
  - job_name: gpumon-jupyter-{number}
    scheme: {scheme}
    metrics_path: {path}
    authorization:
      credentials_file: jupyter-{number}.token
    static_configs:
      - targets: {targets}
"""


def write(
    folder: Path,
    *,
    targets: Sequence[str] = (EXPORTER,),
    servers: Sequence[str] = (),
    prometheus: str = PROMETHEUS,
    interval: str = "10s",
    overwrite: bool = False,
) -> list[Path]:
    """Write everything below a folder; returns the files.

    Args:
        folder: made where it is not there.
        targets: ``host:port`` of every ``gpumon serve``.
        servers: addresses of Jupyter servers, with base URL.
        prometheus: where Grafana finds Prometheus.
        interval: between two scrapes, in Prometheus's words.
        overwrite: replace files that are there and differ.

    Raises:
        GpuMonError: an address or a time is not one, a file is there and differs, or cannot be written.
    """
    texts = {
        "prometheus/prometheus.yml": configuration(targets, servers, interval),
        **{f"prometheus/{name}": (FOLDER / name).read_text() for name in RULES},
        "grafana/provisioning/dashboards/gpumon.yml": PROVIDER.format(
            path=json.dumps(str((folder / "grafana/dashboards").resolve()))
        ),
        "grafana/provisioning/datasources/gpumon.yml": DATASOURCES.format(prometheus=prometheus, interval=interval),
        **{f"grafana/dashboards/{path.name}": path.read_text() for path in dashboards()},
    }
    if not overwrite:
        _keep({folder / name: text for name, text in texts.items()})
    return [_written(folder / name, text) for name, text in texts.items()]


def _keep(texts: Mapping[Path, str]) -> None:
    """Rules are meant to be edited: what somebody changed is not lost."""
    changed = [path for path, text in texts.items() if path.is_file() and path.read_text() != text]
    if changed:
        names = ", ".join(str(path) for path in changed)
        raise GpuMonError(f"There already, and different: {names}. Name another folder, or add --overwrite.")


def dashboards() -> list[Path]:
    """The dashboards as shipped."""
    return sorted(FOLDER.glob("*.json"))


def configuration(targets: Sequence[str], servers: Sequence[str], interval: str) -> str:
    """``prometheus.yml``."""
    nodes = [_node(target) for target in targets]
    jobs = [NODE_JOB.format(targets=json.dumps(nodes))] if nodes else []
    return "".join([CONFIGURATION.format(interval=_time(interval)), *jobs, *_server_jobs(servers)])


def _server_jobs(servers: Sequence[str]) -> Iterator[str]:
    for number, server in enumerate(servers, start=1):
        url = urllib.parse.urlsplit(server)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise GpuMonError(f"{server} is not the address of a Jupyter server: http://host:8888/base")
        path = f"{url.path.rstrip('/')}/gpumon/metrics"
        place = url.netloc.rpartition("@")[2]
        yield JUPYTER_JOB.format(number=number, scheme=url.scheme, path=path, targets=json.dumps([place]))


def _node(target: str) -> str:
    if not re.fullmatch(r"[\w.:\[\]-]+:\d+", target):
        raise GpuMonError(f"{target} is not a target: Prometheus wants host:port, for example {EXPORTER}")
    return target


def _time(interval: str) -> str:
    if not re.fullmatch(r"[1-9]\d*(ms|s|m|h)", interval):
        raise GpuMonError(f"{interval} is no time that Prometheus knows: say 500ms, 10s or 1m")
    return interval


def _written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as e:
        raise GpuMonError(f"{path} cannot be written: {e.strerror}. Name another folder.") from e
    return path
