"""A policy as it is configured, read and checked; nothing of it comes from a browser or a kernel."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from ...errors import PolicyError, RuleError
from ...findings import Action
from ...rules import Threshold, read_rule, write_rule
from ...sinks.notify import masked, variables
from ...sinks.notify.address import SCHEMES

DOES = ("notify", "webhook", "interrupt", "pause", "resume", "stop", "run", "power-limit")
"""What a policy can do, the mildest first."""
TO_KERNELS = ("interrupt", "pause", "stop")
"""What is done to a kernel: it needs a guilty one."""
GRACE = 10.0
"""Seconds of the countdown where the policy does not say: time to read it and to press a button."""
LONGEST = 3600.0

KEYS = ("id", "rule", "when", "for", "clear", "level", "title", "devices", "do", "grace", "dry_run", "to", "command",
        "limit", "undo")  # fmt: skip
_OF_CONDITIONS = ("clear", "level", "title", "devices")
_NEEDS = {"webhook": "to", "run": "command", "power-limit": "limit"}
_TAKES = {"to": ("notify", "webhook"), "command": ("run",), "limit": ("power-limit",), "undo": ("pause", "power-limit")}
_ID = re.compile(r"[a-z][a-z0-9-]{0,63}")


class Policy(Struct, frozen=True, kw_only=True):
    """What is done when which rule fires."""

    id: str
    do: str
    rule: str
    """Id of the rule that it waits for; of its own condition, where it has one."""
    condition: Threshold | None = None
    hold: float = 0.0
    """Seconds for which an alert has to have fired; a condition of its own has its hold itself."""
    grace: float = GRACE
    """Seconds of the countdown."""
    dry_run: bool = False
    """Only say what would be done."""
    to: str = ""
    """A target, as in ``c.GpuMon.notify``; empty is the page. May hold secrets."""
    command: tuple[str, ...] = ()
    limit: float = 0.0
    """Watts; up to 1 a share of the limit that is in force."""
    undo: bool = True
    """Whether what can be undone is, when the alert is over."""

    def told(self) -> dict[str, Any]:
        """What of it may be shown."""
        shown: dict[str, Any] = {"id": self.id, "do": self.do, "grace": self.grace, "dry_run": self.dry_run}
        if self.condition is None:
            shown |= {"rule": self.rule, "for": self.hold}
        else:
            shown |= {
                key: value for key, value in write_rule(self.condition).items() if key in ("when", "for", "clear")
            }
        shown |= {"to": masked(self.to)} if self.to else {}
        shown |= {"command": self.command[0]} if self.command else {}
        return shown | ({"limit": self.limit} if self.limit else {})

    def what(self, action: Action, gpu: str) -> str:
        """What it does, in words, as the end of "will …"."""
        whose = f"of {action.notebook or (action.kernel or '')[:8]}"
        return {
            "notify": f"tell {masked(self.to)}" if self.to else "say so in the page",
            "webhook": f"tell {masked(self.to)}",
            "interrupt": f"interrupt the kernel {whose}",
            "pause": f"pause the processes {whose} on {gpu}",
            "resume": f"let what policies paused on {gpu} go on",
            "stop": f"shut down the kernel {whose}",
            "run": f"run {self.command[0] if self.command else ''}",
            "power-limit": f"lower the power limit of {gpu} to "
            + (f"{self.limit:.0%} of what it is" if self.limit <= 1 else f"{self.limit:g} W"),
        }[self.do]


def read_policy(data: Mapping[str, Any]) -> Policy:
    """A policy out of ``{"id": "full", "when": "memory_used / memory_total > 95 %", "for": 5, "do": "interrupt"}``.

    Raises:
        PolicyError: with the name of the policy, what is wrong, and what may stand there.
    """
    name = data.get("id") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise PolicyError(f'A policy is a table with an id in lower case, {{"id": "full", …}}; not {name!r}.')
    unknown = [str(key) for key in data if key not in KEYS]
    if unknown:
        raise PolicyError(f"The policy {name} says {unknown[0]!r}, which no policy has; it may say {', '.join(KEYS)}.")
    do = data.get("do")
    if do not in DOES:
        raise PolicyError(f'The policy {name}: "do" is one of {", ".join(DOES)}; not {do!r}.')
    _matching(name, do, data)
    condition = _condition(name, data)
    return Policy(
        id=name,
        do=do,
        rule=f"policy-{name}"[:64] if condition is not None else data["rule"],
        condition=condition,
        hold=0.0 if condition is not None else _seconds(name, data, "for", 0.0),
        grace=_seconds(name, data, "grace", GRACE if do in (*TO_KERNELS, "run", "power-limit") else 0.0),
        dry_run=_switch(name, data, "dry_run", False),
        to=_to(name, do, data.get("to", "")),
        command=_command(name, data),
        limit=_limit(name, data),
        undo=_switch(name, data, "undo", True),
    )


def read_policies(data: Iterable[Mapping[str, Any]]) -> tuple[list[Policy], list[str]]:
    """Those that can be used, and what is wrong with the others."""
    found: dict[str, Policy] = {}
    wrong: list[str] = []
    for one in data:
        try:
            policy = read_policy(one)
        except PolicyError as e:
            wrong.append(str(e))
            continue
        if policy.id in found:
            wrong.append(f"Two policies are called {policy.id}: the second one is not used. Give it another id.")
        else:
            found[policy.id] = policy
    return list(found.values()), wrong


def _matching(name: str, do: str, data: Mapping[str, Any]) -> None:
    """Whether what is said belongs together."""
    if ("rule" in data) == ("when" in data):
        raise PolicyError(
            f'The policy {name} waits for a rule ("rule": "gpu-hot") or for a condition ("when"): say one.'
        )
    if "rule" in data and not isinstance(data["rule"], str):
        raise PolicyError(f'The policy {name}: "rule" is the id of a rule, such as gpu-hot.')
    if "rule" in data and (extra := [key for key in _OF_CONDITIONS if key in data]):
        raise PolicyError(f'The policy {name}: "{extra[0]}" goes with "when"; the rule {data["rule"]} has its own.')
    for key, takes in _TAKES.items():
        if key in data and do not in takes:
            raise PolicyError(f'The policy {name}: "{key}" goes with "do": {" or ".join(takes)}.')
    if (needed := _NEEDS.get(do)) is not None and needed not in data:
        raise PolicyError(f'The policy {name}: "do": "{do}" needs "{needed}".')


def _condition(name: str, data: Mapping[str, Any]) -> Threshold | None:
    if "when" not in data:
        return None
    said = {key: data[key] for key in ("when", "for", *_OF_CONDITIONS) if key in data}
    try:
        return read_rule({"id": f"policy-{name}"[:64], "title": str(data["when"])[:200], **said})
    except RuleError as e:
        raise PolicyError(str(e).replace(f"The rule policy-{name}", f"The policy {name}")) from e


def _seconds(name: str, data: Mapping[str, Any], key: str, default: float) -> float:
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise PolicyError(f'The policy {name}: "{key}" is a number of seconds, 0 to {LONGEST:.0f}; not {value!r}.')
    return float(value)


def _switch(name: str, data: Mapping[str, Any], key: str, default: bool) -> bool:
    value = data.get(key, default)
    if not isinstance(value, bool):
        raise PolicyError(f'The policy {name}: "{key}" is True or False; not {value!r}.')
    return value


def _to(name: str, do: str, to: object) -> str:
    if not isinstance(to, str):
        raise PolicyError(f'The policy {name}: "to" is a target, such as apprise:ntfy://topic (docs/notifications.md).')
    if not to:
        return ""
    scheme = to.partition(":")[0]
    if do == "webhook" and scheme in ("http", "https"):
        to, scheme = f"webhook:{to}", "webhook"
    if do == "webhook" and scheme not in ("webhook", "env") and not variables(to):
        raise PolicyError(f'The policy {name}: "to" is to be the address of the webhook, https://host/path.')
    if scheme not in (*SCHEMES, "env"):
        raise PolicyError(f'The policy {name}: "to" begins with {", ".join(f"{s}:" for s in SCHEMES)} or env:NAME.')
    return to


def _command(name: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    said = data.get("command", ())
    words = _words(name, said) if isinstance(said, str) else said
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise PolicyError(
            f'The policy {name}: "command" is a text or a list of words, such as ["/usr/bin/logger", "x"].'
        )
    if "command" in data and not words:
        raise PolicyError(f'The policy {name}: "command" is empty.')
    return tuple(words)


def _words(name: str, said: str) -> list[str]:
    """The words of a command line, as a shell splits it."""
    try:
        return shlex.split(said)
    except ValueError as e:
        raise PolicyError(
            f'The policy {name}: "command" cannot be split into words ({str(e).rstrip(".")}). Put a text with an '
            f"apostrophe or a quotation mark into the other kind of quotes, or write a list of words, such as "
            f'["/usr/bin/logger", "it\'s hot"].'
        ) from e


def _limit(name: str, data: Mapping[str, Any]) -> float:
    value = data.get("limit", 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or ("limit" in data and not value > 0):
        raise PolicyError(f'The policy {name}: "limit" is in watts, or up to 1 a share of what it is; not {value!r}.')
    return float(value)
