"""The table of XIDs: whole, and with something to do for each."""

from __future__ import annotations

from jupyter_gpumon import xids
from jupyter_gpumon.findings import LEVELS


def test_every_xid_has_a_name_a_level_and_steps():
    """All of NVIDIA's catalogue; the names are told apart where the codes are."""
    found = xids.table()
    assert len(found) >= 157
    assert all(xid.name and xid.level in LEVELS and xid.steps for xid in found.values())
    assert all(code == xid.code for code, xid in found.items())


def test_the_grave_ones_are_grave_and_what_follows_from_another_alarms_nobody():
    """As DCGM has those that are always watched; 43, 45 and 63 by themselves are no alarm."""
    assert all(xids.of(code).level == "critical" for code in xids.DEVASTATING)
    assert not any(xids.of(code).alarms for code in (37, 43, 45, 63, 106, 107))
    assert xids.of(94).level == xids.of(31).level == xids.of(13).level == "warning"
    assert xids.of(154).alarms
    assert xids.of(79).title == "XID 79: GPU has fallen off the bus"


def test_an_unknown_one_is_a_warning():
    """A newer driver may know more; NVIDIA's catalogue says what it is."""
    assert xids.CATALOGUE in xids.of(9999).steps[0]
    assert (xids.of(9999).title, xids.of(9999).level, bool(xids.of(9999).steps)) == ("XID 9999", "warning", True)
