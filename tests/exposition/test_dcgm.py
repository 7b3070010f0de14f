"""dcgm-exporter's names: units, labels and types as its dashboards and alerts expect them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from jupyter_gpumon.errors import ExporterError
from jupyter_gpumon.exposition.collectors import DEFAULT, FIELDS, OWN, chosen, parsed
from jupyter_gpumon.metrics import Gpu
from jupyter_gpumon.model import Event, Hello

from .conftest import BOARD, OTHER, SLICE, Told

MIB = 2**20
READ = Gpu(
    uuid="GPU-a",
    clock_sm=1.98e9,
    clock_memory=3.201e9,
    temperature=51.0,
    temperature_memory=62.0,
    power=451.5,
    energy=5141105.461,
    pcie_replay=3,
    utilization=0.97,
    memory_activity=0.41,
    encoder=0.0,
    decoder=0.02,
    memory_free=1000 * MIB,
    memory_used=2000 * MIB,
    memory_reserved=300 * MIB,
    remapped_uncorrectable=1,
    remapped_correctable=2,
    remap_failure=0,
    graphics_activity=0.96,
    tensor_activity=0.42,
    dram_activity=0.33,
    vgpu_licensed=1,
    clock_events=("power_cap", "thermal"),
)
WANTED = {
    "DEV_SM_CLOCK": 1980, "DEV_MEM_CLOCK": 3201, "DEV_MEMORY_TEMP": 62, "DEV_GPU_TEMP": 51, "DEV_POWER_USAGE": 451.5,
    "DEV_TOTAL_ENERGY_CONSUMPTION": 5141105461, "DEV_PCIE_REPLAY_COUNTER": 3, "DEV_GPU_UTIL": 97,
    "DEV_MEM_COPY_UTIL": 41, "DEV_ENC_UTIL": 0, "DEV_DEC_UTIL": 2, "DEV_XID_ERRORS": 0, "DEV_FB_FREE": 1000,
    "DEV_FB_USED": 2000, "DEV_FB_RESERVED": 300, "DEV_NVLINK_BANDWIDTH_TOTAL": 36e3,
    "DEV_UNCORRECTABLE_REMAPPED_ROWS": 1, "DEV_CORRECTABLE_REMAPPED_ROWS": 2, "DEV_ROW_REMAP_FAILURE": 0,
    "DEV_VGPU_LICENSE_STATUS": 1,
    "PROF_GR_ENGINE_ACTIVE": 0.96, "PROF_PIPE_TENSOR_ACTIVE": 0.42, "PROF_DRAM_ACTIVE": 0.33,
    "PROF_PCIE_TX_BYTES": 1e6, "PROF_PCIE_RX_BYTES": 2.5e6,
}  # fmt: skip
COUNTERS = {
    "TOTAL_ENERGY_CONSUMPTION", "PCIE_REPLAY_COUNTER", "NVLINK_BANDWIDTH_TOTAL", "UNCORRECTABLE_REMAPPED_ROWS",
    "CORRECTABLE_REMAPPED_ROWS",
}  # fmt: skip


def counters(grown):
    """Byte counters after ``grown`` seconds."""
    return {"pcie_tx": 1e6 * grown, "pcie_rx": 2.5e6 * grown, "nvlink_tx": 18e9 * grown, "nvlink_rx": 18e9 * grown}


@pytest.fixture
def read(told):
    """The page after two looks at a GPU that tells all."""
    for grown in (1, 2):
        told.look(replace(READ, **counters(grown)))
    return told.series("dcgm")


def test_the_fields_of_the_default_file_are_there_in_dcgms_units(read):
    """MHz, mJ, per cent, MiB; rates of bytes."""
    found = {name: read.of(f"DCGM_FI_{name}", gpu="0") for name in WANTED}
    assert found == pytest.approx(WANTED)
    assert {
        name.removeprefix("DCGM_FI_DEV_")
        for name, family in read.families.items()
        if "_FI_" in name and family.type == "counter"
    } == COUNTERS
    assert len([each for each in DEFAULT if "_FI_" in each.name]) == 26
    assert {each.name for each in DEFAULT if "_EXP_" in each.name} == {name for name in OWN if "_EXP_" in name}


def test_labels_are_those_of_dcgm_exporter(read):
    """With the driver's version, which the default file asks for as a label."""
    assert read.labels("DCGM_FI_DEV_GPU_TEMP") == [
        {
            "gpu": "0", "UUID": "GPU-a", "pci_bus_id": "00000000:19:00.0", "device": "nvidia0",
            "modelName": "NVIDIA H200", "Hostname": "node1", "DCGM_FI_DRIVER_VERSION": "580.95.05",
        }
    ]  # fmt: skip


def test_an_instance_is_of_its_board(told):
    """Its profile and its GPU instance tell it apart; a second compute instance too."""
    second = replace(
        SLICE, uuid="MIG-d", compute_instance=1, name="NVIDIA H200", slices=1 / 7, memory_total=17.5 * 2**30
    )
    told.tell(Hello(hostname="node1", devices=(BOARD, OTHER, SLICE, second)))
    told.look(Gpu(uuid="MIG-c", memory_used=5 * MIB), Gpu(uuid="MIG-d", memory_used=6 * MIB))
    one, other = told.series("dcgm").labels("DCGM_FI_DEV_FB_USED")
    assert one == {
        "gpu": "1", "UUID": "GPU-b", "pci_bus_id": "00000000:29:00.0", "device": "nvidia1", "modelName": "NVIDIA H200",
        "GPU_I_PROFILE": "1g.18gb", "GPU_I_ID": "7", "Hostname": "node1",
    }  # fmt: skip
    assert other == one | {"GPU_CI_ID": "1"}


def xid(told, code, uuid="GPU-a"):
    """An XID that comes with the next sample."""
    mono = told._mono + 1
    return Event(kind="xid", time=1.8e9 + mono, mono=mono, title=f"XID {code}", uuid=uuid, code=code)


def test_an_old_xid_does_not_look_current(told):
    """The last one is shown for five minutes, and counted that long."""
    told.look(READ, events=(xid(told, 31),)).look(READ, events=(xid(told, 13), xid(told, 13)))
    series = told.series("dcgm")
    assert series.of("DCGM_FI_DEV_XID_ERRORS") == 13
    assert series.of("DCGM_EXP_XID_ERRORS_COUNT", xid="13", window_size_in_ms="300000") == 2
    assert series.of("DCGM_EXP_XID_ERRORS_COUNT", xid="31") == 1
    series = told.look(READ, after=320).series("dcgm")
    assert series.of("DCGM_FI_DEV_XID_ERRORS") == 0
    assert series.of("DCGM_EXP_XID_ERRORS_COUNT", window_size_in_ms="300000") == 0
    assert told.series().of("gpumon_gpu_xid_errors_total", xid="13") == 2


def test_clock_events_are_counted_by_the_sample(told):
    """Under DCGM's names."""
    series = told.look(READ).look(READ).look(replace(READ, clock_events=())).series("dcgm")
    assert series.of("DCGM_EXP_CLOCK_EVENTS_COUNT", clock_event="power_cap") == 2
    assert series.of("DCGM_EXP_CLOCK_EVENTS_COUNT", clock_event="sw_thermal") == 2


def test_peers_are_told_by_their_link(told):
    """NVLink one way of looking, none the other."""
    series = told.look(READ, replace(READ, uuid="GPU-b")).series("dcgm")
    assert series.of("DCGM_EXP_P2P_STATUS", gpu="0", peer_gpu="1", link_status="OK") == 0
    assert series.of("DCGM_EXP_P2P_STATUS", gpu="1", peer_gpu="0", link_status="NotSupported") == 5


WELL = replace(
    READ, pcie_gen=5, pcie_width=16, ecc_uncorrected=0, held_hw_thermal=5, held_thermal=2, held_power_brake=0,
    nvlink_active=18, nvlink_crc_errors=0, nvlink_replays=0, recovery_action=0, remap_pending=0, clock_events=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("watch", "changed", "status", "code"),
    [
        ("PCIE", {"pcie_replay": 3 + 32}, 10, "PCI_REPLAY_RATE"),
        ("PCIE", {"pcie_replay": 3 + 31}, 0, "OK"),
        ("MEM", {"ecc_uncorrected": 1, "remap_pending": 1}, 20, "VOLATILE_DBE_DETECTED"),
        ("MEM", {"remap_failure": 1}, 20, "ROW_REMAP_FAILURE"),
        ("MEM", {"remap_pending": 1}, 10, "PENDING_ROW_REMAP"),
        ("THERMAL", {"held_hw_thermal": 5.5}, 10, "CLOCK_THROTTLE_THERMAL"),
        ("THERMAL", {"held_hw_thermal": 1}, 0, "OK"),
        ("POWER", {"held_power_brake": 0.5}, 10, "CLOCK_THROTTLE_POWER"),
        ("NVLINK", {"nvlink_active": 17}, 20, "NVLINK_DOWN"),
        ("NVLINK", {"nvlink_replays": 1}, 20, "NVLINK_ERROR_CRITICAL"),
        ("NVLINK", {"nvlink_crc_errors": 1}, 10, "NVLINK_ERROR_THRESHOLD"),
        ("NVLINK", {"nvlink_crc_errors": 6000}, 20, "NVLINK_CRC_ERROR_THRESHOLD"),
        ("DRIVER", {"recovery_action": 2}, 20, "FIELD_VIOLATION"),
        ("DRIVER", {"recovery_action": 3}, 10, "FIELD_VIOLATION"),
    ],
)
def test_health_is_judged_as_dcgm_judges_it(told, watch, changed, status, code):
    """By what happened within a minute, once there was one; a counter that began anew is no fault."""
    board = replace(BOARD, nvlinks=18)
    told.tell(Hello(hostname="node1", devices=(board,)))
    for _ in range(7):
        told.look(WELL, after=10)
    series = told.series("dcgm")
    watches = ("ALL", "PCIE", "NVLINK", "MEM", "THERMAL", "POWER", "DRIVER")
    assert {series.of("DCGM_EXP_GPU_HEALTH_STATUS", health_watch=name) for name in watches} == {0}
    told.look(replace(WELL, **changed), after=10)
    assert (
        told.series("dcgm").of("DCGM_EXP_GPU_HEALTH_STATUS", health_watch=watch, health_error_code=f"DCGM_FR_{code}")
        == status
    )


def test_an_xid_that_ends_a_gpu_fails_it(told):
    """79, whatever else is well; 94 is a warning; 13 is a program's fault."""
    for code, status in ((13, 0), (94, 10), (79, 20)):
        series = told.look(WELL, events=(xid(told, code),)).series("dcgm")
        assert series.of("DCGM_EXP_GPU_HEALTH_STATUS", health_watch="ALL") == status


def test_health_that_nobody_can_tell_is_not_said_to_be_well(told):
    """A board that tells neither ECC nor links."""
    series = told.look(Gpu(uuid="GPU-a", power=70.0)).series("dcgm")
    assert {labels["health_watch"] for labels in series.labels("DCGM_EXP_GPU_HEALTH_STATUS")} == {"ALL"}


FILE = """
# Format
# If line starts with a '#' it is considered a comment
# DCGM FIELD, Prometheus metric type, help message,,

DCGM_FI_DEV_GPU_TEMP,    gauge, GPU temperature (in C), of the core.
DCGM_FI_DEV_DEC_UTIL ,     gauge, Decoder utilization (in %).,,
DCGM_FI_DEV_POWER_VIOLATION, counter, Throttling duration due to power constraints (in ns).
DCGM_FI_DEV_BOARD_LIMIT_VIOLATION, counter, Throttling duration due to board limit constraints (in ns).
DCGM_FI_DEV_VBIOS_VERSION, label, VBIOS version of the device.
  # DCGM_FI_DEV_FB_USED, gauge, Framebuffer memory used (in MiB).
"""


def test_a_file_of_dcgm_exporter_says_what_is_exported(tmp_path, caplog):
    """And nothing else; what the driver does not tell is said once, and stays empty."""
    (tmp_path / "counters.csv").write_text(FILE)
    told = Told()
    told.page.collectors = chosen(tmp_path / "counters.csv")
    told.tell(Hello(hostname="node1", devices=(replace(BOARD, vbios="96.00"),)))
    series = told.look(replace(READ, held_power_cap=1.5)).series("dcgm")
    assert [name for name in series.families if "DCGM" in name] == [
        "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_DEC_UTIL", "DCGM_FI_DEV_POWER_VIOLATION",
        "DCGM_FI_DEV_BOARD_LIMIT_VIOLATION",
    ]  # fmt: skip
    assert series.families["DCGM_FI_DEV_GPU_TEMP"].documentation == "GPU temperature (in C), of the core."
    assert series.of("DCGM_FI_DEV_POWER_VIOLATION", DCGM_FI_DEV_VBIOS_VERSION="96.00") == 1.5e9
    assert "DCGM_FI_DEV_BOARD_LIMIT_VIOLATION" in caplog.text
    assert "DCGM_FI_DEV_GPU_TEMP" not in caplog.text


@pytest.mark.parametrize(
    "line", ["DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP, thermometer, hot", "temperature, gauge, hot"]
)
def test_a_line_that_is_none_is_named(line):
    """By its number."""
    with pytest.raises(ExporterError, match="line 2"):
        list(parsed(["# comment", line], "counters.csv"))


def test_every_name_is_one_field():
    """No two names for one thing, apart from DCGM's own alias."""
    ids = [field.id for field in FIELDS.values()]
    assert len(ids) == len(set(ids)) + 1


def test_the_text_stays_plain_whatever_is_asked_for(told):
    """OpenMetrics has no counters without _total; dcgm-exporter answers plain text too."""
    _, kind = told.look(READ).page.text("application/openmetrics-text", "dcgm")
    assert kind.startswith("text/plain")
