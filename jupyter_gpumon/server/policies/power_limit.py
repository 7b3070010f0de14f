"""Sets a board's power limit, in a process of its own: ``python -m jupyter_gpumon.server.policies.power_limit``.

The server itself never opens the driver. It may be set by root alone, or with CAP_SYS_ADMIN.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ...errors import PolicyError

_PATIENCE = 20.0
_HINT = "only root may set power limits; an administrator can, by nvidia-smi -i {uuid} -pl {watts:.0f}"


def set_limit(uuid: str, limit: float) -> tuple[float, float]:
    """Lower a limit: to watts, or up to 1 to that share of what it is. The limit before and after, in watts.

    Raises:
        PolicyError: it cannot be lowered so far, or this user may not.
    """
    words = [sys.executable, "-m", "jupyter_gpumon.server.policies.power_limit", uuid, repr(limit)]
    try:
        done = subprocess.run(words, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 — our own words
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as e:
        raise PolicyError("the driver does not answer") from e
    except ValueError as e:
        raise PolicyError("the limit could not be set: " + done.stderr.decode(errors="replace")[-200:].strip()) from e
    if "problem" in answer:
        raise PolicyError(answer["problem"])
    return answer["before"], answer["after"]


def main(uuid: str, limit: float) -> dict[str, Any]:
    """The answer of the process."""
    import pynvml as nvml  # in this process alone: the server never opens the driver

    watts = limit
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
        before = nvml.nvmlDeviceGetPowerManagementLimit(handle) / 1e3
        least, _ = nvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
        watts = round(before * limit if limit <= 1 else limit)
        if watts < least / 1e3:
            return {"problem": f"the board takes no limit below {least / 1e3:.0f} W"}
        nvml.nvmlDeviceSetPowerManagementLimit(handle, int(watts * 1e3))
    except nvml.NVMLError_NoPermission:
        return {"problem": _HINT.format(uuid=uuid, watts=watts)}
    except nvml.NVMLError as e:
        return {"problem": f"the limit cannot be set: {e}"}
    return {"before": before, "after": float(watts)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], float(sys.argv[2]))))
