"""Where this code runs: which notebook and cell, what kind of front end, and whether more cells wait behind it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any


def shell() -> Any | None:
    """The running IPython shell; None in plain Python (and IPython is not imported to find out)."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def kernel() -> Any | None:
    """The ipykernel behind the shell; None in a terminal."""
    return getattr(shell(), "kernel", None)


def notebook() -> str | None:
    """Path of the notebook as the Jupyter server names it."""
    return os.environ.get("JPY_SESSION_NAME") or None


def kernel_id() -> str | None:
    """The id by which the Jupyter server knows this kernel, from the name of its connection file."""
    app = getattr(kernel(), "config", {}).get("IPKernelApp", {})
    name = Path(str(app.get("connection_file", ""))).name
    found = re.fullmatch(r"kernel-(.+)\.json", name)
    return found[1] if found else None


def _parent() -> dict[str, Any]:
    get_parent = getattr(shell(), "get_parent", None)
    return dict(get_parent() or {}) if get_parent else {}


def cell_id() -> str | None:
    """Id of the cell that runs now; only front ends that show cells say it."""
    found = _parent().get("metadata", {}).get("cellId")
    return found if isinstance(found, str) else None


def count() -> int | None:
    """The number that the running cell will carry."""
    running = shell()
    typed = running.user_ns.get("In", ()) if running is not None else ()
    return len(typed) - 1 if len(typed) > 1 else None


def unattended() -> bool:
    """Whether the cells are run by a program (nbclient, papermill): it names no cell, can answer no question, and stops
    listening when the last cell is done."""
    parent = _parent()
    return not cell_id() and parent.get("content", {}).get("allow_stdin") is False


def more_cells_wait() -> bool:
    """Whether the front end has sent more cells that wait for this one. To be asked in the kernel's main thread."""
    running = kernel()
    if running is None or unattended():
        return False
    lock = getattr(running, "_main_asyncio_lock", None)
    if getattr(lock, "_waiters", None) or _queued(running):
        return True
    stream = _stream(running)
    if stream is None or not stream.socket.poll(0):
        return False
    # Looking at the socket may have used up its wake-up: have the loop look again.
    stream.io_loop.add_callback(stream.flush)
    return True


def _queued(running: Any) -> bool:
    queue = getattr(running, "msg_queue", None)  # ipykernel 6
    return queue is not None and queue.qsize() > 0


def _stream(running: Any) -> Any | None:
    """The stream by which requests reach the main thread: a pair of ipykernel 7's shell channel, or the shell's own."""
    channel = getattr(running, "shell_channel_thread", None)
    if channel is None:
        return getattr(running, "shell_stream", None)
    pair = channel.manager.get_shell_channel_to_subshell_pair(None)
    return getattr(pair, "to_stream", None)
