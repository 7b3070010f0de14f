"""The nvidia backend when something is the matter: what is lost, refused, unloaded or asleep, and how it comes back."""

from __future__ import annotations

import time

import pytest

from jupyter_gpumon.errors import DriverError, DriverNotLoaded, LibraryMismatch, LibraryNotFound

from .backend_process import ALL, BackendProcess
from .fakenvml import Proc

NOT_SUPPORTED, NO_PERMISSION, UNKNOWN, RESET_REQUIRED, UNINITIALIZED = 3, 4, 999, 16, 1


@pytest.fixture
def process(fake_nvml):
    """``process(root=…, gpus=8, …)``: (backend not yet opened, driver)."""
    opened = []

    def start(root="/", **machine):
        driver = fake_nvml(**machine)
        opened.append(BackendProcess(driver.env, root).__enter__())
        return opened[-1], driver

    yield start
    for child in opened:
        child.__exit__()


@pytest.fixture
def backend(process):
    """As ``process``, opened and looked at once."""

    def start(**machine):
        child, driver = process(**machine)
        child.open().devices()
        return child, driver

    return start


@pytest.mark.parametrize(
    ("machine", "error"),
    [
        ({"library": False}, LibraryNotFound),
        ({"init_error": 9}, DriverNotLoaded),
        ({"init_error": 18}, LibraryMismatch),
        ({"init_error": NO_PERMISSION}, DriverError),
        ({"init_error": UNKNOWN}, DriverError),
    ],
)
def test_what_is_wrong_with_the_driver_is_told_apart(process, machine, error):
    """Each way in which a driver cannot be opened is an error of its own, with words for the user."""
    child, _ = process(**machine)
    with pytest.raises(error, match=r"NVIDIA|NVML"):
        child.open()


def test_a_driver_that_comes_later_is_found_by_the_same_process(process):
    """After "not loaded" the same process can open the driver."""
    child, driver = process(init_error=9)
    with pytest.raises(DriverNotLoaded):
        child.open()
    driver.update(init_error=0)
    assert len(child.open().devices()) == 1


def test_a_lost_gpu_hides_no_other(backend):
    """Seven of eight go on; the lost one keeps its place, without values and with the reason for each."""
    child, driver = backend(gpus=8)
    uuids = [device.uuid for device in child.devices()]
    driver.lose(3)
    answering = [gpu.uuid for gpu in child.read({"power"})]
    devices = child.devices()
    assert answering == uuids[:3] + uuids[4:]
    assert [device.uuid for device in devices] == uuids
    assert [device.state for device in devices] == ["ok"] * 3 + ["lost"] + ["ok"] * 4
    assert devices[3].detail
    assert set(devices[3].absent) == ALL
    assert set(devices[3].absent.values()) == {"lost"}
    assert child.energy(uuids[3]) is None


def test_a_lost_gpu_is_left_alone(backend):
    """It is not asked for values, and tried anew ever more seldom."""
    child, driver = backend(gpus=2)
    driver.lose(1)
    child.read({"power"})
    before = driver.stats()
    for _ in range(5):
        child.read({"power"})
    assert (driver.stats() - before).calls == {"nvmlDeviceGetFieldValues": 5}


def test_a_lost_gpu_comes_back(backend):
    """Where the driver itself brings it back, it is found by trying again; its values continue."""
    child, driver = backend(gpus=2, back_needs_init=0)
    driver.lose(1)
    child.read({"power"})
    driver.bring_back(1)
    assert [device.state for device in child.devices()] == ["ok", "lost"]
    child.advance(6)
    assert [device.state for device in child.devices()] == ["ok", "ok"]
    assert len(child.read({"power"})) == 2


def test_a_lost_gpu_comes_back_with_the_driver_opened_anew(backend):
    """Its identity outlasts the session in which it was lost: it is lost, then back, never another."""
    child, driver = backend(gpus=2)
    before = child.devices()
    driver.lose(0)
    child.read({"power"})
    lost = child.open().devices()
    assert [(device.uuid, device.state) for device in lost] == [(before[0].uuid, "lost"), (before[1].uuid, "ok")]
    driver.bring_back(0)
    assert [(d.uuid, d.state) for d in child.open().devices()] == [(d.uuid, "ok") for d in before]


def test_a_session_that_could_not_be_ended_does_not_keep_a_gpu_lost(backend):
    """A driver that is away refuses nvmlShutdown; a session opened after it is a new one all the same."""
    child, driver = backend(gpus=1)
    driver.fail("nvmlShutdown", 9)
    child.open()
    driver.fail("nvmlShutdown", None)
    driver.lose(0)
    child.read({"power"})
    driver.bring_back(0)
    assert [device.state for device in child.open().devices()] == ["ok"]


def test_a_gpu_lost_from_the_beginning_gets_its_name_when_it_comes(process):
    """Until then it has a place without an identity; afterwards there is one device, not two."""
    child, driver = process(gpus=2, each={1: {"lost_at": 0}})
    devices = child.open().devices()
    assert [device.state for device in devices] == ["ok", "lost"]
    driver.bring_back(1)
    after = child.open().devices()
    assert [(device.state, device.name) for device in after] == [("ok", "NVIDIA H200")] * 2


def test_all_lost_is_told_of_each(backend):
    """With every GPU lost there are no values, and every device says so."""
    child, driver = backend(gpus=2)
    for gpu in range(2):
        driver.lose(gpu)
    assert child.read({"power"}) == []
    assert {device.state for device in child.devices()} == {"lost"}


def test_a_gpu_taken_away_is_gone_and_the_others_move_up(backend):
    """The index is for display; who is who is known by UUID."""
    child, driver = backend(gpus=3)
    before = child.devices()
    driver.update(0, gone=1)
    after = child.devices()
    assert [device.uuid for device in after] == [device.uuid for device in before[1:]]
    assert [device.index for device in after] == [0, 1]


def test_a_gpu_that_needs_a_reset_says_so(backend):
    """It is no more to be asked than a lost one, and the words are others."""
    child, driver = backend()
    driver.fail("nvmlDeviceGetUtilizationRates", RESET_REQUIRED)
    assert child.read({"utilization"}) == []
    driver.fail("nvmlDeviceGetPerformanceState", RESET_REQUIRED)
    child.advance(6)
    assert "reset" in child.devices()[0].detail


def test_a_gpu_of_others_is_not_shown(process):
    """The driver counts GPUs that this container may not open; they are none of its business."""
    child, _ = process(gpus=2, each={0: {"errors": {"nvmlDeviceGetHandleByIndex_v2": NO_PERMISSION}}})
    assert [device.index for device in child.open().devices()] == [1]


def test_a_refused_metric_is_asked_for_again_after_a_minute(backend):
    """Its reason is the permission, and granting it needs no restart."""
    child, driver = backend(errors={"nvmlDeviceGetBAR1MemoryInfo": NO_PERMISSION})
    assert child.devices()[0].absent["bar1_used"] == "permission"
    before = driver.stats()
    child.read({"bar1_used"})
    assert (driver.stats() - before).calls == {}
    driver.fail("nvmlDeviceGetBAR1MemoryInfo", None)
    child.advance(61)
    assert child.read({"bar1_used"})[0].bar1_used is not None
    assert "bar1_used" not in child.devices()[0].absent


def test_a_passing_error_is_passed_over(backend):
    """Once is nothing; three times on end is an error that rests for a minute, and it heals."""
    child, driver = backend()
    driver.fail("nvmlDeviceGetUtilizationRates", UNKNOWN)
    assert child.read({"utilization"})[0].utilization is None
    assert "utilization" not in child.devices()[0].absent
    child.read({"utilization"})
    child.read({"utilization"})
    assert child.devices()[0].absent["utilization"] == "error"
    driver.fail("nvmlDeviceGetUtilizationRates", None)
    child.advance(61)
    assert child.read({"utilization"})[0].utilization is not None
    assert "utilization" not in child.devices()[0].absent


def test_one_failing_function_takes_nothing_else_along(backend):
    """Every other metric is there as before."""
    child, _ = backend(errors={"nvmlDeviceGetUtilizationRates": NOT_SUPPORTED, "field:186": UNKNOWN})
    (gpu,) = child.read({"utilization", "temperature", "power_limit", "held_power_cap"})
    assert gpu.utilization is None
    assert None not in (gpu.temperature, gpu.power_limit, gpu.held_power_cap)


@pytest.mark.parametrize("call", ["devices", "read", "processes", "events"])
def test_a_driver_that_goes_away_is_an_error_of_the_driver(backend, call):
    """Whatever is asked, the answer is that the driver is gone, and opening it anew heals it."""
    child, driver = backend(processes=[Proc(0, 1)])
    driver.fail("*", UNINITIALIZED)
    with pytest.raises(DriverError):
        child.read(ALL) if call == "read" else getattr(child, call)()
    driver.fail("*", None)
    assert len(child.open().devices()) == 1


def test_a_driver_upgraded_underneath_is_a_mismatch(backend):
    """The old library stays in the process, so that only a fresh process can heal it; the error says which."""
    child, driver = backend()
    driver.update(driver="590.48.01")
    with pytest.raises(LibraryMismatch):
        child.read({"power"})
    with pytest.raises(LibraryMismatch):
        child.open()


def put(root, path, text):
    """Write one file below ``root``."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + "\n")


@pytest.fixture
def laptop(tmp_path):
    """A sysfs with one NVIDIA GPU that may sleep, and ``laptop(status)`` to change whether it does."""
    place = "sys/bus/pci/devices/0000:10:00.0"
    for name, text in {"vendor": "0x10de", "class": "0x030000", "power/control": "auto"}.items():
        put(tmp_path, f"{place}/{name}", text)

    def status(text):
        put(tmp_path, f"{place}/power/runtime_status", text)
        return tmp_path

    return status


def test_a_sleeping_gpu_is_not_woken(process, laptop):
    """The driver is not even opened; once somebody else has woken the GPU, it is measured."""
    child, driver = process(root=laptop("suspended"))
    (device,) = child.open().devices()
    assert (device.state, child.read(), child.events(), child.processes()) == ("asleep", [], [], [])
    assert set(device.absent.values()) == {"asleep"}
    assert driver.stats().total_calls == 0
    laptop("active")
    assert child.devices()[0].state == "ok"
    assert child.read({"power"})[0].power is not None


def test_a_gpu_that_falls_asleep_is_left_alone(process, laptop):
    """From then on it is not asked, and keeps its identity."""
    child, driver = process(root=laptop("active"))
    (awake,) = child.open().devices()
    laptop("suspended")
    before = driver.stats()
    assert child.read() == []
    assert child.energy(awake.uuid) is None
    (asleep,) = child.devices()
    assert (asleep.uuid, asleep.state) == (awake.uuid, "asleep")
    assert (driver.stats() - before).calls.keys() <= {"nvmlDeviceGetCount_v2"}
    laptop("active")
    assert child.devices()[0].state == "ok"


def test_a_hanging_call_comes_back_with_its_value(backend):
    """The backend waits; it is the agent's watcher that does not."""
    child, driver = backend()
    driver.update(latency={"nvmlDeviceGetUtilizationRates": 0.5})
    started = time.monotonic()
    assert child.read({"utilization"})[0].utilization is not None
    assert time.monotonic() - started > 0.4
