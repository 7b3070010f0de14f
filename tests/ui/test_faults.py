"""Every fault, on a real agent and a fake driver: one JupyterLab that is never restarted, one page never reloaded.

Each time: the page says what is the matter, the log says it once, and when the fault is over the page is live again.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.fakenvml import Scenario, Xid

from .conftest import SCREENSHOTS, Page, says
from .faulty import FaultyLab

pytestmark = pytest.mark.ui

UNLOADED, UPGRADED = {"*": 9}, {"*": 18}
HEALTHY = {"gpus": 2, "power": "300", "utilization": 90}
NUMBERS = "([...document.querySelectorAll('#jp-gpumon .jp-GpuMon-card')].map(c => c.innerText))"


class Watched:
    """One page, looking at one server."""

    def __init__(self, view: Page, server: FaultyLab) -> None:
        self.view, self.server, self.driver = view, server, server.driver
        self.panel = view.panel

    def note(self, words: str, seconds: float = 40) -> str:
        """Wait for a warning with these words at the top of the panel; the whole of it."""
        warning = self.panel.locator(".jp-GpuMon-note.jp-mod-warning", has_text=words)
        warning.wait_for(timeout=seconds * 1000)
        return str(warning.inner_text())

    def happened(self, words: str, seconds: float = 40) -> str:
        """Wait for an entry with these words under "What happened"; the whole of it."""
        entry = self.panel.locator(".jp-GpuMon-happening", has_text=words).first
        entry.wait_for(timeout=seconds * 1000)
        return str(entry.inner_text())

    def truth(self) -> str:
        """The line at the bottom."""
        return str(self.panel.locator(".jp-GpuMon-truth").inner_text())

    def live(self, seconds: float = 30) -> None:
        """Wait until there are no warnings, the page says that it is live, and a new power reading has come."""
        watts = 100 + int(time.monotonic() * 1000) % 500
        self.panel.locator(".jp-GpuMon-truth.jp-mod-live").wait_for(timeout=seconds * 1000)
        self.panel.locator(".jp-GpuMon-note.jp-mod-warning").wait_for(state="detached")
        self.driver.power(watts)
        fresh = f"() => /\\b{watts} (\\/|W)/.test(document.querySelector('#jp-gpumon').innerText)"
        self.view.wait(fresh, seconds=seconds)

    def picture(self, name: str, dark: bool = False) -> None:
        """Keep a picture of the panel, to be looked at."""
        if dark:
            self.view.run("apputils:change-theme", theme="JupyterLab Dark")
            self.view.wait("() => document.body.dataset.jpThemeLight === 'false'")
            self.view.page.wait_for_timeout(1000)
            self.picture(name)
            self.view.run("apputils:change-theme", theme="JupyterLab Light")
            self.view.wait("() => document.body.dataset.jpThemeLight === 'true'")
            return
        self.panel.screenshot(path=SCREENSHOTS / f"fault-{name}.png")


def opened(chromium, server: FaultyLab) -> Page:
    """A page with the panel, which remembers whether it was ever loaded anew."""
    context = chromium.new_context(viewport={"width": 1000, "height": 950})
    context.set_default_timeout(40_000)
    view = Page(context.new_page(), server).open().show()
    view.page.evaluate("window.neverReloaded = true")
    return view


@pytest.fixture(scope="module")
def servers(fakenvml_library, tmp_path_factory) -> Iterator[Callable[..., FaultyLab]]:
    """``servers(gpus=2, …)``: a JupyterLab on a fake driver of its own."""
    running: list[FaultyLab] = []

    def start(**scenario: object) -> FaultyLab:
        running.append(FaultyLab(tmp_path_factory.mktemp("faulty"), **scenario))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def bare(chromium, servers) -> Iterator[Watched]:
    """A machine without the NVIDIA driver; begun first, since the driver is looked for once a minute only."""
    server = servers(library=False)
    view = opened(chromium, server)
    yield Watched(view, server)
    view.page.context.close()


@pytest.fixture(scope="module")
def two(chromium, servers) -> Iterator[Watched]:
    """Two GPUs, and a page that is open all the while."""
    server = servers(**HEALTHY)
    view = opened(chromium, server)
    pid = server._process.pid
    yield Watched(view, server)
    assert view.page.evaluate("window.neverReloaded")
    assert view.errors == []
    assert server._process.pid == pid
    assert server._process.poll() is None
    view.page.context.close()


@pytest.fixture
def watched(bare, two) -> Watched:
    """The page on two healthy GPUs, live; the log is read from here on."""
    two.driver.write(Scenario(**HEALTHY, epoch=two.driver.scenario.get("epoch")))
    two.live(60)
    two.server.listen()
    return two


def test_no_library(bare):
    """No NVIDIA driver on this machine: a way out is said, and the host is shown all the same."""
    said = bare.note("No NVIDIA driver")
    bare.picture("no-library")
    assert "--source sim" in said
    bare.panel.locator("[data-section=host] .jp-GpuMon-meter").first.wait_for(timeout=40_000)
    assert len(bare.server.warnings()) == 1
    bare.server.install()


def test_the_driver_is_not_loaded(watched):
    """modprobe -r and back: what to do is said, the last numbers are no longer shown as if they were true."""
    watched.driver.update(init_error=9, errors=UNLOADED)
    said = watched.note("The NVIDIA driver is not loaded")
    watched.picture("no-driver")
    assert "modprobe nvidia" in said
    assert "no GPU numbers" in watched.truth()
    assert watched.panel.locator(".jp-mod-stale .jp-GpuMon-meter").count() > 0
    watched.driver.update(init_error=0, errors={})
    watched.live()
    assert len(watched.server.warnings()) == 1


def test_driver_and_library_differ(watched):
    """An upgrade of the driver under a running Jupyter: another agent is started until one can speak to it."""
    agent = watched.server.agent
    watched.driver.update(init_error=18, errors=UPGRADED)
    said = watched.note("different versions")
    watched.picture("mismatch")
    assert "reboot the machine" in said
    deadline = time.monotonic() + 60
    while watched.server.agent == agent:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    watched.driver.update(init_error=0, errors={})
    watched.live()
    assert len(watched.server.warnings()) == 1


def test_one_function_is_not_supported(watched):
    """A dash, and why; all else is there. Nothing in the log: it is no fault."""
    watched.driver.update(init_error=9, errors=UNLOADED)
    watched.note("not loaded")
    watched.server.listen()
    rules = {"nvmlDeviceGetTemperature": 3, "nvmlDeviceGetTemperatureV": 3}
    watched.driver.update(init_error=0, errors=rules)
    watched.live()
    heat = watched.panel.locator(".jp-GpuMon-meter", has_text="Temp.").first
    watched.picture("unsupported")
    says(heat, "—")
    assert "does not report it" in (heat.get_attribute("title") or heat.inner_html())
    assert watched.server.warnings() == []


def test_one_gpu_is_lost_and_comes_back(watched):
    """Its card says so, the other goes on; the log says it once."""
    watched.driver.lose(1)
    card = watched.panel.locator(".jp-GpuMon-card").nth(1)
    card.locator(".jp-GpuMon-detail", has_text="fallen off the bus").wait_for(timeout=40_000)
    watched.happened("fallen off the bus")
    watched.picture("one-lost")
    watched.picture("one-lost-dark", dark=True)
    says(watched.panel.locator(".jp-GpuMon-card").first, "W")
    assert "live" in watched.truth()
    watched.driver.bring_back(1)
    watched.happened("is back", 40)
    watched.view.wait(f"() => /\\d W/.test({NUMBERS}[1])")
    watched.live()
    assert len(watched.server.warnings()) == 1


def test_all_gpus_are_lost_and_come_back(watched):
    """No numbers at all, and why."""
    for gpu in range(2):
        watched.driver.lose(gpu)
    said = watched.note("All GPUs have fallen off the bus")
    watched.picture("all-lost")
    assert "reboot" in said
    for gpu in range(2):
        watched.driver.bring_back(gpu)
    watched.live(60)
    assert len(watched.server.warnings()) == 1


def test_a_call_hangs(watched):
    """Since when, within seconds; Jupyter goes on; when the call returns, so does the watched."""
    watched.driver.hang("nvmlDeviceGetUtilizationRates", 60.0)
    said = watched.note("not responding since")
    watched.picture("hung")
    assert re.search(r"since \d\d:\d\d:\d\d", watched.truth())
    assert "by itself" in said
    watched.server.api("api/status")
    watched.driver.hang("nvmlDeviceGetUtilizationRates", None)
    watched.live()
    assert len(watched.server.warnings()) == 1


def test_the_agent_is_killed(watched):
    """kill -9: another one within seconds."""
    agent = watched.server.agent
    os.kill(agent, signal.SIGKILL)
    said = watched.note("being started again")
    watched.picture("killed")
    assert "signal 9" in said
    watched.live()
    assert watched.server.agent != agent
    assert len(watched.server.warnings()) == 1


def test_the_agent_prints_garbage(watched):
    """A few lines are ignored; when there is nothing else, another agent is started."""
    watched.server.print_from_the_agent("Segmentation fault\n" * 3)
    watched.live()
    assert len(watched.server.warnings()) == 1
    agent = watched.server.agent
    watched.server.listen()
    watched.server.print_from_the_agent("garbage\n" * 100)
    watched.note("wrote garbage")
    watched.picture("garbage")
    watched.live()
    assert watched.server.agent != agent
    assert len([line for line in watched.server.warnings() if "started again" in line]) == 1


def test_a_flood_of_events(watched):
    """Two thousand XIDs in two seconds: one entry with a count, one line in the log, and the numbers go on."""
    watched.driver.scenario.events.append(Xid(0, time.monotonic(), 31, count=2000, every=0.001))
    watched.driver.write(watched.driver.scenario)
    watched.happened("Illegal memory access")
    watched.view.wait(
        "() => /×\\s*\\d{3,}/.test(document.querySelector('.jp-GpuMon-happenings').innerText)", seconds=30
    )
    watched.picture("flood")
    watched.live()
    assert len(watched.server.warnings()) == 1


def test_the_clock_is_set_back_by_an_hour(watched):
    """Server and agent see it; it is said, nothing stops, and the charts go on at the new time."""
    watched.server.set_clock(-3600)
    said = watched.happened("The clock was set back by 1 h 0 min")
    watched.picture("clock")
    assert "energy are not affected" in said
    watched.live()
    assert len(watched.server.warnings()) == 1
    watched.server.set_clock(3600)
    watched.happened("The clock was set forward by 1 h 0 min")


def test_the_machine_was_asleep(watched):
    """Two hours with the lid closed: said, and a gap in the charts."""
    watched.server.suspend(7200)
    watched.happened("asleep for 2 h")
    watched.picture("asleep")
    watched.live()
    assert len(watched.server.warnings()) == 1


def test_no_gpu_at_all(watched):
    """The driver answers, but there is nothing: as in a container started without one."""
    watched.driver.update(init_error=9, errors=UNLOADED)
    watched.note("not loaded")
    watched.server.listen()
    watched.driver.update(init_error=0, errors={}, gpus=0)
    said = watched.note("no GPU here")
    watched.picture("none")
    assert "--gpus all" in said
    watched.driver.update(gpus=2)
    watched.live(40)
    assert len(watched.server.warnings()) == 1


def test_sixty_four_gpus(watched):
    """One line each, all with numbers, and the panel is still usable."""
    watched.driver.update(init_error=9, errors=UNLOADED)
    watched.note("not loaded")
    watched.server.listen()
    watched.driver.update(init_error=0, errors={}, gpus=64)
    watched.view.wait("() => document.querySelectorAll('#jp-gpumon .jp-GpuMon-line').length === 64", seconds=40)
    watched.live()
    watched.view.wait("() => [...document.querySelectorAll('.jp-GpuMon-line')].every(l => /\\d W/.test(l.innerText))")
    watched.picture("64")
    says(watched.panel.locator(".jp-GpuMon-footer"), "64 GPUs")
    assert watched.server.warnings() == []


def test_a_library_installed_later_is_found(bare):
    """Within a minute, which has passed when this test is the last."""
    bare.server.install()
    bare.live(90)
    assert len(bare.server.warnings()) == 1
