"""SIGSTOP and SIGCONT on real processes, and what may not be signalled."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from jupyter_gpumon.errors import PolicyError
from jupyter_gpumon.server.owners import Kernels, Owners
from jupyter_gpumon.server.policies.checked import checked, pause, resume

COUNTS = (
    "import sys\nn = 0\nwhile True: n += 1; sys.stdout.write('x'); sys.stdout.flush(); __import__('time').sleep(0.01)"
)


@pytest.fixture
def child():
    """A process that writes, of the kernel "k"; and one of nobody."""
    process = subprocess.Popen([sys.executable, "-c", COUNTS], stdout=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def owners(child):
    """They know the child as kernel "k"."""
    found = Owners()
    found.kernels = Kernels(pids={child.pid: "k"}, notebooks={"k": "a.ipynb"})
    return found


def test_a_paused_process_stands_still_and_goes_on(child, owners):
    """It keeps what it has."""
    processes = checked([child.pid], "k", owners)
    assert pause(processes) == 1
    end = time.monotonic() + 60
    while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < end
    assert resume(processes) == 1
    while psutil.Process(child.pid).status() == psutil.STATUS_STOPPED:
        assert time.monotonic() < end


@pytest.mark.parametrize("untouchable", [os.getpid(), os.getppid()], ids=["this", "its parent"])
def test_this_server_and_what_started_it_are_not_touched(untouchable, owners):
    """Whatever a finding says."""
    with pytest.raises(PolicyError, match="is this server"):
        checked([untouchable], "k", owners)


@pytest.fixture
def anothers(child, monkeypatch):
    """pid of a process of another user: a real one where this user may start such, else the child, seen by another."""
    if os.getuid() != 0:
        monkeypatch.setattr(os, "getuid", lambda: 4711)
        yield child.pid
        return
    process = subprocess.Popen(["sleep", "60"], user="nobody")
    yield process.pid
    process.kill()
    process.wait()


def test_another_users_process_is_refused(anothers):
    """By its uid, just before the signal; though it were a descendant of the kernel."""
    owners = Owners()
    owners.kernels = Kernels(pids={anothers: "k"}, notebooks={"k": "a.ipynb"})
    with pytest.raises(PolicyError, match="belongs to another user"):
        checked([anothers], "k", owners)
    assert psutil.Process(anothers).status() != psutil.STATUS_STOPPED


def test_a_process_that_is_of_another_kernel_now_is_refused(child, owners):
    """Or of none."""
    with pytest.raises(PolicyError, match="is not of that kernel any more"):
        checked([child.pid], "other", owners)


def test_a_process_that_has_ended_is_nobody(child, owners):
    """And its pid is not signalled."""
    child.kill()
    child.wait()
    with pytest.raises(PolicyError, match="have ended"):
        checked([child.pid], "k", owners)
