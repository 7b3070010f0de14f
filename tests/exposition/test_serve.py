"""``gpumon serve``: a node without a Jupyter server, scraped by a real Prometheus."""

from __future__ import annotations

import base64
import datetime
import http.client
import importlib.util
import ipaddress
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack

import pytest
from typer.testing import CliRunner

from jupyter_gpumon.cli import app
from jupyter_gpumon.cli.exporter.access import Passwords, WebConfig, read
from jupyter_gpumon.cli.exporter.running import Wish, _greeting
from jupyter_gpumon.errors import ExporterError
from jupyter_gpumon.runs.store import RunStore

from ..runs.made import metric, run
from ..services import free_port, running
from ..services.prometheus import job

GPUMON = [sys.executable, "-m", "jupyter_gpumon"]


@pytest.fixture
def serving(tmp_path):
    """``serving("--names", "dcgm", variables={…})``: (process, port) of an exporter that listens."""
    with ExitStack() as stack:

        def start(*words, variables=None, source="sim:gpus=2&script=training"):
            port = free_port()
            command = [*GPUMON, "serve", "--port", str(port), "--interval", "0.2", "--source", source, *words]
            log = tmp_path / f"exporter{port}"
            with pytest.MonkeyPatch.context() as patch:
                for name, value in (variables or {}).items():
                    patch.setenv(name, value)
                process = stack.enter_context(running(command, lambda: b"Serving" in log.read_bytes(), log))
            return process, port

        yield start


def get(port, path, **headers):
    """(status, body) of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def mistake(*words):
    """The error that a command line ends with, before anything is started."""
    done = CliRunner().invoke(app, ["serve", "--source", "sim", *words])
    assert isinstance(done.exception, ExporterError), done.output
    return str(done.exception)


def test_prometheus_scrapes_a_node_without_jupyter(serving, prometheus):
    """Numbers of every GPU, /health is well, and a signal ends it in order."""
    process, port = serving()
    found = prometheus(job(f"127.0.0.1:{port}/metrics"))
    found.until("gpumon_gpu_power_watts > 0", lambda series: len(series) == 2)
    found.until("gpumon_sampler_interval_seconds < 1")
    status, said = get(port, "/health")
    assert (status, json.loads(said)["state"]) == (200, "live")
    assert "metrics" in get(port, "/")[1]
    assert get(port, "/elsewhere")[0] == 404
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_runs_that_were_kept_on_the_node_are_told_where_that_is_asked_for(serving, tmp_path):
    """The last of each name that was begun within a day; without --runs none, since a scrape may be read by others."""
    url, now = f"sqlite:///{tmp_path}/runs.sqlite", time.time()
    store = RunStore(url)
    for name, start, loss in (("base", now - 60, 0.5), ("base", now - 30, 0.25), ("old", now - 2 * 86400, 9.0)):
        store.save(run(name, start=start, metrics={"loss": metric(loss)}))
    store.close()
    _, port = serving("--runs", variables={"GPUMON_RUNS": url})
    page = get(port, "/metrics")[1]
    assert [line for line in page.splitlines() if line.startswith("gpumon_run_metric{")] == [
        'gpumon_run_metric{run="base",metric="loss"} 0.25'
    ]
    _, port = serving(variables={"GPUMON_RUNS": url})
    assert "gpumon_run" not in get(port, "/metrics")[1]


def test_names_and_fields_are_chosen_on_the_command_line(serving, prometheus, tmp_path):
    """DCGM's by a file of dcgm-exporter; a request may ask for others."""
    (tmp_path / "counters.csv").write_text("DCGM_FI_DEV_GPU_TEMP, gauge, GPU temperature (in C).\n")
    _, port = serving("--names", "dcgm", "--collectors", str(tmp_path / "counters.csv"))
    target = f"127.0.0.1:{port}/metrics"
    found = prometheus(job(target, name="dcgm"), job(f"{target}?names=seed", name="seed"))
    found.until(
        '{job="dcgm", __name__=~"DCGM.*"}',
        lambda series: {s["metric"]["__name__"] for s in series} == {"DCGM_FI_DEV_GPU_TEMP"},
    )
    found.until('gpu_power_usage_watts{job="seed"}', lambda series: len(series) == 2)


def test_port_and_interval_come_from_the_environment_too(tmp_path):
    """As they do with the scripts of old exporters."""
    port = free_port()
    log = tmp_path / "log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPUMON_EXPORTER_PORT", str(port))
        patch.setenv("GPUMON_SOURCE", "sim:gpus=1")
        with running([*GPUMON, "serve"], lambda: b"Serving" in log.read_bytes(), log):
            assert get(port, "/metrics")[0] == 200


def test_without_a_driver_health_is_bad_and_only_the_sampler_speaks(serving, fake_nvml):
    """And it says what to do."""
    _, port = serving(source="agent", variables=fake_nvml(library=False).variables)
    status, said = get(port, "/health")
    assert status == 503
    while json.loads(said)["state"] == "starting":
        said = get(port, "/health")[1]
    assert "gpumon demo" in json.loads(said)["hint"]
    page = get(port, "/metrics")[1]
    assert "gpumon_gpu" not in page
    assert 'gpumon_sampler_state{hostname="' + socket.gethostname() + '",state="no-library"} 1' in page


def test_series_vanish_while_the_driver_hangs_and_come_back(serving, fake_nvml, prometheus):
    """Those of the sampler stay, and say since when and why."""
    driver = fake_nvml(gpus=2)
    _, port = serving(source="agent", variables=driver.variables)
    found = prometheus(job(f"127.0.0.1:{port}/metrics"))
    found.until("gpumon_gpu_power_watts", lambda series: len(series) == 2)
    driver.hang("nvmlDeviceGetUtilizationRates", 120.0)
    found.until("gpumon_sampler_up == 0")
    assert not found.query("gpumon_gpu_power_watts")
    found.until('gpumon_sampler_state{state="stalled"} == 1')
    found.until('gpumon_sampler_errors_total{code="stalled"} >= 1')
    driver.hang("nvmlDeviceGetUtilizationRates", None)
    found.until("gpumon_gpu_power_watts", lambda series: len(series) == 2)


def test_tls_and_a_password_as_prometheus_sends_them(serving, prometheus, require, certificate, tmp_path):
    """The file is that of Prometheus's own exporters; without the password there is nothing."""
    require(importlib.util.find_spec("bcrypt"), "bcrypt")
    import bcrypt

    known = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    config = {
        "tls_server_config": {"cert_file": "cert.pem", "key_file": "key.pem"},
        "basic_auth_users": {"prometheus": known},
    }
    (tmp_path / "web.yml").write_text(json.dumps(config))
    _, port = serving("--web-config", str(tmp_path / "web.yml"))
    secret = {"username": "prometheus", "password": "open sesame"}
    found = prometheus(
        job(f"https://127.0.0.1:{port}/metrics", tls_config={"ca_file": str(certificate)}, basic_auth=secret),
        job(f"https://127.0.0.1:{port}/metrics", name="stranger", tls_config={"ca_file": str(certificate)}),
    )
    found.until('gpumon_gpu_power_watts{job="gpumon"}', lambda series: len(series) == 2)
    found.until_refused("401", job="stranger")
    assert not found.query('gpumon_sampler_up{job="stranger"}')


@pytest.fixture
def certificate(tmp_path):
    """``cert.pem`` and ``key.pem`` of 127.0.0.1, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - datetime.timedelta(days=1), now + datetime.timedelta(days=1)
        )
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    formats = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *formats))
    return tmp_path / "cert.pem"


def test_a_certificate_alone_makes_it_https(serving, certificate):
    """By --certfile and --keyfile; http is not answered."""
    _, port = serving("--certfile", str(certificate), "--keyfile", str(certificate.with_name("key.pem")))
    trust = ssl.create_default_context(cafile=certificate)
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/metrics", context=trust, timeout=30) as answer:
        assert b"gpumon_sampler_up" in answer.read()
    with pytest.raises((http.client.HTTPException, OSError)):
        get(port, "/metrics")


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_passwords_of_jupyter_are_understood_too():
    """``jupyter server password`` writes them; nobody else gets in, whatever he sends."""
    from jupyter_server.auth.security import passwd

    passwords = Passwords({"ada": passwd("secret")})
    assert passwords.known(basic("ada", "secret")) is None
    assert passwords.check(basic("ada", "secret"))
    assert passwords.known(basic("ada", "secret")) is True
    assert passwords.known("") is False
    assert passwords.known("Bearer x") is False
    for wrong in (basic("ada", "other"), basic("eve", "secret"), basic("ada", ""), "Basic ada:secret", "Basic /w=="):
        assert not passwords.check(wrong)


def test_without_passwords_everybody_may():
    """On the loopback interface."""
    assert Passwords({}).known("") is True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("basic_auth_users: {ada: secret}", "is to be a hash"),
        ("basic_auth_user: {ada: x}", "basic_auth_user"),
        ("tls_server_config: {cert_file: cert.pem}", "key_file"),
        ("- 1", "web configuration"),
        ("{", "web configuration"),
    ],
)
def test_a_mistake_in_the_file_leaves_nothing_open(tmp_path, text, says):
    """It is not served without what was meant."""
    (tmp_path / "web.yml").write_text(text)
    with pytest.raises(ExporterError, match=says):
        read(tmp_path / "web.yml")


def test_an_empty_file_means_neither_password_nor_tls(tmp_path):
    """As with Prometheus's own exporters."""
    (tmp_path / "web.yml").write_text("")
    assert read(tmp_path / "web.yml") == WebConfig()


def test_what_cannot_be_served_is_said_in_a_sentence(tmp_path):
    """Names that there are not, half a certificate, files that are none."""
    assert "native, dcgm, seed" in mistake("--names", "nagios")
    assert "none.csv" in mistake("--collectors", "none.csv")
    assert "--keyfile" in mistake("--certfile", "cert.pem")
    (tmp_path / "cert.pem").write_text("no certificate")
    words = ("--certfile", str(tmp_path / "cert.pem"), "--keyfile", str(tmp_path / "cert.pem"))
    assert "cannot be used" in mistake(*words)


def test_a_port_that_is_taken_is_said_in_a_sentence():
    """With a status that scripts can test."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*GPUMON, "serve", "--source", "sim", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "another --port" in done.stderr


def test_who_opens_it_to_the_network_is_told():
    """Without a password, everybody there can read it."""
    assert "Everybody" in _greeting(Wish(bind="0.0.0.0"), guarded=False, secret=False)
    assert "Everybody" not in _greeting(Wish(bind="0.0.0.0"), guarded=True, secret=True)
    assert "Everybody" not in _greeting(Wish(bind="::1"), guarded=False, secret=False)
