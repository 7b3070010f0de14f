"""What `gpumon dashboards` writes, and the compose example: valid, on loopback, without anonymous visitors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyter_gpumon.dashboards import files

EXAMPLE = Path(__file__).parents[2] / "examples" / "prometheus-grafana"


def written(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "jupyter_gpumon", "dashboards", "-o", str(folder), *words]
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)


def test_the_command_writes_what_prometheus_and_grafana_read(tmp_path, promtool):
    """promtool accepts configuration and rules; Grafana is told where the dashboards lie."""
    done = written(tmp_path, "--target", "n1:9401", "--target", "n2:9401", "--jupyter", "https://hub:8443/user/me/")
    assert done.returncode == 0, done.stderr
    (tmp_path / "prometheus/jupyter-1.token").write_text("secret")
    assert "rules found" in promtool("check", "config", str(_config(tmp_path)))
    jobs = yaml.safe_load(_config(tmp_path).read_text())["scrape_configs"]
    assert jobs[0]["static_configs"] == [{"targets": ["n1:9401", "n2:9401"]}]
    assert (jobs[1]["scheme"], jobs[1]["metrics_path"]) == ("https", "/user/me/gpumon/metrics")
    assert jobs[1]["authorization"] == {"credentials_file": "jupyter-1.token"}
    provider = yaml.safe_load((tmp_path / "grafana/provisioning/dashboards/gpumon.yml").read_text())["providers"][0]
    found = sorted(Path(provider["options"]["path"]).glob("*.json"))
    assert [path.name for path in found] == [path.name for path in files.dashboards()]
    assert {Path(line) for line in done.stdout.splitlines()} >= {_config(tmp_path)}


def _config(folder: Path) -> Path:
    return folder / "prometheus" / "prometheus.yml"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--target", "http://n1:9401"), "host:port"),
        (("--jupyter", "localhost:8888"), "address of a Jupyter server"),
        (("--interval", "10"), "10s"),
    ],
)
def test_what_cannot_be_scraped_is_a_sentence(tmp_path, words, said):
    """Before anything is written."""
    done = written(tmp_path / "new", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "new").exists()


def test_what_somebody_changed_is_not_lost(tmp_path):
    """Written twice it is the same; an edited rule stays, unless one says otherwise."""
    assert [written(tmp_path).returncode for _ in range(2)] == [0, 0]
    rules = tmp_path / "prometheus/alerts.yml"
    rules.write_text("groups: []  # mine")
    done = written(tmp_path, "--interval", "30s")
    assert (done.returncode, "alerts.yml" in done.stderr, "--overwrite" in done.stderr) == (2, True, True)
    assert "10s" in _config(tmp_path).read_text()
    assert written(tmp_path, "--overwrite").returncode == 0
    assert "mine" not in rules.read_text()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    """A file is in the way."""
    (tmp_path / "file").write_text("")
    done = written(tmp_path / "file")
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)


def test_the_example_has_what_the_command_writes():
    """Its configuration and provisioning are the same, with the containers' paths."""
    made = {
        "prometheus.yml": files.configuration([files.EXPORTER], [], "10s"),
        "provisioning/datasources/gpumon.yml": files.DATASOURCES.format(prometheus=files.PROMETHEUS, interval="10s"),
        "provisioning/dashboards/gpumon.yml": files.PROVIDER.format(path=json.dumps("/etc/gpumon/dashboards")),
    }
    assert {name: (EXAMPLE / name).read_text() for name in made} == made


def test_the_containers_listen_on_loopback_and_let_nobody_in_without_a_password():
    """No port is published; there is no default password; what is mounted exists."""
    services: dict[str, Any] = yaml.safe_load((EXAMPLE / "compose.yaml").read_text())["services"]
    assert not [name for name, service in services.items() if "ports" in service]
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    grafana = services["grafana"]["environment"]
    assert grafana["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert grafana["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert grafana["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_ADMIN_PASSWORD:?")
    mounts = [mount.split(":")[0] for service in services.values() for mount in service["volumes"]]
    assert not [mount for mount in mounts if mount.startswith(".") and not (EXAMPLE / mount).exists()]


def test_every_variable_of_the_data_source_is_filled_in_by_the_example():
    """PostgreSQL's address and password come from the environment only."""
    source = (EXAMPLE / "provisioning/datasources/gpumon.yml").read_text()
    wanted = {word.strip("$") for word in source.split() if word.startswith("$")}
    assert wanted == {f"GRAFANA_POSTGRES_DATASOURCE_{part}" for part in ("URL", "USER", "PWD", "DB", "SSLMODE")}
    assert wanted <= set(yaml.safe_load((EXAMPLE / "compose.yaml").read_text())["services"]["grafana"]["environment"])
