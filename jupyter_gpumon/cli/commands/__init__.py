"""The commands' names, options and help, a module a group; what a command needs is imported when it runs."""

from __future__ import annotations

from . import (
    advising,
    alerting,
    checking,
    dashboards,
    doctor,
    experiments,
    health,
    looking,
    recording,
    reporting,
    running,
    serving,
)

GROUPS = (
    looking.app, recording.app, reporting.app, advising.app, running.app, experiments.app, serving.app,
    dashboards.app, alerting.app, checking.app, health.app, doctor.app,
)  # fmt: skip
"""In the order in which ``gpumon --help`` lists them."""
