"""Names of processes that Linux cut inside a letter: it keeps 15 bytes, and a letter may take two or more of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_gpumon.kernel.work import tree
from jupyter_gpumon.model import Process, Sample
from jupyter_gpumon.server.owners import Kernels, Owners
from jupyter_gpumon.wire import decode, encode

CUT = "обучени\ufffd"
"""What is left of ``обучение_модели``: seven letters, and half of one."""


@pytest.fixture
def program(tmp_path: Path):
    """A process of that name, which waits."""
    path = tmp_path / "обучение_модели"
    path.symlink_to(sys.executable)
    waits = "print(flush=True); input()"
    with subprocess.Popen([path, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        running.stdout.readline()  # it has the name only once it is started
        yield running.pid
        running.communicate()


def test_a_name_that_was_cut_inside_a_letter_can_be_sent(program):
    """The stream, the sinks and the files take it; the half letter is shown as one that cannot be read."""
    owners = Owners(server=os.getpid())
    owners.kernels = Kernels(pids={program: "k1"})
    named = owners.named(Process(uuid="GPU-0", pid=program))
    assert named.name == CUT
    assert decode(encode(Sample(time=0, mono=0, processes=(named,)))).processes[0].name == CUT


def test_the_memory_of_a_process_whose_name_was_cut_is_known(program):
    """Its CPU time and memory are read beside the name, which may hold anything."""
    assert tree(program).memory > 0
