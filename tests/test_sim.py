"""Simulated GPUs keep the promises of every backend, and their physics hold together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from jupyter_gpumon.clock import FakeClock, SystemClock
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.metrics import METRICS
from jupyter_gpumon.sources.sim import SCRIPTS, SimBackend, open_backend
from jupyter_gpumon.sources.sim.boards import MODELS, NVLINK5, RETIRED
from tests.contracts.backend import PROMISES

ALL = frozenset(METRICS)


def opened(clock: FakeClock, **params: object) -> SimBackend:
    return open_backend({name: str(value) for name, value in params.items()}, clock)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_it_is_a_backend(promise, script):
    """Every promise of a backend, with every script."""
    clock = FakeClock()
    promise(opened(clock, gpus=3, script=script), clock.advance)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_a_backend(model):
    """Boards that lack metrics say so for each."""
    for promise in PROMISES:
        clock = FakeClock()
        promise(opened(clock, model=model, script="training"), clock.advance)


def test_an_h200_has_all_that_a_real_one_has():
    """Only what no H200 has is absent, and of a busy one nothing else."""
    clock = FakeClock()
    backend = opened(clock, script="training")
    clock.advance(5)
    assert set(backend.devices()[0].absent) == {"fan", *RETIRED, "vgpu_licensed", *NVLINK5}
    assert backend.hello.simulated


def test_energy_is_the_integral_of_power():
    """Over ten minutes of training the counter grows by the mean of the power readings times the time."""
    clock = FakeClock()
    backend = opened(clock, script="inference", gpus=1, period=0.1)
    uuid = backend.devices()[0].uuid
    clock.advance(1)
    first, total, begun = backend.energy(uuid), 0.0, clock.mono()
    for _ in range(6000):
        clock.advance(0.1)
        total += 0.1 * backend.read(frozenset({"power"}))[0].power
    grown = backend.energy(uuid) - first
    assert grown == pytest.approx(total, rel=0.01)
    assert 75 < grown / (clock.mono() - begun) < 700


def test_the_counter_is_updated_once_per_period():
    """Between two updates it stands still, and they come 100 ms apart."""
    clock = FakeClock()
    backend = opened(clock, script="training")
    uuid, updates, last = backend.devices()[0].uuid, [], None
    for _ in range(4000):
        clock.advance(0.001)
        value = backend.energy(uuid)
        if last is not None and value != last:
            updates.append(clock.mono())
        last = value
    assert 39 <= len(updates) <= 41
    assert all(b - a == pytest.approx(0.1, abs=0.0021) for a, b in pairwise(updates))


def test_the_same_seed_gives_the_same_day():
    """Two runs agree to the last digit, however often each looks; another seed does not."""

    def run(seed: int, steps: int) -> object:
        clock = FakeClock()
        backend = opened(clock, script="training", seed=seed)
        for _ in range(steps):
            clock.advance(8.0 / steps)
            backend.read(ALL)
        return [(gpu.uuid, gpu.power, gpu.energy, gpu.temperature) for gpu in backend.read(ALL)]

    assert run(1, 8) == run(1, 32)
    assert run(1, 8) != run(2, 8)


def test_heat_and_power_cap_hold_the_clock_back():
    """Throttling: the limit is kept, heat comes later, the clock falls, and the time held back is counted."""
    clock = FakeClock()
    backend = opened(clock, script="throttle")
    clock.advance(6)
    early = backend.read(ALL)[0]
    clock.advance(60)
    late = backend.read(ALL)[0]
    assert early.clock_events == ("power_cap",)
    assert "thermal" in late.clock_events
    assert late.clock_sm < early.clock_sm < 1.98e9
    assert late.power < early.power <= early.power_limit == 700
    assert late.temperature >= 86
    assert early.held_thermal == 0 < late.held_thermal < late.held_power_cap <= 66


def test_memory_leaks_until_it_is_full_and_processes_hold_it():
    """The leak grows all the time; the memory is the processes' memory."""
    clock = FakeClock()
    backend = opened(clock, script="leak")
    used = []
    for _ in range(5):
        clock.advance(20)
        gpu = backend.read(ALL)[0]
        used.append(gpu.memory_used)
        mine = [process for process in backend.processes() if process.uuid == gpu.uuid]
        assert sum(process.memory for process in mine) == pytest.approx(gpu.memory_used)
        assert gpu.memory_used + gpu.memory_free + gpu.memory_reserved == gpu.memory_total
    assert used == sorted(used)
    assert used[-1] > 2 * used[0]


def test_a_lost_gpu_comes_back_with_its_counters_at_zero():
    """From 20 s to 40 s the second GPU is lost, with XID 79; the first goes on; a reset brings it back."""
    clock = FakeClock()
    backend = opened(clock, script="lost")
    good, bad = (device.uuid for device in backend.devices())
    clock.advance(19)
    before = backend.energy(bad)
    clock.advance(2)
    lost = {device.uuid: device for device in backend.devices()}[bad]
    assert (lost.state, set(lost.absent.values())) == ("lost", {"lost"})
    assert [gpu.uuid for gpu in backend.read(ALL)] == [good]
    assert backend.energy(bad) is None
    assert [(event.code, event.uuid) for event in backend.events()] == [(79, bad)]
    assert list(backend.events()) == []
    clock.advance(20)
    assert [device.state for device in backend.devices()] == ["ok", "ok"]
    assert backend.energy(bad) < before


def test_ecc_errors_come_with_their_xids():
    """Corrected errors first; then one that is not, with row remapping and a wish for a reset."""
    clock = FakeClock()
    backend = opened(clock, script="ecc")
    clock.advance(12)
    assert backend.read(ALL)[1].ecc_corrected == 1
    clock.advance(20)
    bad = backend.read(ALL)[1]
    assert (bad.ecc_uncorrected, bad.remap_pending, bad.recovery_action) == (1, 1, 1)
    assert {event.code for event in backend.events()} == {94, 63}
    assert backend.read(ALL)[0].ecc_uncorrected == 0


def test_a_split_board_shows_its_instances():
    """Three instances with an empty place between them; what only the board knows is absent by MIG."""
    clock = FakeClock()
    backend = opened(clock, script="mig", gpus=2)
    clock.advance(5)
    board, *instances, other = backend.devices()
    assert [device.label for device in instances] == ["gpu0:0", "gpu0:1", "gpu0:3"]
    assert {device.parent for device in instances} == {board.uuid}
    assert (board.mig, other.mig) == (True, False)
    assert board.absent["utilization"] == instances[0].absent["power"] == "mig"
    assert sum(device.slices for device in instances) <= 1
    read = {gpu.uuid: gpu for gpu in backend.read(ALL)}
    assert read[instances[0].uuid].sm_activity is not None
    assert backend.energy(instances[0].uuid) is None


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"gpu": "2"}, "it takes gpus, script, seed, model and period"),
        ({"gpus": "0"}, "from 1 to 64"),
        ({"gpus": "many"}, "from 1 to 64"),
        ({"script": "dance"}, "training"),
        ({"model": "Voodoo"}, "H200"),
        ({"period": "nan"}, "from 0.01 to 10"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_right(params, said):
    """Nothing is guessed, and the text says what can be."""
    with pytest.raises(SourceError, match=said):
        open_backend(params)


@pytest.fixture
def kernel():
    """A real process whose command line is a kernel's; it computes for 2.5 s of CPU time whenever it is sent a line."""
    code = "import sys\nfrom time import process_time as cpu\n"
    code += "for _ in sys.stdin:\n end = cpu() + 2.5\n while cpu() < end: pass"
    process = subprocess.Popen([sys.executable, "-c", code, "ipykernel_launcher"], stdin=subprocess.PIPE)
    yield process
    process.stdin.close()
    process.wait(60)


def test_the_notebook_script_follows_a_real_kernel(kernel):
    """A kernel that computes makes its GPU busy and its memory grow; its process is there with its real pid."""
    backend = SimBackend(
        gpus=2, script="notebook", seed=0, model=MODELS["H200"], period=0.1, clock=SystemClock(), parent=os.getpid()
    )
    backend.read(ALL)
    idle = until(lambda: [p for p in backend.processes() if p.pid == kernel.pid], 60)[0]
    kernel.stdin.write(b"\n")
    kernel.stdin.flush()
    busy = until(lambda: [g for g in backend.read(ALL) if g.uuid == idle.uuid and g.utilization > 0.2], 60)[0]
    assert busy.power > 100
    row = next(process for process in backend.processes() if process.pid == kernel.pid)
    assert row.memory > idle.memory
    kernel.stdin.close()
    kernel.wait(60)
    until(lambda: not backend.processes(), 60)


def until(ask, seconds):
    """What ``ask`` says as soon as it says something; fails when it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds} s")
