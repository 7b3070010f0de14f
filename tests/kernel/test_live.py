"""The live widget in a real kernel, and the still it leaves."""

from __future__ import annotations

from .conftest import displays

VIEW = "application/vnd.jupyter.widget-view+json"


def test_it_moves_while_a_cell_computes_and_leaves_a_still(notebook):
    """Updates come from a thread about once a second; after stop the output holds a picture and no widget."""
    shown = displays(notebook.run("%gpumon"))
    (display,) = [key for key, data in shown.items() if VIEW in data]
    assert "<img" in shown[display]["text/html"]
    busy = notebook.run("import time; end = time.monotonic() + 4\nwhile time.monotonic() < end: sum(range(1000))")
    assert len([m for m in busy if m["msg_type"] == "comm_msg"]) >= 2 * 4 * 2
    stopped = displays(notebook.run("%gpumon stop"), earlier=True)
    assert set(stopped[display]) == {"text/plain", "text/html"}
    assert "<img src=" in stopped[display]["text/html"]
    later = notebook.run("time.sleep(2)")
    assert not [m for m in later if m["msg_type"] == "comm_msg"]


def test_it_goes_on_with_another_source_in_its_place(notebook):
    """%gpumon --source: the same output now shows the new source's one GPU, and keeps moving."""
    shown = displays(notebook.run("%gpumon"))
    (display,) = [key for key, data in shown.items() if VIEW in data]
    assert "gpu1" in shown[display]["text/plain"]
    moved = displays(notebook.run("%gpumon --source sim:gpus=1 units auto"), earlier=True)
    assert set(moved) == {display}
    assert VIEW in moved[display]
    assert "gpu1" not in moved[display]["text/plain"]
    busy = notebook.run("import time; time.sleep(3)")
    assert [m for m in busy if m["msg_type"] == "comm_msg"]
    assert set(displays(notebook.run("%gpumon stop"), earlier=True)) == {display}
