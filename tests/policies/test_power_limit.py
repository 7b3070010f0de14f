"""The power limit, set by a process of its own on the fake driver: what it was, what it is, and who may."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import PolicyError
from jupyter_gpumon.server.policies.power_limit import set_limit

NO_PERMISSION, LOST = 4, 15
SETTER = "nvmlDeviceSetPowerManagementLimit"


UUID = "GPU-fa4e0000-5c1b-4d2e-9f30-0000a11ce000"
"""Of the fake driver's first board."""


@pytest.fixture
def board(fake_nvml, monkeypatch):
    """``board(errors={…})``: the UUID of a GPU whose limit is 700 W, for the processes that this one starts."""

    def make(**keys) -> str:
        for name, value in fake_nvml(gpus=1, **keys).variables.items():
            monkeypatch.setenv(name, value)
        return UUID

    return make


@pytest.mark.parametrize(("limit", "after"), [(400, 400), (0.8, 560), (300.0, 300)])
def test_it_is_lowered_to_watts_or_to_a_share(board, limit, after):
    """And it is known what it was, to be put back."""
    assert set_limit(board(), limit) == (700, after)


def test_who_may_not_is_told_who_can(board):
    """The command, with the board and the watts."""
    uuid = board(errors={SETTER: NO_PERMISSION})
    with pytest.raises(PolicyError, match=rf"only root may .* nvidia-smi -i {uuid} -pl 400"):
        set_limit(uuid, 400)


def test_a_limit_below_the_boards_least_is_refused(board):
    """With what it takes."""
    with pytest.raises(PolicyError, match="no limit below 200 W"):
        set_limit(board(), 100)


def test_what_the_driver_says_is_said(board):
    """In a sentence, not a traceback."""
    uuid = board(errors={SETTER: LOST})
    with pytest.raises(PolicyError, match="the limit cannot be set: GPU is lost"):
        set_limit(uuid, 400)
