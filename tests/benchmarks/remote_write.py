"""Prometheus's remote-write protocol 1.0, as far as it takes to fill one with series: protobuf in a snappy block."""

from __future__ import annotations

import struct
import urllib.request
from collections.abc import Mapping, Sequence

import numpy as np


def request(batch: Sequence[tuple[Mapping[str, str], np.ndarray]], times: np.ndarray) -> bytes:
    """A WriteRequest of Prometheus's remote-write protocol 1.0, in protobuf, as a snappy block of literals."""
    body = b"".join(_field(1, _series(labels, values, times)) for labels, values in batch)
    return _varint(len(body)) + b"".join(
        b"\xf4" + struct.pack("<H", len(part) - 1) + part
        for part in (body[at : at + 65536] for at in range(0, len(body), 65536))
    )


def _series(labels: Mapping[str, str], values: np.ndarray, times: np.ndarray) -> bytes:
    pairs = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels.items()))
    return b"".join(_field(1, pair) for pair in pairs) + _samples(values, times)


def _samples(values: np.ndarray, times: np.ndarray) -> bytes:
    """Of one length each: field 2, 16 bytes of which 8 are the value and 6 the time as a varint."""
    made = np.zeros((len(values), 18), dtype=np.uint8)
    made[:, 0:3] = (0x12, 16, 0x09)
    made[:, 3:11] = values.astype("<f8").view(np.uint8).reshape(-1, 8)
    made[:, 11] = 0x10
    for place in range(6):
        made[:, 12 + place] = (times >> (7 * place)) & 0x7F | (0x80 if place < 5 else 0)
    return made.tobytes()


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def send(url: str, body: bytes) -> None:
    """Write to the Prometheus at this address, which has to be started with ``--web.enable-remote-write-receiver``."""
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    call = urllib.request.Request(f"{url}/api/v1/write", body, headers)
    with urllib.request.urlopen(call, timeout=300) as answer:
        assert answer.status == 204
