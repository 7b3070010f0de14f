"""The checkup's judgement in DCGM's numbers: 0 well, 10 with a warning, 20 failed; under our names and under DCGM's.

What is not known, or not yet, is not said to be well: it has no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..checkups import Patient, Watched
from ..health import RULES, WATCHES
from .families import Families
from .following import Following
from .names import GPU, gpu_labels

STATUS = {"pass": 0, "warn": 10, "fail": 20}
"""State of a watch → DCGM's number."""
_WATCHES = {"xids": "ALL"} | {watch.name: watch.dcgm for watch in WATCHES if watch.dcgm}
_CODES = {rule.id: rule.code for rule in RULES} | {"health-xid": "XID_ERROR", "health-lost": "FIELD_VIOLATION"}


class Verdict(NamedTuple):
    """What a watch says, as DCGM says it."""

    status: int
    code: str


def watches(following: Following, uuid: str) -> dict[str, Verdict]:
    """DCGM's name of a watch → verdict, of those of which anything is known."""
    patient = following.checkup.patient(uuid)
    found = _known(patient) if patient else ()
    return {_WATCHES[each.watch]: _verdict(each) for each in found if each.watch in _WATCHES}


def _known(patient: Patient) -> Iterator[Watched]:
    return (each for each in patient.watches if each.state in STATUS)


def _verdict(watched: Watched) -> Verdict:
    code = _CODES[watched.findings[0].rule] if watched.findings else "OK"
    return Verdict(STATUS[watched.state], f"DCGM_FR_{code}")


def collect(found: Families, following: Following) -> None:
    """Add ``gpumon_gpu_health``, as far as what is known still holds; of a lost GPU, too."""
    family = found.gauge(GPU + "health", "How a watch stands: 0 well, 10 with a warning, 20 failed.")
    if not following.fresh:
        return
    for device in following.hello.devices:
        patient = following.checkup.patient(device.uuid)
        for each in _known(patient) if patient else ():
            family.add(gpu_labels(device, following.hello).plus(watch=each.watch), STATUS[each.state])
