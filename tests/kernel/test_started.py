"""``gm.start()`` and ``gm.stop()``: a measurement from one call to another."""

from __future__ import annotations


def test_what_lies_between_start_and_stop_is_measured(notebook):
    """Over several cells, one within the other; stop prints what it cost."""
    notebook.run("import jupyter_gpumon as gm, time\ngm.start('outer')")
    assert notebook.reply["status"] == "ok"
    messages = notebook.run("gm.start('inner'); time.sleep(0.3); inner = gm.stop()")
    said = "".join(message["content"]["text"] for message in messages if message["msg_type"] == "stream")
    assert said.startswith("gpumon │ inner: ")
    notebook.run("outer = gm.stop(show=False)")
    assert notebook.value("outer.duration > inner.duration >= 0.3") == "True"
    assert notebook.value("outer.cell.title") == "'outer'"
    notebook.run("gm.stop()")
    assert notebook.reply["ename"] == "RuntimeError"
    assert "start()" in notebook.reply["evalue"]
