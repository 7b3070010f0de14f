"""``gpumon doctor``: each thing that can be wrong is found, with what to do, within its time, and without a secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jupyter_gpumon.cli.examination import examination
from jupyter_gpumon.cli.examination import settings as shown_settings
from jupyter_gpumon.doctor import bounded, driver, exporter, extras, jupyter, places, targets
from jupyter_gpumon.doctor.asking import ask
from jupyter_gpumon.doctor.servers import destinations
from jupyter_gpumon.doctor.settings import Setting, Settings, effective, hidden
from jupyter_gpumon.doctor.words import Asked, ok, worst

from .services import free_port, running
from .services.prometheus import job

NO_PERMISSION = 4


def asked(source="agent", sinks=(), store="", notify=(), **more):
    """What a check is asked to look at."""
    said = {"sinks": list(sinks), "store": store, "notify": list(notify)}
    settings = Settings(settings=tuple(Setting(name=n, value=v, origin="test") for n, v in said.items()))
    return Asked(settings=settings, source=source, **more)


def states(lines):
    """Check → state."""
    return {line.check: line.state for line in lines}


@pytest.fixture
def on(fake_nvml, monkeypatch):
    """``on(gpus=2)``: what this process starts runs on a fake driver."""

    def make(**keys):
        made = fake_nvml(**keys)
        for name, value in made.variables.items():
            monkeypatch.setenv(name, value)
        return made

    return make


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder of a user whose Jupyter folders in it are empty; those of the installation count too."""
    monkeypatch.delenv("GPUMON_SOURCE", raising=False)
    monkeypatch.setenv("GF_PATHS_PROVISIONING", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("config", "data", "runtime"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    return tmp_path


def elsewhere():
    """Where no exporter is."""
    return f"http://127.0.0.1:{free_port()}/metrics"


# The whole


def test_everything_is_fine_on_a_driver_with_a_server(on, place):
    """Driver, extension, a server that samples, page, magics, a file that can be written: 0, and a line for each."""
    (place / "config" / "jupyter_gpumon_config.json").write_text(
        json.dumps({"GpuMon": {"sinks": [f"sqlite:///{place}/run.db"], "interval": 0.5}})
    )
    on(gpus=2)
    port = free_port()
    words = ["server", f"--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root", "--IdentityProvider.token=t"]
    with running([sys.executable, "-m", "jupyter", *words], _samples(port), place / "log"):
        command = [sys.executable, "-m", "jupyter_gpumon", "doctor", "--exporter", elsewhere(), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        (server,) = destinations()
    assert (server["port"], [sink["url"] for sink in server["sinks"]]) == (port, [f"sqlite:///{place}/run.db"])
    said = json.loads(done.stdout)
    found = {line["check"]: line for line in said["lines"]}
    assert (done.returncode, said["state"]) == (0, "ok"), done.stdout
    assert "2 × NVIDIA H200" in found["driver"]["says"]
    assert f"server :{port}" in found
    assert "the last" in found[f"sampler :{port}"]["says"]
    assert {"server extension", "labextension", "charts", "magics", "configuration", "extra otel"} <= set(found)
    assert "can be written" in found[f"sink sqlite:///{place}/run.db"]["says"]
    assert not [line for line in said["lines"] if line["fix"]]


def _samples(port):
    """Whether the server on this port has taken a sample."""

    def ready():
        answer = ask(f"http://127.0.0.1:{port}/gpumon/api/sampler", {"Authorization": "token t"})
        return answer.good and json.loads(answer.text).get("samples", 0) > 1

    return ready


def test_no_driver_no_server_and_a_database_that_is_down_are_three_findings(on, place, capsys):
    """Each with what to do; the password in the database's URL is not shown; the exit code is that of the worst."""
    url = f"mysql+pymysql://me:geheim@127.0.0.1:{free_port()}/gpus"
    (place / "config" / "jupyter_server_config.py").write_text(f"c.GpuMon.sinks = [{url!r}]\n")
    on(library=False)
    code = examination(None, elsewhere(), None, as_json=False)
    out, err = capsys.readouterr()
    flat = " ".join(out.split())
    assert code == 2
    assert "libnvidia-ml.so.1 was not found" in flat
    assert "Install the NVIDIA driver" in flat
    assert "no Jupyter server of this user is running" in flat
    assert "Start one: jupyter lab" in flat
    assert "does not answer" in flat
    assert "Start the database" in flat
    assert "2 faults, 1 warning." in flat
    assert "geheim" not in out + err
    assert "Traceback" not in err


def test_the_settings_in_force_are_shown_with_where_they_are_from(place, capsys, monkeypatch):
    """File, variable or default; a later file goes before an earlier one, and secrets are covered."""
    (place / "config" / "jupyter_config.json").write_text('{"GpuMon": {"interval": 5.0}}')
    (place / "config" / "jupyter_server_config.py").write_text(
        "c.GpuMon.interval = 2.0\nc.GpuMon.sinks = ['otlp:http://me:geheim@h:4318', 'run.jsonl']\n"
        "c.GpuMon.intervall = 1\n"
    )
    monkeypatch.setenv("GPUMON_REGION", "DE")
    monkeypatch.setenv("GPUMON_ELECTRICITYMAPS_TOKEN", "geheim")
    code = shown_settings(as_json=True)
    out, err = capsys.readouterr()
    said = json.loads(out)
    found = said["settings"]
    assert found["interval"] == {"value": "2.0", "from": str(place / "config" / "jupyter_server_config.py")}
    assert found["region"] == {"value": "DE", "from": "$GPUMON_REGION"}
    assert found["electricitymaps_token"] == {"value": "***", "from": "$GPUMON_ELECTRICITYMAPS_TOKEN"}
    assert found["pue"]["from"] == "default"
    assert found["sinks"]["value"] == "[otlp:http://me:***@h:4318, run.jsonl]"
    assert "is interval meant?" in said["problems"][0]
    assert code == 2
    assert "geheim" not in out + err


def test_a_value_that_no_server_takes_is_told_with_its_file(tmp_path):
    """And a file that is no Python at all."""
    (tmp_path / "jupyter_gpumon_config.json").write_text('{"GpuMon": {"interval": "often"}}')
    (tmp_path / "jupyter_server_config.py").write_text("c.GpuMon.interval =")
    first, second = sorted(effective({}, [str(tmp_path)]).problems)
    assert "jupyter_gpumon_config.json" in first
    assert "often" in first
    assert "jupyter_server_config.py cannot be read: SyntaxError" in second


def test_a_check_that_hangs_or_fails_costs_its_own_line():
    """The others stand, and nothing waits longer than it may."""
    waiting = threading.Event()
    checks = {
        "hangs": lambda _: iter([waiting.wait(60)]),
        "fails": lambda _: iter([1 / 0]),
        "well": lambda _: iter([ok("well", "is well")]),
    }
    begun = time.monotonic()
    lines = bounded.examined(checks, asked(), patience=1.0)
    waiting.set()
    assert time.monotonic() - begun < 30
    assert states(lines) == {"hangs": "fault", "fails": "fault", "well": "ok"}
    assert "ZeroDivisionError" in lines[1].says
    assert worst(lines) == 2
    assert worst(lines[2:]) == 0


# Driver and rights


@pytest.mark.parametrize(
    ("keys", "says", "fix"),
    [
        ({"library": False}, "libnvidia-ml.so.1 was not found", "Install the NVIDIA driver"),
        ({"init_error": 9}, "driver is not loaded", "modprobe nvidia"),
        ({"init_error": 18}, "different versions", "reboot"),
        ({"init_error": NO_PERMISSION}, "may not open the NVIDIA driver", "group video or render"),
    ],
    ids=["no library", "not loaded", "mismatch", "no permission"],
)
def test_what_is_the_matter_with_the_driver_is_said(on, keys, says, fix):
    """By the agent, as the server would see it."""
    on(**keys)
    (line,) = driver.driver(asked())
    assert line.state == "fault"
    assert says in line.says
    assert fix in line.fix


def test_a_driver_that_hangs_is_told_and_does_not_hang_us(on):
    """The call is never waited for."""
    on(gpus=1, hang={"nvmlDeviceGetUtilizationRates": 600})
    (line,) = driver.driver(asked())
    assert line.state == "fault"
    assert "not responding" in line.says


def test_a_lost_gpu_is_a_fault_of_its_own(on):
    """The others are there."""
    on(gpus=2).lose(1)
    found = states(driver.driver(asked()))
    assert found["driver"] == "ok"
    assert found["gpu1"] == "fault"


def test_simulated_gpus_are_a_warning(monkeypatch):
    """Nobody is to take them for real ones."""
    (line,) = driver.driver(asked("sim:gpus=2"))
    assert line.state == "warning"
    assert "simulated" in line.says


def test_device_files_and_rapl_that_may_not_be_read_are_told(fake_sysfs, monkeypatch):
    """With the command that opens them."""
    (fake_sysfs.root / "dev").mkdir()
    (fake_sysfs.root / "dev" / "nvidia0").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # whoever runs the tests may be root
    found = {line.check: line for line in driver.permissions(asked(root=fake_sysfs.root))}
    assert found["device files"].state == "fault"
    assert "group" in found["device files"].fix


# Jupyter


def test_a_page_of_another_version_or_turned_off_is_told(tmp_path, monkeypatch):
    """Two versions side by side are a fault; so is an extension that was disabled."""
    folder = tmp_path / "labextensions" / "jupyter-gpumon"
    (folder / "static").mkdir(parents=True)
    (folder / "static" / "remoteEntry.1.js").touch()
    (folder / "package.json").write_text('{"version": "0.0.1"}')
    (tmp_path / "labconfig").mkdir()
    monkeypatch.setattr(jupyter, "jupyter_path", lambda _: [str(tmp_path / "labextensions")])
    monkeypatch.setattr(jupyter, "jupyter_config_path", lambda: [str(tmp_path)])
    assert "is version 0.0.1" in next(jupyter.page(asked())).says
    (folder / "package.json").write_text(json.dumps({"version": jupyter.__version__}))
    assert states(jupyter.page(asked()))["labextension"] == "ok"
    (tmp_path / "labconfig" / "page_config.json").write_text('{"disabledExtensions": {"jupyter-gpumon": true}}')
    assert "jupyter labextension enable" in next(jupyter.page(asked())).fix
    (folder / "static" / "remoteEntry.1.js").unlink()
    assert "no built files" in next(jupyter.page(asked())).says


def test_a_server_extension_that_is_not_enabled_is_told(monkeypatch, tmp_path):
    """With the command."""
    monkeypatch.setattr(jupyter, "jupyter_config_path", lambda: [str(tmp_path)])
    (line,) = jupyter.extension(asked())
    assert "jupyter server extension enable" in line.fix


def test_a_kernel_without_the_package_is_told(monkeypatch, tmp_path):
    """The kernel's Python is asked, which may be another one."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'jupyter_gpumon'\" >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(jupyter, "_python", lambda: str(python))
    (line,) = jupyter.magics(asked())
    assert line.state == "fault"
    assert "No module named 'jupyter_gpumon'" in line.says
    assert f"{python} -m pip install jupyter-gpumon" in line.fix


# Where samples go


def test_a_database_is_told_while_it_is_there_and_when_it_is_gone(mariadb):
    """A real MariaDB, and the same one killed."""
    url = mariadb.fresh().url
    line, _ = places.places(asked(sinks=[url]))
    assert (line.state, line.says) == ("ok", "takes connections")
    mariadb.kill()
    line, _ = places.places(asked(sinks=[url]))
    assert line.state == "fault"
    assert "Start the database" in line.fix


def test_files_are_looked_at_without_being_made(tmp_path):
    """A folder that is not there, a file that is no database; what is fine is not touched."""
    (tmp_path / "torn.db").write_text("this is not a database, and long enough to be looked at as one" * 20)
    sinks = [
        f"sqlite:///{tmp_path}/new.db", f"sqlite:///{tmp_path}/torn.db", f"{tmp_path}/none/run.jsonl",
        f"{tmp_path}/run.jsonl", "carrier-pigeon:coop",
    ]  # fmt: skip
    lines = list(places.places(asked(sinks=sinks)))[:-1]
    assert [line.state for line in lines] == ["ok", "fault", "fault", "ok", "fault"]
    assert "no database" in lines[1].fix
    assert f"mkdir -p {tmp_path}/none" in lines[2].fix
    assert sorted(path.name for path in tmp_path.iterdir()) == ["torn.db"]


def test_the_embedded_store_is_looked_at_before_and_after_it_is_there(place):
    """``sqlite`` alone is a file in Jupyter's data folder, as the runs have one."""
    lines = list(places.places(asked(store="sqlite")))
    assert [(line.check.split()[0], line.state) for line in lines] == [("store", "ok"), ("runs", "ok")]
    assert list((place / "data").iterdir()) == []
    (place / "data" / "gpumon").mkdir()
    (place / "data" / "gpumon" / "samples.db").write_text(
        "no database at all, but long enough to be taken for one" * 20
    )
    assert [line.state for line in places.places(asked(store="sqlite"))] == ["fault", "ok"]


def test_what_a_server_says_of_its_sinks_is_passed_on():
    """A problem, a loss that is over, and nothing where all is well."""
    state = {"sinks": [{"url": "a"}, {"url": "b", "problem": "away", "waiting": 7}, {"url": "c", "dropped": 3}]}
    found = {line.check: line for line in jupyter._sinks(state)}
    assert states(found.values()) == {"sink b": "fault", "sink c": "warning"}
    assert "7 waiting" in found["sink b"].says


def test_a_receiver_is_told_while_it_is_there_and_when_it_is_not(otlp):
    """OTLP; a password in the URL is covered."""
    receiver = otlp("http")
    line, _ = places.places(asked(sinks=[receiver.url]))
    assert line.state == "ok"
    line, _ = places.places(asked(sinks=[f"otlp:grpc://me:geheim@127.0.0.1:{free_port()}"]))
    assert line.state == "fault"
    assert "geheim" not in line.check + line.says + line.fix


def test_an_extra_is_missed_only_where_a_sink_needs_it(monkeypatch):
    """Else it is said what it would be good for."""
    monkeypatch.setattr(extras, "_installed", lambda package: False)
    assert worst(extras.extras(asked())) == 0
    found = {line.check: line for line in extras.extras(asked(sinks=["otlp:http://h:4318"]))}
    assert found["extra otel"].state == "fault"
    assert "pip install 'jupyter-gpumon[otel]'" in found["extra otel"].fix
    assert found["extra mysql"].state == "ok"


# Exporter and Grafana


class Exporter(BaseHTTPRequestHandler):
    """Serves two series, or what is set."""

    text = b"gpumon_gpu_power_watts 60\ngpumon_gpu_temperature_celsius 40\n"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *_):
        """Be quiet."""


@pytest.fixture
def serving():
    """``serving(text)``: the port on which this text is served."""
    servers = []

    def start(text=Exporter.text):
        handler = type("Handler", (Exporter,), {"text": text})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.05,), daemon=True).start()
        return servers[-1].server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_exporters_port_answers_is_free_or_is_taken(serving):
    """Each is told apart."""

    def line(port):
        (found,) = exporter.exporter(asked(exporter=f"http://127.0.0.1:{port}/metrics"))
        return found

    assert "answers with 2 series" in line(serving()).says
    assert "gpumon serve" in line(free_port()).says
    taken = line(serving(b"another program"))
    assert taken.state == "fault"
    assert "gpumon serve --port" in taken.fix


def test_a_data_source_is_followed_to_the_series_it_holds(serving, prometheus, tmp_path, monkeypatch):
    """A real Prometheus with GPU series, one without, none, and a variable that is not set."""
    full = prometheus(job(f"127.0.0.1:{serving()}/metrics"))
    full.until("gpumon_gpu_power_watts")
    empty = prometheus()
    (tmp_path / "datasources").mkdir()
    sources = [
        {"name": "full", "type": "prometheus", "url": full.url},
        {"name": "empty", "type": "prometheus", "url": "$PROMETHEUS_URL"},
        {"name": "away", "type": "prometheus", "url": f"http://127.0.0.1:{free_port()}"},
        {"name": "runs", "type": "grafana-postgresql-datasource", "url": "${NOT_SET_ANYWHERE}"},
    ]
    monkeypatch.setenv("PROMETHEUS_URL", empty.url)
    (tmp_path / "datasources" / "gpumon.yaml").write_text(json.dumps({"datasources": sources}))
    found = {line.check: line for line in exporter.datasources(asked(provisioning=(tmp_path,)))}
    assert states(found.values()) == {
        "data source full": "ok",
        "data source empty": "warning",
        "data source away": "fault",
        "data source runs": "warning",
    }
    assert "has 2 series" in found["data source full"].says
    assert "Add a scrape job" in found["data source empty"].fix
    assert "$NOT_SET_ANYWHERE" in found["data source runs"].says
    (tmp_path / "datasources" / "gpumon.yaml").write_text("datasources: [")
    (line,) = exporter.datasources(asked(provisioning=(tmp_path,)))
    assert line.state == "fault"


def test_targets_of_alerts_are_looked_at_without_a_word_to_them(monkeypatch):
    """A variable that is missing is a fault; what is shown holds no secret."""
    monkeypatch.delenv("NOBODY", raising=False)
    wanted = ["webhook:https://hooks.example.com/T0PS3CRET", "env:NOBODY"]
    found = list(targets.targets(asked(notify=wanted)))
    assert [line.state for line in found] == ["ok", "fault"]
    assert "has no NOBODY" in found[1].says
    assert "S3CRET" not in repr(found) + hidden("notify", wanted)
