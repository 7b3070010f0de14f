"""What the server's process has in memory because of us."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "sqlalchemy",
    "numpy",
    "pandas",
    "bqplot",
    "ipywidgets",
    "pyarrow",
    "plotly",
    "apprise",
    "opentelemetry",
    "pynvml",
)


def test_a_server_imports_nothing_heavy_before_it_is_asked_for():
    """Databases, tables and charts come with the sink, the store or the route that needs them."""
    look = (
        "import sys, jupyter_server.serverapp; before = set(sys.modules); import jupyter_gpumon.server.app; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()
    assert "jupyter_gpumon" in told
    assert not set(told) & set(HEAVY)
