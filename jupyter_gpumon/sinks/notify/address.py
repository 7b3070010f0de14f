"""Where alerts go, as it is configured: the URL, secrets from the environment in it, and what is meant for the target.

``webhook:https://host/x?level=critical``: what stands after the ``?`` and is ours (``OPTIONS``) is taken out, the rest
is the receiver's. ``$NAME`` and ``${NAME}`` are filled in from the environment, ``$$`` is a ``$``; ``env:NAME`` is a
whole URL from there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from ...errors import SourceError
from ...findings import LEVELS, Finding

SCHEMES = ("apprise", "alertmanager", "webhook", "log", "desktop")
OPTIONS = ("level", "rules", "as", "rate", "bearer")
"""What every target may say after its ``?``."""

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)
_SHORTEST = 6
"""Characters from which on a part of an address is looked for, to be hidden."""


class Address(Struct, frozen=True, kw_only=True):
    """One target."""

    scheme: str
    url: str
    """What stands behind the scheme, with its secrets: for who sends, and for nobody else."""
    name: str
    """What it is called wherever it is shown."""
    level: str = "info"
    """Only alerts of this level or graver ones."""
    rules: tuple[str, ...] = ()
    """Only alerts of these rules; empty is all."""
    rate: int | None = None
    """Messages a minute; None leaves it to the setting."""
    bearer: str = ""

    def __repr__(self) -> str:
        return f"Address({self.name!r})"

    def wants(self, finding: Finding) -> bool:
        """Whether this is sent there."""
        grave = LEVELS.index(finding.level) <= LEVELS.index(self.level)
        return grave and (not self.rules or finding.rule in self.rules)

    def hidden(self, text: str) -> str:
        """What somebody else said of it, without the address and its parts."""
        host = urlsplit(self.url).hostname or ""
        parts = {self.url, self.bearer, *re.split(r"[/:?&=@#]+", self.url), *re.split(r"[/:?&=@#]+", unquote(self.url))}
        for part in sorted(parts, key=len, reverse=True):
            if len(part) >= _SHORTEST and part.lower() != host:
                text = text.replace(part, "***")
        return text


def read(url: str, variables: Mapping[str, str] = os.environ) -> Address:
    """The target that this URL names.

    Raises:
        SourceError: it names none; the text says what to write, and shows no secret.
    """
    if url.startswith("env:"):
        url = _filled("${" + url[4:] + "}", variables, url)
    scheme, _, rest = url.partition(":")
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        raise SourceError(f"Alerts cannot be sent to {scheme[:20]!r}: a target begins with {known} or env:NAME.")
    rest, options = _options(rest)
    said = {key: _filled(value, variables, scheme) for key, value in options.items()}
    target = _filled(rest, variables, scheme)
    return Address(
        scheme=scheme,
        url=target,
        name=said.get("as") or _name(scheme, target),
        level=_level(scheme, said.get("level", "info")),
        rules=tuple(filter(None, said.get("rules", "").split(","))),
        rate=_rate(scheme, said.get("rate")),
        bearer=said.get("bearer", ""),
    )


def masked(url: str) -> str:
    """What a URL is called, as it was written: variables are not looked up, and nothing of it is an error."""
    scheme, _, rest = url.partition(":")
    if scheme not in SCHEMES:
        return url if scheme == "env" else "***"
    target, options = _options(rest)
    try:
        name = options.get("as") or _name(scheme, target)
    except SourceError:
        name = "$"
    return f"{scheme}:…" if "$" in name else name


def variables(url: str) -> set[str]:
    """The names of the variables that a URL asks for."""
    url = "${" + url[4:] + "}" if url.startswith("env:") else url
    return {match[1] or match[2] for match in _VARIABLE.finditer(url)} - {None}


def _options(rest: str) -> tuple[str, dict[str, str]]:
    """What is the receiver's, and what is ours; of the text as it was written."""
    before, mark, query = rest.partition("?")
    query, hash_, fragment = query.partition("#")
    ours: dict[str, str] = {}
    others = []
    for part in query.split("&") if mark else ():
        key, equals, value = part.partition("=")
        if equals and key in OPTIONS:
            ours[key] = unquote(value)
        else:
            others.append(part)
    kept = f"?{'&'.join(others)}" if any(others) else ""
    return before + kept + hash_ + fragment, ours


def _filled(text: str, variables: Mapping[str, str], where: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None:
            return "$"
        if name not in variables:
            raise SourceError(f"{where}: the environment has no {name}. Set it where this is started, or write $$.")
        return variables[name]

    return _VARIABLE.sub(value, text)


def _name(scheme: str, target: str) -> str:
    """Scheme and host alone: paths of hooks are secrets, and so is all of an Apprise URL but its service."""
    if scheme == "apprise":
        return f"apprise:{target.partition(':')[0][:30]}"
    if scheme in ("log", "desktop"):
        return f"{scheme}:{target}" if target else scheme
    parts = urlsplit(target if "://" in target else f"http://{target}")
    try:
        port = parts.port
    except ValueError:
        raise SourceError(f"{scheme}: the port is to be a number, as in {scheme}:https://host:9093.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceError(f"{scheme}: names no receiver. Write {scheme}:https://host/path.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{scheme}:{parts.scheme}://{host}{'' if port is None else f':{port}'}{path}"


def _level(scheme: str, level: str) -> str:
    if level not in LEVELS:
        raise SourceError(f"{scheme}: level is one of {', '.join(LEVELS)}; not {level!r}.")
    return level


def _rate(scheme: str, rate: str | None) -> int | None:
    if rate is None:
        return None
    if not rate.isdecimal() or int(rate) < 1:
        raise SourceError(f"{scheme}: rate is how many messages a minute, as in rate=10; not {rate!r}.")
    return int(rate)
