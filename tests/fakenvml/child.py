"""A Python in a process of its own that runs on a fake driver and tells what the unmodified nvidia-ml-py told it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

from .driver import FakeDriver

PRELUDE = """
import json, sys, threading, time
import pynvml as n
from pynvml import *

def code(function, *args, **kwargs):
    "The value, or the number of the error."
    try:
        return function(*args, **kwargs)
    except NVMLError as error:
        return {"error": error.value}

def fields(handle, ids):
    return {f.fieldId: [f.nvmlReturn, f.valueType, f.value.ullVal] for f in nvmlDeviceGetFieldValues(handle, ids)}

def say(value):
    print(json.dumps(value, default=lambda v: v.decode() if isinstance(v, bytes) else dict(v.__dict__)), flush=True)
"""


class Child:
    """A Python that runs on the driver, answers with one line of JSON per ``say``, and goes on at each ``input()``."""

    def __init__(self, driver: FakeDriver, source: str) -> None:
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(source)]
        self.process = subprocess.Popen(
            command, env=driver.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def said(self) -> Any:
        """The next thing it says; its error where it ended instead."""
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def go_on(self) -> None:
        """Let it pass its ``input()``."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Wait for its end."""
        self.process.communicate(timeout=30)
