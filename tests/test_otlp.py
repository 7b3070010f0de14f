"""The OTLP sink by itself: a receiver that is away, one that refuses, what is said, and settings."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from msgspec.structs import replace

import jupyter_gpumon as gm
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.experiments import Logged, Run, Stats, bounds
from jupyter_gpumon.model import Cell, CellDevice, Device, Energy, Gpu, Hello, Host, Sample
from jupyter_gpumon.sinks.otlp import address
from jupyter_gpumon.sinks.otlp.address import receivers
from jupyter_gpumon.sinks.otlp.points import Teller
from jupyter_gpumon.sinks.otlp.spans import span
from jupyter_gpumon.sinks.urls import open_sink

from .services import free_port

DEVICE = Device(uuid="GPU-1", index=0, name="NVIDIA H200", temperature_slowdown=87.0, vbios="96.00")
HELLO = Hello(hostname="node7", driver="580.95.05", devices=(DEVICE,), boot_id="b")


def sample(second, **values):
    """One of the GPU, ``second`` seconds after the machine started."""
    return Sample(time=1000.0 + second, mono=second, gpus=(Gpu(uuid="GPU-1", **values),))


def told(messages):
    """What a teller makes of them: (name, attributes that tell it apart) → points."""
    points = {}
    for point in Teller().points(messages):
        own = {key: value for key, value in point.attributes.items() if not key.startswith("hw.") or key in KEPT}
        points.setdefault((point.convention.name, *sorted(own.items())), []).append(point)
    return points


KEPT = ("hw.gpu.task", "hw.state", "hw.sensor_location", "hw.limit_type")


@pytest.fixture
def opened():
    """``opened(url)``: a sink that is closed with the test."""
    sinks = []

    def make(url):
        sinks.append(open_sink(url))
        sinks[-1].write(HELLO)
        return sinks[-1]

    yield make
    for sink in sinks:
        sink.close()


def test_counters_count_from_the_start_of_the_machine_or_of_the_driver():
    """A new generation of the driver begins anew; what is not known is not sent."""
    again = Hello(hostname="node7", devices=(DEVICE,), boot_id="b", generation=1)
    points = told([HELLO, sample(5, energy=70.0, power=None), sample(6, energy=71.0), again, sample(8, energy=1.0)])
    energy = points[("hw.energy",)]
    assert [point.value for point in energy] == [70.0, 71.0, 1.0]
    assert [point.start for point in energy] == [1000 * 10**9, 1000 * 10**9, 1006 * 10**9]
    assert ("hw.power",) not in points


def test_a_part_of_a_gpu_names_its_gpu():
    """Temperatures are those of sensors, whose parent the GPU is."""
    points = told([HELLO, sample(5, temperature=60.0, memory_used=1e9, memory_total=4e9)])
    (temperature,) = points[("hw.temperature", ("hw.sensor_location", "core"))]
    assert (temperature.attributes["hw.id"], temperature.attributes["hw.parent"]) == ("GPU-1/core", "GPU-1")
    (limit,) = points[("hw.temperature.limit", ("hw.limit_type", "throttled"))]
    assert limit.value == 87.0
    (share,) = points[("hw.gpu.memory.utilization",)]
    assert share.value == 0.25
    assert share.attributes["hw.model"] == "NVIDIA H200"


@pytest.mark.parametrize(
    ("device", "values", "state"),
    [
        (DEVICE, {}, "ok"),
        (DEVICE, {"recovery_action": 1}, "degraded"),
        (DEVICE, {"remap_failure": 1}, "predicted_failure"),
        (Device(uuid="GPU-1", index=0, name="H200", state="lost"), {}, "failed"),
    ],
)
def test_the_status_is_one_of_four(device, values, state):
    """1 for what it is, 0 for the others."""
    points = told([Hello(devices=(device,)), sample(1, **values)])
    found = {key[1][1]: points[key][0].value for key in points if key[0] == "hw.status"}
    assert found == {each: int(each == state) for each in ("ok", "degraded", "failed", "predicted_failure")}


def test_what_held_the_clock_back_stays_a_series():
    """1 while it does, 0 afterwards."""
    points = told([HELLO, sample(1, clock_events=("thermal",)), sample(2, clock_events=())])
    thermal = points[("gpumon.gpu.clock_events", ("gpumon.event", "thermal"))]
    assert [point.value for point in thermal] == [1, 0]


def test_the_host_is_told_by_system_names():
    """Energies of CPU and memory are hw.energy of their own components."""
    host = Host(cpu=0.5, disk_read=10.0, cpu_energy=5.0, cpu_cores=(0.1, 0.9))
    points = told([HELLO, Sample(time=1, mono=1, host=host)])
    assert points[("system.cpu.utilization",)][0].value == 0.5
    assert points[("system.disk.io", ("disk.io.direction", "read"))][0].value == 10.0
    assert points[("hw.energy",)][0].attributes == {"hw.id": "cpu", "hw.type": "cpu"}
    assert points[("gpumon.host.cpu_cores", ("cpu.logical_number", 1))][0].value == 0.9


def test_a_span_adds_no_estimate_to_a_measurement_and_leaves_out_what_is_not_known():
    """Of two GPUs one is only estimated; an upper bound alone is no energy."""
    devices = CellDevice(name="gpu0", model="H200"), CellDevice(name="gpu1", model="H200")
    energy = {"gpu0": Energy(joules=10.0, low=9.0, high=11.0), "gpu1": Energy(joules=99.0, method="estimate")}
    cell = Cell(id="c1", start=1, end=2, count=3, devices=devices, energy=energy)
    said = span(cell).attributes
    assert (said["gpumon.energy"], said["gpumon.energy.low"], said["gpumon.energy.high"]) == (10.0, 9.0, 11.0)
    assert said["gpumon.gpu.energies"] == [10.0, 99.0]
    assert span(cell).name == "cell [3]"
    bound = span(Cell(id="c2", start=1, end=2, devices=devices[:1], energy={"gpu0": Energy(high=18.0)})).attributes
    assert "gpumon.energy" not in bound
    assert bound["gpumon.energy.high"] == 18.0
    assert "gpumon.memory.peak" not in bound


def test_the_attributes_of_a_span_are_what_json_can_hold():
    """Numbers stay numbers, also numpy's; what is no number or not finite is text. A name is not needed."""
    np = pytest.importorskip("numpy")
    said = {"n": np.int64(3), "x": np.float32(0.5), "yes": True, "nan": float("nan"), "shape": (2, 3), "t": "a"}
    made = gm.span(**said)._wish.attributes
    assert made == {"n": 3, "x": 0.5, "yes": True, "nan": "nan", "shape": "(2, 3)", "t": "a"}
    assert [type(made[key]) for key in ("n", "x", "yes")] == [int, float, bool]


def test_a_nested_span_finds_its_parent_by_the_records_alone():
    """The ids follow from the records' own, whoever sends them."""
    inner = span(Cell(id="inner", within=("outer",), start=1, end=2, status="interrupted"))
    outer = span(Cell(id="outer", start=1, end=2))
    assert (inner.parent, inner.trace) == (outer.id, outer.trace)
    assert (inner.error, outer.error, outer.parent) == ("interrupted", "", None)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_receiver_that_is_away_is_said_once_and_gets_what_waited(protocol, otlp, opened, caplog, monkeypatch):
    """It comes up later on the same port: every sample arrives, none twice, and the log has one line of trouble."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    port = free_port()
    sink = opened(f"otlp:{protocol}://127.0.0.1:{port}")
    for second in range(5):
        sink.write(sample(second, power=100.0 + second))
    end_of_wait(lambda: sink.problem, "the trouble is seen")
    end_of_wait(lambda: any("is tried again" in record.message for record in caplog.records), "and said")
    assert "does not answer" in sink.problem
    assert "Connection refused" in sink.problem or "timeout" in sink.problem
    receiver = otlp(protocol, port)
    receiver.until(lambda r: len(r.named("hw.power")) == 5, "all samples")
    assert [point.value for point in receiver.named("hw.power")] == [100.0, 101.0, 102.0, 103.0, 104.0]
    end_of_wait(lambda: not sink.problem, "it is over")
    assert sink.dropped == 0
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["ERROR"]
    assert receiver.points[0].resource["host.name"] == "node7"


def end_of_wait(condition, what):
    """Wait for a condition, half a minute at most."""
    import time

    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


@pytest.mark.parametrize(("protocol", "code"), [("grpc", 16), ("http", 401)])
def test_what_is_refused_is_counted_and_does_not_hold_up_what_follows(protocol, code, otlp, opened, caplog):
    """No token, then one: the refused sample is lost, and said to be."""
    receiver = otlp(protocol)
    receiver.code = code
    sink = opened(receiver.url)
    sink.write(sample(1, power=1.0))
    end_of_wait(lambda: sink.dropped, "it is counted")
    receiver.code = 0
    sink.write(sample(2, power=2.0))
    receiver.until(lambda r: r.named("hw.power"), "the next")
    assert [point.value for point in receiver.named("hw.power")] == [2.0]
    end_of_wait(lambda: not sink.problem, "it is over")
    (line,) = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert "refuses it: UNAUTHENTICATED" in line or "refuses it: 401 Unauthorized" in line
    assert "What is refused is lost" in line


def test_the_standard_variables_name_receiver_headers_and_protocol(otlp, opened, caplog, monkeypatch):
    """``otlp:`` alone; the header arrives, and is in no log and no problem. Who we are can be said."""
    receiver = otlp("http")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20geheim")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "lab-3")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3000")
    caplog.set_level("DEBUG", logger="jupyter_gpumon")
    sink = opened("otlp:")
    for second in range(7):
        sink.write(sample(second, power=float(second)))
    sink.keep(Cell(id="c1", title="a cell", start=1000.0, end=1001.0))
    sink.keep(Cell(id="c1", title="a cell", start=1000.0, end=1001.0))  # completed by its background: told already
    sink.close()
    assert receiver.headers[0]["authorization"] == "Bearer geheim"
    assert receiver.points[0].resource["service.name"] == "lab-3"
    assert receiver.points[0].resource["deployment.environment.name"] == "test"
    assert [point.value for point in receiver.named("hw.power")] == [0.0, 3.0, 6.0]
    assert [span.name for span in receiver.spans] == ["a cell"]
    assert "geheim" not in caplog.text


@pytest.fixture(scope="module")
def certificate(require, tmp_path_factory):
    """A certificate for 127.0.0.1 that only the test trusts, and its key."""
    openssl, folder = require(shutil.which("openssl"), "openssl"), tmp_path_factory.mktemp("tls")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([openssl, *words, *names], check=True, capture_output=True, timeout=60)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_receiver_with_tls_is_trusted_by_its_certificate_alone(protocol, otlp, opened, certificate, monkeypatch):
    """``https`` and ``grpcs``; the standard variable names the file. Without it nothing is sent."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # go before what the exporter is told
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    receiver = otlp(protocol, tls=certificate)
    stranger = opened(receiver.url)
    stranger.write(sample(1, power=1.0))
    end_of_wait(lambda: stranger.problem, "it is not trusted")
    stranger.close()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate[0]))
    opened(receiver.url).write(sample(2, power=2.0))
    receiver.until(lambda r: r.named("hw.power"), "the sample")
    assert [point.value for point in receiver.named("hw.power")] == [2.0]


def test_a_password_in_the_url_is_not_said(opened, caplog, monkeypatch):
    """Neither in the sink's name nor in what is the matter."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    sink = opened(f"otlp:http://me:geheim@127.0.0.1:{free_port()}")
    sink.write(sample(1, power=1.0))
    end_of_wait(lambda: sink.problem, "the trouble is seen")
    end_of_wait(lambda: caplog.records, "and said")
    assert "geheim" not in sink.url + sink.problem + caplog.text


def test_one_signal_alone_can_be_asked_for():
    """A receiver that takes metrics only, as Prometheus does, is sent no spans."""
    assert list(receivers("otlp:http://h:9090/api/v1/otlp?signals=metrics")) == ["metrics"]
    found = receivers("otlp:http://h:9090/api/v1/otlp?signals=metrics")["metrics"]
    assert found.endpoint == "http://h:9090/api/v1/otlp/v1/metrics"
    assert list(receivers("otlp:", {"OTEL_METRICS_EXPORTER": "none"})) == ["traces"]
    assert receivers("otlp:", {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"})["traces"].protocol == "grpc"
    assert receivers("otlp:grpcs://h:4317")["traces"].endpoint == "https://h:4317"


@pytest.mark.parametrize("url", ["otlp:localhost", "otlp:ftp://h", "otlp:http://h?x=1", "otlp:http://h?signals=logs"])
def test_a_url_that_names_no_receiver_is_refused(url):
    """In a sentence that says how to write one."""
    with pytest.raises(SourceError):
        receivers(url)


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    """Before anything is imported."""

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(address, "version", missing)
    with pytest.raises(SourceError, match=r"pip install 'jupyter-gpumon\[otel\]'"):
        open_sink("otlp:http://127.0.0.1:4318")


def test_who_does_not_use_it_does_not_import_it():
    """Neither the server nor the sinks, nor opening one: the libraries come in the sink's thread."""
    code = (
        "import sys, jupyter_gpumon.server.app, jupyter_gpumon.sinks.otlp.sink, jupyter_gpumon.sinks.otlp.spans\n"
        "from jupyter_gpumon.sinks.otlp.address import receivers\n"
        "receivers('otlp:grpc://h:4317')\n"
        "sys.exit(any(name.startswith(('opentelemetry', 'grpc')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_run_is_told_as_sums_so_that_a_later_word_counts_for_the_earlier(otlp, opened):
    """Buckets of a histogram by its unit; nothing of what was not logged."""
    values = Stats(count=3, sum=0.36, last=0.3)
    counts = tuple(int(bound in (0.01, 0.05, 0.3)) for bound in (*bounds("seconds"), None))
    first = Logged(kind="histogram", unit="seconds", stats=values, buckets=counts)
    metrics = {"ttft_s": first, "steps": Logged(kind="counter", stats=Stats(count=2, sum=7.0)), "none": Logged()}
    run = Run(id="r1", name="chat", start=1000.0, end=1002.0, metrics=metrics, tags={"model": "tiny"})
    receiver = otlp("grpc")
    sink = opened(receiver.url)
    sink.keep_run(replace(run, metrics={}))
    sink.keep_run(run)
    sink.close()
    (told,) = receiver.named("gen_ai.server.time_to_first_token")
    assert (told.said.count, told.said.sum, tuple(told.said.bucket_counts)) == (3, 0.36, counts)
    assert tuple(told.said.explicit_bounds) == bounds("seconds")
    (steps,) = receiver.named("gpumon.run.steps")
    assert (steps.value, steps.kind, steps.said.start_time_unix_nano) == (7.0, "sum monotonic", 1000 * 10**9)
    assert not receiver.named("gpumon.run.none")
