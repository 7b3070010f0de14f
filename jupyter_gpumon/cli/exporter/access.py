"""Who may scrape: TLS and passwords, from a file as Prometheus's own exporters read it (exporter-toolkit).

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, ValidationError, convert, field

from ...errors import ExporterError

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "RequestClientCert": ssl.CERT_OPTIONAL,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``tls_server_config``; files are relative to the one they are named in."""

    cert_file: str
    key_file: str
    client_ca_file: str = ""
    client_auth_type: str = "NoClientCert"
    min_version: str = "TLS12"


class WebConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    tls_server_config: Tls | None = None
    basic_auth_users: dict[str, str] = field(default_factory=dict)
    """User → hash of the password: bcrypt, or as ``jupyter server password`` writes it (``argon2:…``)."""


def read(path: Path) -> WebConfig:
    """The configuration in a file.

    Raises:
        ExporterError: it cannot be read, or holds what is not understood; nothing is left open by a misspelt word.
    """
    import yaml

    try:
        found = convert(yaml.safe_load(path.read_text()) or {}, WebConfig)
    except (OSError, yaml.YAMLError, ValidationError, UnicodeDecodeError) as e:
        raise ExporterError(f"{path} is not a web configuration: {e}") from e
    for user, known in found.basic_auth_users.items():
        _checker(user, known)
    return found


def context(tls: Tls, folder: Path) -> ssl.SSLContext:
    """What to wrap connections with.

    Args:
        tls: which files, and what is asked of clients.
        folder: where relative names begin.

    Raises:
        ExporterError: a file cannot be used, or a word means nothing.
    """
    if tls.min_version not in _VERSIONS or tls.client_auth_type not in _CLIENTS:
        known = f"min_version: {', '.join(_VERSIONS)}; client_auth_type: {', '.join(_CLIENTS)}"
        raise ExporterError(f"tls_server_config has {tls.min_version}, {tls.client_auth_type}. There are {known}.")
    found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    found.minimum_version = _VERSIONS[tls.min_version]
    try:
        found.load_cert_chain(folder / tls.cert_file, folder / tls.key_file)
        if tls.client_ca_file:
            found.load_verify_locations(folder / tls.client_ca_file)
    except (OSError, ssl.SSLError) as e:
        raise ExporterError(f"The certificate {tls.cert_file} with key {tls.key_file} cannot be used: {e}") from e
    found.verify_mode = _CLIENTS[tls.client_auth_type]
    return found


class Passwords:
    """Checks the ``Authorization`` header of a request. A check takes a tenth of a second, the second one no time.

    Args:
        users: user → hash of the password; where there is none, everybody may.
    """

    KEPT = 100

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = dict(users)
        self._right: set[bytes] = set()

    def __bool__(self) -> bool:
        return bool(self._users)

    def known(self, header: str) -> bool | None:
        """Whether this header is right, as far as it can be told at once."""
        if not self._users:
            return True
        return True if _mark(header) in self._right else None if header.startswith("Basic ") else False

    def check(self, header: str) -> bool:
        """Whether this header is right; slow on purpose."""
        try:
            user, colon, password = (
                base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return False
        # An unknown user takes as long as a known one: who there is cannot be found out by waiting.
        known = self._users.get(user, next(iter(self._users.values())))
        right = _checker(user, known)(password) and user in self._users and bool(colon)
        if right and len(self._right) < self.KEPT:
            self._right.add(_mark(header))
        return right


def _mark(header: str) -> bytes:
    """Instead of the password itself."""
    return hashlib.sha256(header.encode()).digest()


def _checker(user: str, known: str) -> Any:
    """What tells whether a password has this hash.

    Raises:
        ExporterError: it is a password itself, or needs what is not installed.
    """
    if known.startswith(("argon2:", "sha1:", "sha256:")):
        from jupyter_server.auth.security import passwd_check

        return lambda password: passwd_check(known, password)  # type: ignore[no-untyped-call] # it has no types
    if not known.startswith(("$2a$", "$2b$", "$2y$")):
        raise ExporterError(
            f"The password of {user!r} is to be a hash: bcrypt (htpasswd -nBC 10 {user}), or what "
            "jupyter server password writes (argon2:…)."
        )
    try:
        import bcrypt
    except ImportError as e:
        raise ExporterError('bcrypt hashes need: pip install "jupyter-gpumon[exporter]"') from e
    # Longer ones were cut by all implementations until one refused them.
    return lambda password: bcrypt.checkpw(password.encode()[:72], known.encode())
