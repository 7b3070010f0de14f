"""RAPL read from a tree of files like sysfs: what counts, what does not, wraps and rights."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_gpumon.sources.rapl import Rapl

RANGE = 262_143_328_850


def zone(root: Path, path: str, name: str, microjoules: int, limit: int | None = RANGE) -> Path:
    """One zone as the kernel shows it; its counter's file."""
    folder = root / "sys/class/powercap" / path
    folder.mkdir(parents=True)
    (folder / "name").write_text(name + "\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    if limit:
        (folder / "max_energy_range_uj").write_text(f"{limit}\n")
    return folder / "energy_uj"


def test_packages_and_memory_are_summed(tmp_path):
    """Two sockets and their DRAM count; psys, which contains them, and core, which they contain, do not."""
    first = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 7_000_000)
    zone(tmp_path, "intel-rapl:2", "psys", 90_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 3_000_000)
    dram = zone(tmp_path, "intel-rapl:0:1", "dram", 1_000_000)
    rapl = Rapl(tmp_path)
    assert rapl.read() == (12.0, 1.0)
    first.write_text("5500000\n")
    dram.write_text("1250000\n")
    assert rapl.read() == (12.5, 1.25)
    assert rapl.absent == {}
    rapl.close()


def test_a_counter_that_wraps_goes_on_growing(tmp_path):
    """Past max_energy_range_uj it begins at 0 again: the joules do not."""
    counter = zone(tmp_path, "intel-rapl:0", "package-0", RANGE - 1_000_000)
    rapl = Rapl(tmp_path)
    before = rapl.read()[0]
    counter.write_text("2000000\n")
    assert rapl.read()[0] - before == pytest.approx(3.0)
    rapl.close()


def test_a_counter_of_unknown_range_never_goes_back(tmp_path):
    """Without its range a fall is taken as a new beginning."""
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 8_000_000, limit=None)
    rapl = Rapl(tmp_path)
    before = rapl.read()[0]
    counter.write_text("500000\n")
    assert rapl.read()[0] - before == pytest.approx(0.5)
    rapl.close()


def test_a_zone_shown_twice_counts_once(tmp_path):
    """Two dies with one counter, and the MMIO view of a package beside the MSR's."""
    zone(tmp_path, "intel-rapl:0", "package-0-die-0", 5_000_000)
    zone(tmp_path, "intel-rapl:1", "package-0-die-1", 5_000_000)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 4_999_000)
    rapl = Rapl(tmp_path)
    assert rapl.read()[0] == 5.0
    rapl.close()


def test_mmio_serves_where_there_is_no_msr(tmp_path):
    """Some laptops show only that."""
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 2_000_000)
    rapl = Rapl(tmp_path)
    assert rapl.read() == (2.0, None)
    assert rapl.absent["dram_energy"].startswith("unsupported")
    rapl.close()


def test_none_is_unsupported_and_not_zero(tmp_path):
    """A virtual machine has no zones."""
    rapl = Rapl(tmp_path)
    assert rapl.read() == (None, None)
    assert all(reason.startswith("unsupported") for reason in rapl.absent.values())
    assert set(rapl.absent) == {"cpu_energy", "dram_energy"}


def test_without_the_right_it_says_how_to_get_it():
    """Root only, as kernels have been since 2020: the reason holds the command that changes it."""
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, whose parents only root may enter
        root = Path(folder)
        zone(root, "intel-rapl:0", "package-0", 2_000_000).chmod(0 if os.getuid() else 0o400)
        for path in (root, *root.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        reason = as_nobody(lambda: Rapl(root).absent.get("cpu_energy", "readable"))
    assert reason.startswith("permission: ")
    assert "chmod a+r" in reason


def as_nobody(ask: Callable[[], str]) -> str:
    """What a process without root's rights answers: root may read everything."""
    if os.getuid():
        return ask()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            os.write(write_end, ask().encode())
        finally:
            os._exit(0)  # whatever happens: the child must not go on with the tests
    os.waitpid(child, 0)
    answer = os.read(read_end, 4096).decode()
    os.close(read_end)
    os.close(write_end)
    return answer


def test_a_counter_that_stops_answering_is_unknown_from_then_on(tmp_path):
    """Not 0, and not the last value for ever."""
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000)
    rapl = Rapl(tmp_path)
    counter.write_text("")
    assert rapl.read()[0] is None
    assert rapl.absent["cpu_energy"].startswith("error")
    counter.write_text("3000000")
    assert rapl.read()[0] == 3.0
    assert "cpu_energy" not in rapl.absent
    rapl.close()
