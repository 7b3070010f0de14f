"""Whose kernel is to blame; and when it cannot be told, or is somebody else's, none is."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import PolicyError
from jupyter_gpumon.findings import Finding
from jupyter_gpumon.model import Process
from jupyter_gpumon.server.policies.guilt import guilty

GB = 1e9


def finding(**more) -> Finding:
    return Finding(rule="full", title="Full", **({"uuid": "GPU-0"} | more))


def own(kernel: str | None, memory: float | None, pid: int, uuid: str = "GPU-0") -> Process:
    notebook = f"{kernel}.ipynb" if kernel else None
    return Process(uuid=uuid, pid=pid, memory=memory, own=True, kernel=kernel, notebook=notebook)


def others(memory: float | None, count: int = 1) -> Process:
    return Process(uuid="GPU-0", memory=memory, count=count)


def test_it_is_the_kernel_whose_processes_hold_most():
    """All its processes on that device together; other devices do not count."""
    rows = [own("a", 30 * GB, 1), own("b", 20 * GB, 2), own("b", 20 * GB, 3), own("a", 90 * GB, 4, uuid="GPU-1")]
    found = guilty(finding(), rows)
    assert (found.kernel, found.notebook, found.pids) == ("b", "b.ipynb", (2, 3))


def test_a_finding_may_name_it():
    """By kernel, by notebook or by pid."""
    rows = [own("a", 30 * GB, 1), own("b", 10 * GB, 2)]
    assert guilty(finding(kernel="b"), rows).pids == (2,)
    assert guilty(finding(notebook="b.ipynb"), rows).kernel == "b"
    assert guilty(finding(pid=2), rows).kernel == "b"


@pytest.mark.parametrize(
    ("rows", "said", "why"),
    [
        ([own("a", 30 * GB, 1), others(40 * GB)], {}, "another user's process holds more"),
        ([own("a", 30 * GB, 1), own(None, 40 * GB, 2)], {}, "others hold more"),
        ([others(40 * GB)], {}, "no kernel of this server holds the GPU"),
        ([own("a", None, 1), own("b", None, 2)], {}, "how much each holds is not known"),
        ([own("a", 30 * GB, 1), others(None)], {}, "how much each holds is not known"),
        ([own("a", 30 * GB, 1), Process(uuid="GPU-0", pid=9, memory=GB)], {"pid": 9}, "process 9 belongs to somebody"),
        ([own("a", 30 * GB, 1)], {"pid": 4711}, "process 4711 belongs to somebody"),
        ([own(None, 30 * GB, 1)], {"pid": 1}, "belongs to a terminal"),
        ([own("a", 30 * GB, 1)], {"notebook": "gone.ipynb"}, "holds no GPU any more"),
        ([own("a", 30 * GB, 1)], {"uuid": None}, "about no GPU of its own"),
        (None, {}, "cannot be seen"),
    ],
)
def test_else_it_is_nobody_and_it_is_said_why(rows, said, why):
    """Nothing is done by a guess."""
    with pytest.raises(PolicyError, match=why):
        guilty(finding(**said), rows)


def test_the_only_one_is_to_blame_also_where_memory_is_not_told():
    """Some drivers tell no process's memory."""
    assert guilty(finding(), [own("a", None, 1)]).kernel == "a"
