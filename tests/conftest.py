"""Fixtures shared by all tests; the fake driver, the server and the browser bring their own beside them."""

from __future__ import annotations

import importlib.util

pytest_plugins = ["pytest_jupyter.jupyter_server"]
if importlib.util.find_spec("tests.fakenvml.fixtures"):
    pytest_plugins.append("tests.fakenvml.fixtures")
